"""Writing files so that a full disk, a forbidden folder or another run is an error with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from core.files import hold, replace_file


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


def hold_results(lock: Path, out: Path) -> BinaryIO:
    """Holds a command's results `out` by a file in a folder that is there, as `hold` does.

    Raises:
        ConfigurationError: another run writes there, or nothing can be written.
    """
    with writing(out):
        return hold(lock, ConfigurationError(f"Another run writes to {out}.", "Wait for it, or name another --out."))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3) as PNG, whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    import cv2

    replace_file(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
