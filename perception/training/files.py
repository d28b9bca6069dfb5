"""Files of a run that are whole or not there."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError, writing_remedy


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file; a kill at any moment leaves the old or the new one.

    Raises:
        TrainingError: the disk takes no more, or the folder no file.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise TrainingError(
            f"{path} cannot be written ({error.strerror or error}).",
            writing_remedy(error, "it goes on from the last checkpoint"),
        ) from error


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3). Raises as `write_whole`."""
    import cv2

    write_whole(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
