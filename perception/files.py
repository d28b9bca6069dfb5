"""Files that are whole or not there, and names that are free; who calls says what an OSError means there."""

import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file, or makes it; a kill at any moment leaves the old or the new one.

    Raises:
        OSError: the disk takes no more, or the folder no file; nothing half written is left.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def free_folder(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3`, ... that is not there yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
