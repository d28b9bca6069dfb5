"""A data set of two clips that several tests read: how the command is asked for it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

#: Its options, but for its folder and the number of clips.
SMALL_SET = ("--frames", "2", "--size", "64x48", "--spp", "2", "--seed", "123")


def render_small_set(out: Path) -> Path:
    """Renders it in one go, in a process of its own."""
    command = [sys.executable, "main.py", "synth", "--out", str(out), "--clips", "2", *SMALL_SET, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rendered"] == 2
    return out


def contents(root: Path) -> dict[str, bytes]:
    """Of every file below a folder, by its path there."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
