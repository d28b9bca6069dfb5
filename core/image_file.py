"""Image files as colour: decoded strictly, for a damaged frame is worse than none."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.files import replace_file

_EIGHT_BIT_MODES = ("1", "RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "YCbCr", "CMYK")


def read_image(file: Path) -> NDArray[np.uint8]:
    """Colour (H, W, 3) of an 8-bit image, turned upright where its EXIF data say so; transparency is dropped.

    Raises:
        CameraError: a file that cannot be read, is cut off or fails its checksums, or is not 8 bit.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        data = file.read_bytes()
        with warnings.catch_warnings(), Image.open(BytesIO(data)) as image:
            # Large is no attack here: the file is the user's own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.format == "PNG":
                _check_png(data)
            if image.mode not in _EIGHT_BIT_MODES:
                raise CameraError(f"{file} is not 8 bit ({image.mode}).", "Save colour as 8-bit RGB or grey PNG.")
            upright = image if image.format == "PNG" else ImageOps.exif_transpose(image)
            return np.array(upright.convert("RGB"))
    except FileNotFoundError as error:
        raise CameraError(f"{file} is missing.", "Copy or export this frame again.") from error
    except OSError as error:
        reason = error.strerror or error
        if isinstance(error, UnidentifiedImageError):
            reason = "not an image"
        raise CameraError(f"{file} cannot be decoded ({reason}).", "Copy or export this frame again.") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CameraError(f"{file} cannot be decoded ({error}).", "Copy or export this frame again.") from error


def _check_png(data: bytes) -> None:
    """Pillow decodes pixels without looking at their checksums unless it is asked to."""
    from PIL import Image

    with Image.open(BytesIO(data)) as image:
        image.verify()


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3) as PNG, whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    import cv2

    replace_file(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
