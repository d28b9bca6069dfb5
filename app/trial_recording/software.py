"""Which Vitro this is, as logs and recordings name it."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Longest that git is waited for [s].
_PATIENCE_S = 5.0


@cache
def software_version() -> str:
    """`0.1.0+ab12cd34ef56` in a checkout, with `-dirty` where a tracked file was changed; else the version alone."""
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    commit = _commit()
    return f"{version}+{commit}" if commit else version


def _commit() -> str:
    """Nothing where this is no checkout of its own: git would answer for whatever repository lies around it."""
    if not (ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
