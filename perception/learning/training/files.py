"""Files of a run, and the folder that it has to itself."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.files import writing
from core.image_file import write_image
from core.work import hold_folder

#: What the same command does once a file can be written.
GOES_ON = "it goes on from the last checkpoint"


def hold_run(out: Path) -> BinaryIO:
    """Makes a run's folder and keeps other runs out of it, as `hold_folder`.

    Raises:
        TrainingError: another run works there.
        StorageError: it cannot be written.
    """
    refusal = TrainingError(f"Another run trains in {out}.", "Wait for it, or name another --out.")
    return hold_folder(out, refusal, then=GOES_ON)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3), and its folder. Raises as `write_whole`."""
    with writing(path, GOES_ON):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image)
