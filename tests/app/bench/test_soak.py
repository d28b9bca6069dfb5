"""What a soak counts is what a process holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

#: In a process of its own: others' threads take and give back memory while they run.
KEEP = """
import sys, threading
from pathlib import Path
from app.bench.soak import use

folder, go_on = Path(sys.argv[1]), threading.Event()
before = use(folder, 3)
kept = bytearray(b"1" * 50_000_000)
thread = threading.Thread(target=go_on.wait)
thread.start()
with (folder / "left").open("wb"):
    after = use(folder, 4)
go_on.set()
thread.join()
counts = after.threads, after.handles, after.temporary, after.rows
assert counts == (before.threads + 1, before.handles + 1, before.temporary + 1, 4)
assert 40 < after.memory_mb - before.memory_mb < 60 and kept
assert use(folder, 4).handles == before.handles
"""


@pytest.mark.slow
def test_a_handle_a_thread_a_file_and_memory_that_are_kept_are_counted(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KEEP, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
