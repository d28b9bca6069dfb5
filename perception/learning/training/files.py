"""Files of a run that are whole or not there, and the folder that it has to itself."""

import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.files import hold, replace_file, writing
from core.image_file import write_image

#: What a file system without symbolic links answers.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}


def writing_run(path: Path) -> AbstractContextManager[None]:
    """`writing`, in a run that goes on from its last checkpoint."""
    return writing(path, "it goes on from the last checkpoint")


def hold_run(out: Path) -> BinaryIO:
    """Makes a run's folder and holds it until what it gives is closed or let go of, or the process ends (`hold`).

    Raises:
        TrainingError: another run works there.
        StorageError: it cannot be written.
    """
    refusal = TrainingError(f"Another run trains in {out}.", "Wait for it, or name another --out.")
    with writing_run(out):
        out.mkdir(parents=True, exist_ok=True)
        return hold(out / ".lock", refusal)


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file; a kill at any moment leaves the old or the new one.

    Raises:
        StorageError: the disk takes no more, or the folder no file.
    """
    with writing_run(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def link_whole(link: Path, target: Path) -> None:
    """Replaces a link to a file; one to what lies in the link's run stays right when the run's folder is moved.

    Raises:
        StorageError: as `write_whole`.
        TrainingError: the disk takes no links.
    """
    target, folder = target.resolve(), link.parent
    with writing_run(link):
        folder.mkdir(parents=True, exist_ok=True)
        is_inside = target.is_relative_to(folder.parent.resolve())
        to = Path(os.path.relpath(target, folder.resolve())) if is_inside else target
        if link.is_symlink() and link.readlink() == to:
            return
        partial = link.with_name(f".{link.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            partial.symlink_to(to)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            remedy = f"exFAT and FAT take none: move {folder.parent} to a disk that does, and go on there."
            raise TrainingError(f"The disk of {link} takes no symbolic links.", remedy) from error
        partial.replace(link)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3). Raises as `write_whole`."""
    with writing_run(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image)
