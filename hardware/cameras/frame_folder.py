"""A folder of frames as a camera: what a dataset, a colleague or another sensor can be turned into.

NNNNNN.png          colour, 8 bit; or another name or .jpg, in natural order
NNNNNN.depth.npy    float32 metres, aligned to colour, NaN or 0 where there is none (optional); or a 16-bit .depth.png;
                    or color_7.png with depth_7.png, and whatever else differs by such words alone
intrinsics.json     fx, fy, cx, cy [px], width, height; optional serial, depth_scale [m a unit], model and coeffs of the
                    lens; or what RealSense, Open3D or ROS write (hardware/cameras/intrinsics/files.py)
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.files import writing
from core.image import Intrinsics, depth_unit_m, known_depth
from core.image_file import png_bytes, read_exr_depth, read_image, read_npy, read_png
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.clips.clip import NOMINAL_FPS
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.intrinsics.check import for_size
from hardware.cameras.intrinsics.files import NAMES, describes_camera, read_intrinsics
from hardware.cameras.intrinsics.lens import Lens, undistort

_FRAME = re.compile(r"\d{6}\.png")
#: Endings of pictures.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
#: What is called so is depth.
_DEPTH = "depth"
#: What tells colour from depth, or nothing, in names.
_WORDS = re.compile(r"colou?r|rgb|image|img|frame|aligned|depth")
_BETWEEN = re.compile(r"[\W_]+")
_LAYOUT = (
    "A frame folder holds NNNNNN.png, optional NNNNNN.depth.npy (float32 metres) or NNNNNN.depth.png (16 bits), "
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
        camera = read_intrinsics(_intrinsics_file(self._path))
        self.intrinsics, self._serial = camera.intrinsics, camera.serial or self._path.name
        self._depth_scale = camera.depth_scale
        self._undistortion = camera.lens.undistortion(camera.intrinsics, self.name)
        self._images = _images(self._path)
        if not self._images:
            raise CameraError(f"{self._path} holds no frame.", _LAYOUT)
        names = {p.name.lower(): p for p in self._path.iterdir()}
        self._depths = _depth_files(self._images, names)
        self._numbers = _numbers(self._images)
        self.notes = tuple(self._notes(camera.lens, names))
        self._next = 0

    def _notes(self, lens: Lens, names: dict[str, Path]) -> Iterator[str]:
        """What people should know of how this folder is read."""
        if self._undistortion is not None:
            yield f"colour and depth are undistorted ({lens.model or 'opencv'}, {len(lens.coefficients)} coefficients)"
        used = {depth.name for depth in self._depths if depth is not None}
        left = sorted(p.name for p in names.values() if _DEPTH in p.name.lower() and p.name not in used)
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            yield f"{left[0]}{more} ignored: depth is STEM.depth.npy, .png or .exr beside the colour image of that STEM"
        if self._depth_scale is None and any(name.lower().endswith(".png") for name in used):
            yield "16-bit depth is read as millimetres: say otherwise with depth_scale in intrinsics.json"

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame; a folder never waits.

        Raises:
            CameraError: a damaged image or depth file, or one of the wrong size or type.
            EndOfRecording: every frame has been read.
        """
        if self._next >= len(self._images):
            raise EndOfRecording(self.name, len(self._images))
        image, depth, number = self._images[self._next], self._depths[self._next], self._numbers[self._next]
        self._next += 1
        color, k = read_image(image), self.intrinsics
        if color.shape[:2] != (k.height, k.width):
            raise CameraError(
                f"{image} is {color.shape[1]}x{color.shape[0]} but intrinsics.json says {k.width}x{k.height}.",
                for_size(k, color.shape[1], color.shape[0]),
            )
        depth_m = _read_depth(depth, k, self._depth_scale)
        if self._undistortion is not None:
            color, depth_m = undistort(color, depth_m, self._undistortion)
        return RgbdFrame(color, depth_m, k, self._serial, number, number / NOMINAL_FPS, self.name)

    def close(self) -> None:
        self._next = len(self._images)


def is_frame_folder(path: Path) -> bool:
    """Whether a folder is in this layout, be its files sound or not."""
    file, images = next((path / name for name in NAMES if (path / name).is_file()), None), _images(path)
    if file is None or not images:
        return False
    return any(_FRAME.fullmatch(image.name) for image in images) or describes_camera(file)


def refuse_empty(folder: Path) -> None:
    """Raises a CameraError where nothing at all lies in a folder."""
    if not any(folder.iterdir()):
        raise CameraError(f"{folder} is empty.", _LAYOUT)


def write_frame_folder(path: Path, frames: Iterable[RgbdFrame]) -> int:
    """Writes frames as 000000, 000001, ... into a new or empty folder; returns how many.

    Frames without any depth get no depth file. Infrared images and stamps are not kept. Where
    `frames` fails, those written before can be read.

    Raises:
        CameraError: the folder holds something already, there was no frame, or the frames do not share
            their intrinsics.
        StorageError: the folder cannot be written.
    """
    path = Path(path)
    count, first = 0, None
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise CameraError(f"{path} is not empty.", "Name a new folder: nothing is overwritten.")
        try:
            for frame in frames:
                if first is None:
                    first = frame.intrinsics
                    content = json.dumps(asdict(first) | {"serial": frame.serial}, indent=2)
                    (path / "intrinsics.json").write_text(content + "\n")
                if frame.intrinsics != first:
                    raise CameraError(
                        f"Frame {frame.number} has other intrinsics than the first.", "Write a folder a camera."
                    )
                _write_frame(path / f"{count:06d}.png", frame)
                count += 1
        except OSError:
            if not count:  # so that the same command goes again
                shutil.rmtree(path, ignore_errors=True)
            raise
    if not count:
        raise CameraError(f"There was no frame to write to {path}.", "Give at least one frame.")
    return count


def _write_frame(image: Path, frame: RgbdFrame) -> None:
    """Both its files, or none."""
    depth = image.with_suffix(".depth.npy")
    try:
        if np.isfinite(frame.depth_m).any():  # depth first: an image without it would be read as one that has none
            np.save(depth, frame.depth_m.astype(np.float32))
        image.write_bytes(png_bytes(frame.color))
    except OSError:
        depth.unlink(missing_ok=True)
        image.unlink(missing_ok=True)
        raise


def _intrinsics_file(folder: Path) -> Path:
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    refuse_empty(folder)
    if inner := sorted(path.parent for name in NAMES for path in folder.glob(f"*/{name}")):
        raise CameraError(f"The frames lie one folder down: {folder} has no intrinsics.json.", f"Name {inner[0]}.")
    raise CameraError(f"{folder} has no intrinsics.json.", _LAYOUT)


def _images(folder: Path) -> list[Path]:
    """The colour images in natural order, 2 before 10; NAME.what.png beside NAME.png tells of that image."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    stems = {p.stem for p in images}
    told = (p for p in images if "." in p.stem and p.stem.partition(".")[0] in stems)
    return sorted({p for p in images if _DEPTH not in p.stem.lower()} - set(told), key=natural_key)


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Runs of digits compare as numbers, all else as text; names that are equal so, by their bytes."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p], path.name


def _numbers(images: list[Path]) -> list[int]:
    """The frames' numbers: the last in their names, or, where these do not rise, their places."""
    digits = [re.findall(r"\d+", image.stem) for image in images]
    numbers = [int(found[-1]) if found else 0 for found in digits]
    return numbers if all(a < b for a, b in pairwise(numbers)) else list(range(len(images)))


def _depth_files(images: list[Path], names: dict[str, Path]) -> list[Path | None]:
    """For each colour image the depth beside it: called as it is and .depth, or else unlike it by words alone."""
    depths = [p for p in names.values() if _DEPTH in p.stem.lower() and p.suffix.lower() in _READERS]
    # What is aligned to colour first, then by how it is read; never as the file system lists them.
    depths.sort(key=lambda p: ("aligned" not in p.stem.lower(), list(_READERS).index(p.suffix.lower()), p.name))
    # Of those of one name the first stays.
    by_stem = {p.stem.lower(): p for p in reversed(depths)}
    by_key = {_key(p): p for p in reversed(depths)}
    alike = Counter(_key(image) for image in images)

    def find(image: Path) -> Path | None:
        key, stems = _key(image), (f"{image.stem.lower()}{dot}{_DEPTH}" for dot in "._-")
        exact = (by_stem[stem] for stem in stems if stem in by_stem)
        return next(exact, by_key.get(key) if alike[key] == 1 else None)

    return [find(image) for image in images]


def _key(path: Path) -> str:
    """A name without what tells colour from depth: color_07 and 07.depth are of one moment."""
    return _BETWEEN.sub("-", _WORDS.sub("", path.stem.lower())).strip("-")


def _read_depth(file: Path | None, k: Intrinsics, depth_scale: float | None) -> NDArray[np.float32]:
    if file is None:
        return np.full((k.height, k.width), np.nan, np.float32)
    depth = _READERS[file.suffix.lower()](file)
    if depth.dtype != (np.uint16 if file.suffix.lower() == ".png" else np.float32):
        raise CameraError(
            f"{file} is {depth.dtype}.", "Save depth as float32 metres (millimetres / 1000), or as a 16-bit PNG."
        )
    if depth.shape != (k.height, k.width):
        raise CameraError(
            f"{file} has shape {depth.shape} but the colour is {(k.height, k.width)}.",
            "Align depth to colour before exporting it.",
        )
    return known_depth(depth * np.float32(depth_unit_m(depth, depth_scale)))


#: How depth is read, by its file's ending, the first that is there.
_READERS = {".npy": read_npy, ".png": read_png, ".exr": read_exr_depth}
