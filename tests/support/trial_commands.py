"""`python main.py trials ...` as programs call it."""

import json
from typing import Any

from typer.testing import CliRunner

from app.cli import app as cli


def call(*arguments: object, code: int = 0) -> Any:
    """The JSON of a command, or what it says where it fails."""
    done = CliRunner().invoke(cli, ["trials", *map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr
