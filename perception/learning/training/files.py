"""Files of a run that are whole or not there, and the folder that it has to itself."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError, writing_remedy
from core.files import hold, replace_file

#: What a file system without symbolic links answers.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names the file or folder that could not be written, and what to do.

    Raises:
        TrainingError: any OSError of the body.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written ({error.strerror or error}).",
            writing_remedy(error, "it goes on from the last checkpoint"),
        ) from error


def hold_run(out: Path) -> BinaryIO:
    """Makes a run's folder and holds it until what it gives is closed or let go of, or the process ends (`hold`).

    Raises:
        TrainingError: another run works there, or it cannot be written.
    """
    refusal = TrainingError(f"Another run trains in {out}.", "Wait for it, or name another --out.")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        return hold(out / ".lock", refusal)


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file; a kill at any moment leaves the old or the new one.

    Raises:
        TrainingError: the disk takes no more, or the folder no file.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def link_whole(link: Path, target: Path) -> None:
    """Replaces a link to a file; one to what lies in the link's run stays right when the run's folder is moved.

    Raises:
        TrainingError: as `write_whole`, or the disk takes no links.
    """
    target, folder = target.resolve(), link.parent
    with writing(link):
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
    import cv2

    write_whole(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
