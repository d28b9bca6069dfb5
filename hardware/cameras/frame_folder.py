"""A folder of frames as a camera: what a dataset, a colleague or another sensor can be turned into.

NNNNNN.png          colour, 8 bit
NNNNNN.depth.npy    float32 metres, aligned to colour, NaN or 0 where there is none (optional)
intrinsics.json     fx, fy, cx, cy [px], width, height; optional serial
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.files import writing
from core.image import Intrinsics, known_depth
from core.image_file import read_image, read_npy
from core.text_file import read_json
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.intrinsics.check import for_size, why_not

_FRAME = re.compile(r"\d{6}\.png")
#: A folder keeps no times: its frames are stamped as if taken at this rate.
_NOMINAL_FPS = 30.0
_LAYOUT = (
    "A frame folder holds NNNNNN.png, optional NNNNNN.depth.npy (float32 metres) "
    "and intrinsics.json with fx, fy, cx, cy, width, height."
)


class FrameFolderCamera(Camera):
    """Plays a frame folder in the order of its frame numbers.

    Raises:
        CameraError: no folder, no frames in it, or intrinsics that are missing or unusable.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        if not self._path.is_dir():
            raise CameraError(f"{self._path} is not a folder.", "Name an existing folder of frames.")
        self.name = str(self._path)
        self.intrinsics, self._serial = _read_intrinsics(self._path)
        self._images = sorted(p for p in self._path.iterdir() if _FRAME.fullmatch(p.name))
        if not self._images:
            raise CameraError(f"{self._path} holds no frame.", _LAYOUT)
        self._next = 0

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame; a folder never waits.

        Raises:
            CameraError: a damaged image or depth file, or one of the wrong size or type.
            EndOfRecording: every frame has been read.
        """
        if self._next >= len(self._images):
            raise EndOfRecording(self.name, len(self._images))
        image = self._images[self._next]
        self._next += 1
        number = int(image.stem)
        color, k = read_image(image), self.intrinsics
        if color.shape[:2] != (k.height, k.width):
            raise CameraError(
                f"{image} is {color.shape[1]}x{color.shape[0]} but intrinsics.json says {k.width}x{k.height}.",
                for_size(k, color.shape[1], color.shape[0]),
            )
        depth_m = _read_depth(image.with_suffix(".depth.npy"), k)
        return RgbdFrame(color, depth_m, k, self._serial, number, number / _NOMINAL_FPS, self.name)

    def close(self) -> None:
        self._next = len(self._images)


def is_frame_folder(path: Path) -> bool:
    """Whether a folder is in this layout, be its files sound or not."""
    return (path / "intrinsics.json").exists() and any(_FRAME.fullmatch(p.name) for p in path.iterdir())


def write_frame_folder(path: Path, frames: Iterable[RgbdFrame]) -> int:
    """Writes frames as 000000, 000001, ... into a new or empty folder; returns how many.

    Frames without any depth get no depth file. Infrared images and stamps are not kept. Where
    `frames` fails, those written before can be read.

    Raises:
        CameraError: the folder holds something already, there was no frame, or the frames do not share
            their intrinsics.
        StorageError: the folder cannot be written.
    """
    import cv2

    path = Path(path)
    count, first = 0, None
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise CameraError(f"{path} is not empty.", "Name a new folder: nothing is overwritten.")
        for frame in frames:
            if first is None:
                first = frame.intrinsics
                (path / "intrinsics.json").write_text(
                    json.dumps(asdict(first) | {"serial": frame.serial}, indent=2) + "\n"
                )
            if frame.intrinsics != first:
                raise CameraError(
                    f"Frame {frame.number} has other intrinsics than the first.", "Write a folder a camera."
                )
            image = path / f"{count:06d}.png"
            if np.isfinite(frame.depth_m).any():  # depth first: an image without it would be read as one that has none
                np.save(image.with_suffix(".depth.npy"), frame.depth_m.astype(np.float32))
            image.write_bytes(cv2.imencode(".png", cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR))[1].tobytes())
            count += 1
    if not count:
        raise CameraError(f"There was no frame to write to {path}.", "Give at least one frame.")
    return count


def _read_intrinsics(folder: Path) -> tuple[Intrinsics, str]:
    file = folder / "intrinsics.json"
    try:
        values = read_json(file, is_finite=False)
        k = Intrinsics(
            width=int(values["width"]),
            height=int(values["height"]),
            **{key: float(values[key]) for key in ("fx", "fy", "cx", "cy")},
        )
    except FileNotFoundError:
        raise CameraError(f"{folder} has no intrinsics.json.", _LAYOUT) from None
    except OSError as error:
        raise CameraError(f"{file} cannot be read ({error.strerror}).", "Mend its permissions.") from error
    except KeyError as error:
        raise CameraError(f"{file} lacks {error}.", _LAYOUT) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise CameraError(f"{file} is not the JSON of a camera: {error}.", _LAYOUT) from error
    if reason := why_not(k):
        raise CameraError(f"{file} has {reason}.", "Give fx, fy, cx, cy in pixels, of these very pictures.")
    return k, str(values.get("serial", folder.name))


def _read_depth(file: Path, k: Intrinsics) -> NDArray[np.float32]:
    if not file.exists():
        return np.full((k.height, k.width), np.nan, np.float32)
    depth_m = read_npy(file)
    if depth_m.dtype != np.float32:
        raise CameraError(f"{file} is {depth_m.dtype}.", "Save depth as float32 metres (millimetres / 1000).")
    if depth_m.shape != (k.height, k.width):
        raise CameraError(
            f"{file} has shape {depth_m.shape} but the colour is {(k.height, k.width)}.",
            "Align depth to colour before exporting it.",
        )
    return known_depth(depth_m)
