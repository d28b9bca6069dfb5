"""Writing files so that a full disk or a forbidden folder is an error with a remedy."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import ConfigurationError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names the file or folder that could not be written, and what to do.

    Raises:
        ConfigurationError: any OSError of the body.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror or error}).",
            "Free some disk (df -h), or write elsewhere: --out where the command has it, or VITRO_HOME.",
        ) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill, which gets its name once all of it is on disk; where that fails, nothing is left.

    Raises:
        OSError: the disk takes no more, or something of that name is there.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        sync_files(partial.iterdir())
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sync_files(files: Iterable[Path]) -> None:
    """Returns when the files would survive a power cut."""
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3) as PNG, whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    import cv2

    write_bytes(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_bytes(content)
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
