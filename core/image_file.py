"""Image files: decoded strictly, for a damaged frame is worse than none."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.files import replace_file

_AGAIN = "Copy or export this frame again."
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
                # Pillow decodes pixels without looking at their checksums unless it is asked to.
                Image.open(BytesIO(data)).verify()
            if image.mode not in _EIGHT_BIT_MODES:
                raise CameraError(f"{file} is not 8 bit ({image.mode}).", "Save colour as 8-bit RGB or grey PNG.")
            upright = image if image.format == "PNG" else ImageOps.exif_transpose(image)
            return np.array(upright.convert("RGB"))
    except FileNotFoundError as error:
        raise CameraError(f"{file} is missing.", _AGAIN) from error
    except OSError as error:
        reason = error.strerror or error
        if isinstance(error, UnidentifiedImageError):
            reason = "not an image"
        raise CameraError(f"{file} cannot be decoded ({reason}).", _AGAIN) from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CameraError(f"{file} cannot be decoded ({error}).", _AGAIN) from error


def read_png(file: Path) -> NDArray[Any]:
    """Pixels as stored: (H, W) or (H, W, 3) RGB, of 8 or 16 bits.

    Raises:
        CameraError: missing or damaged.
    """
    import cv2

    demand_file(file)
    data = file.read_bytes()
    # Decoders fill up a file that was cut off; PNG's last chunk tells.
    is_cut = data[:4] == b"\x89PNG" and b"IEND" not in data[-16:]
    image = None if is_cut or not data else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise CameraError(f"{file} cannot be decoded ({'cut off' if is_cut else 'not an image'}).", _AGAIN)
    return image if image.ndim == 2 else np.ascontiguousarray(image[..., 2::-1])


def read_exr(file: Path) -> dict[str, NDArray[np.float32]]:
    """(H, W) of every channel, by its name.

    Raises:
        CameraError: missing or damaged.
    """
    import OpenEXR

    demand_file(file)
    try:
        with OpenEXR.File(str(file), separate_channels=True) as exr:
            return {name: np.array(channel.pixels, np.float32) for name, channel in exr.channels().items()}
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise CameraError(f"{file} cannot be decoded ({error}).", _AGAIN) from error


def read_npy(file: Path) -> NDArray[Any]:
    """One array of numbers.

    Raises:
        CameraError: missing, damaged or something else.
    """
    demand_file(file)
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CameraError(f"{file} cannot be read ({error}).", _AGAIN) from error
    if not isinstance(array, np.ndarray):
        raise CameraError(f"{file} cannot be read (not an array).", _AGAIN)
    return array


def demand_file(file: Path) -> None:
    """Raises a CameraError unless the file is there."""
    if not file.is_file():
        raise CameraError(f"{file} is missing.", _AGAIN)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3) as PNG, whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    import cv2

    replace_file(path, cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
