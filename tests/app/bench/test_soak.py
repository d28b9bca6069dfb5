"""What a soak counts is what a process holds."""

import threading
from pathlib import Path

from app.bench.soak import use


def test_a_handle_a_thread_a_file_and_memory_that_are_kept_are_counted(tmp_path: Path) -> None:
    folder, go_on = tmp_path / "temporary", threading.Event()
    folder.mkdir()
    before = use(folder, 3)
    kept = b"1" * 50_000_000
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    with (folder / "left").open("wb"):
        after = use(folder, 4)
    go_on.set()
    thread.join()
    assert (after.threads, after.handles, after.temporary, after.rows) == (
        before.threads + 1,
        before.handles + 1,
        before.temporary + 1,
        4,
    )
    assert 40 < after.memory_mb - before.memory_mb < 120 and kept  # other threads of this process take some too
    assert use(folder, 4).handles == before.handles
