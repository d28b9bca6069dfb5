"""Files of a run that are whole or not there, and the folder that it has to itself."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError, writing_remedy
from perception.files import hold, replace_file


def hold_run(out: Path) -> BinaryIO:
    """Makes a run's folder and holds it until what it gives is closed or let go of, or the process ends (`hold`).

    Raises:
        TrainingError: another run works there, or it cannot be written.
    """
    refusal = TrainingError(f"Another run trains in {out}.", "Wait for it, or name another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return hold(out / ".lock", refusal)
    except OSError as error:
        raise TrainingError(f"{out} cannot be written ({error.strerror}).", "Name another --out.") from error


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file; a kill at any moment leaves the old or the new one.

    Raises:
        TrainingError: the disk takes no more, or the folder no file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise TrainingError(
            f"{path} cannot be written ({error.strerror or error}).",
            writing_remedy(error, "it goes on from the last checkpoint"),
        ) from error


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3). Raises as `write_whole`."""
    import cv2

    write_whole(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
