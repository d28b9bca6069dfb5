"""Image files: decoded strictly, for a damaged frame is worse than none."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.files import replace_file

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: The most pixels of an image that are decoded, 7680x4320 and a little more: 270 MB in 16 bits and four channels.
MOST_PIXELS = 1 << 25
_AGAIN = "Copy or export this frame again."
#: As many letters of what a decoder says are told.
_SAID = 200
#: What cameras and video tools write; Pillow knows formats too that start other programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
#: Depth in metres or millimetres is between, and what marks holes is more pixels than these.
_LEAST_DEPTH, _MOST_DEPTH, _FEW = 1e-3, 1e5, 3
_READING_EXR = Lock()
_EIGHT_BIT_MODES = ("1", "RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "YCbCr", "CMYK")


def read_image(file: Path) -> NDArray[np.uint8]:
    """Colour (H, W, 3) of an 8-bit image, turned upright where its EXIF data say so; transparency is dropped.

    Raises:
        CameraError: a file that cannot be read, is cut off or fails its checksums, or is not 8 bit.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    with _naming_damage(file):
        data = file.read_bytes()
        try:
            opened = Image.open(BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise ValueError("not an image") from None
        with opened as image:
            demand_pixels(*image.size)
            if image.format == "PNG":
                demand_sound_png(data)
            if image.mode not in _EIGHT_BIT_MODES:
                raise CameraError(f"{file} is not 8 bit ({image.mode}).", "Save colour as 8-bit RGB or grey PNG.")
            upright = image if image.format == "PNG" else ImageOps.exif_transpose(image)
            return np.array(upright.convert("RGB"))


def read_png(file: Path) -> NDArray[Any]:
    """Pixels as stored: (H, W) or (H, W, 3) RGB, of 8 or 16 bits.

    Raises:
        CameraError: missing or damaged.
    """
    import cv2

    with _naming_damage(file):
        data = file.read_bytes()
        demand_sound_png(data)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError("no decoder takes it")
    return image if image.ndim == 2 else np.ascontiguousarray(image[..., 2::-1])


def read_exr(file: Path) -> dict[str, NDArray[np.float32]]:
    """(H, W) of every channel, by its name.

    Raises:
        CameraError: missing or damaged.
    """
    import OpenEXR

    # OpenEXR warns of damage on standard output, where a program may await JSON; readers take turns, for that is one
    # for all threads.
    with _naming_damage(file), _READING_EXR, redirect_stdout(StringIO()):
        demand_file(file)
        with OpenEXR.File(str(file), header_only=True) as exr:
            low, high = exr.header()["dataWindow"]
            demand_pixels(*(int(last) - int(first) + 1 for first, last in zip(low, high, strict=True)))
        with OpenEXR.File(str(file), separate_channels=True) as exr:
            return {name: np.array(channel.pixels, np.float32) for name, channel in exr.channels().items()}


def read_exr_depth(file: Path) -> NDArray[np.float32]:
    """(H, W) of the channel that is depth: Z, Y, R or V, else the first.

    Without compression, and with RLE, PIZ, B44 and DWA, EXR has no checksum: a flipped byte shows by numbers that no
    depth has. What marks holes (-1, 1e10) is many pixels' one number; damage gives each its own.

    Raises:
        CameraError: missing or damaged.
    """
    channels = read_exr(file)
    depth = channels[next((name for name in ("Z", "Y", "R", "V") if name in channels), next(iter(channels)))]
    size = np.abs(depth[np.isfinite(depth) & (depth != 0)])
    strange = np.concatenate([size[(size < _LEAST_DEPTH) | (size > _MOST_DEPTH)], -depth[depth < 0]])
    if len(strange) and np.unique(strange, return_counts=True)[1].min() <= _FEW:
        raise CameraError(f"{file} is damaged: it has depths such as {strange[0]:.3g}.", _AGAIN)
    return depth


def read_npy(file: Path) -> NDArray[Any]:
    """One array of numbers.

    Raises:
        CameraError: missing, damaged or something else.
    """
    with _naming_damage(file, "read"):
        demand_file(file)
        # Mapped first: its header may state more than memory holds, and is compared with the file's size so.
        array = np.load(file, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise ValueError("not an array of numbers")
        return np.array(array)


@contextmanager
def _naming_damage(file: Path, done: str = "decoded") -> Iterator[None]:
    """Raises a CameraError that names the file, for whatever its decoder raises."""
    try:
        with warnings.catch_warnings():
            # Of metadata that are damaged or old: a picture is judged by its pixels.
            warnings.simplefilter("ignore")
            yield
    except CameraError:
        raise
    except FileNotFoundError as error:
        raise CameraError(f"{file} is missing.", _AGAIN) from error
    except Exception as error:  # decoders index, unpack and evaluate their way through damaged bytes
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        said = " ".join(str(reason).split()) or type(error).__name__
        raise CameraError(f"{file} cannot be {done} ({said[:_SAID]}).", _AGAIN) from error


def demand_file(file: Path) -> None:
    """Raises a CameraError unless the file is there."""
    if not file.is_file():
        raise CameraError(f"{file} is missing.", _AGAIN)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB image (H, W, 3) as PNG, whole or not at all.

    Raises:
        OSError: the folder takes no file.
    """
    replace_file(path, png_bytes(image))


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """An RGB image (H, W, 3) as a PNG file has it."""
    import cv2

    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def demand_sound_png(data: bytes) -> None:
    """Raises a ValueError unless the bytes begin with a whole PNG of a size that can be decoded; what follows is free.

    A decoder fills up a file that was cut off, and takes memory for whatever size the header states.
    """
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError("not a PNG image" if data else "an empty file")
    view, at, kind = memoryview(data), len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        content = view[at + 4 : at + 8 + length]
        if len(content) < 4 + length or at + 12 + length > len(data):
            raise ValueError("cut off")
        if zlib.crc32(content) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise ValueError(f"its {kind.decode('ascii', 'replace')} chunk fails its checksum")
        if at == len(PNG_SIGNATURE):
            _demand_size(kind, bytes(content[4:12]))
        at += 12 + length


def demand_pixels(width: int, height: int) -> None:
    """Raises a ValueError for a size that no picture here has."""
    if not 0 < width * height <= MOST_PIXELS or min(width, height) < 1:
        raise ValueError(f"it says that it is {width}x{height}; {MOST_PIXELS} pixels are the most")


def _demand_size(kind: bytes, content: bytes) -> None:
    if kind != b"IHDR" or len(content) < 8:
        raise ValueError("it does not begin with its size")
    demand_pixels(*struct.unpack(">II", content))
