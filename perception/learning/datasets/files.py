"""Reading the files of data sets: each failure names the file, each wrong layout what was looked for and found."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import image_file, text_file
from core.errors import CameraError, DatasetError
from core.image import Intrinsics

_AGAIN = (
    "Copy or download this file again, or take the frame out of the data set; what `synth` made, `synth --repair` "
    "renders again."
)
#: How many of a folder's entries a message lists.
_LISTED = 8


def demand_folder(root: Path) -> None:
    """Raises a DatasetError unless `root` is a folder that can be listed."""
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise DatasetError(
            f"{root} cannot be listed ({error.strerror}).", "Name the folder that the data set was unpacked to."
        ) from error


def wrong_layout(kind: str, root: Path, wanted: str) -> DatasetError:
    """Says that nothing of a kind's layout is under `root`, and what is."""
    names = sorted(p.name + "/" * p.is_dir() for p in root.iterdir())
    found = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return DatasetError(
        f"{root} is no {kind} data set: looked for {wanted}, found {found or 'nothing'}.",
        "Name the folder that was unpacked, or choose the --dataset that it is.",
    )


def folders_with(root: Path, holds: Callable[[set[str]], bool], depth: int = 5) -> list[Path]:
    """`root` and the folders below it, in order, whose entries' names satisfy `holds`; not searched inside of those."""
    with os.scandir(root) as entries:
        kinds = {entry.name: entry.is_dir() for entry in entries}
    if holds(set(kinds)):
        return [root]
    names = sorted(name for name, is_folder in kinds.items() if depth and is_folder and not name.startswith("."))
    return [folder for name in names for folder in folders_with(root / name, holds, depth - 1)]


def folders_with_files(root: Path, ending: str) -> list[Path]:
    """As `folders_with`, of files whose names end so."""
    return folders_with(root, lambda names: any(name.endswith(ending) for name in names))


@contextmanager
def _of_a_data_set() -> Iterator[None]:
    try:
        yield
    except CameraError as error:
        raise DatasetError(error.cause, _AGAIN) from error


#: Each raises a DatasetError where its file is missing or damaged. Of an image (H, W, 3) uint8 RGB; of a PNG pixels
#: as stored, (H, W) or (H, W, 3) RGB, of 8 or 16 bits; an array.
read_color = _of_a_data_set()(image_file.read_image)
read_png = _of_a_data_set()(image_file.read_png)
read_npy = _of_a_data_set()(image_file.read_npy)


def read_exr(file: Path, channels: str = "R") -> NDArray[np.float32]:
    """(H, W) float32 of one channel, (H, W, C) of several; a file with one channel alone gives that.

    Raises:
        DatasetError: missing, damaged or without these channels.
    """
    with _of_a_data_set():
        own = image_file.read_exr(file)
    if len(own) == 1 and len(channels) == 1:
        return next(iter(own.values()))
    if lacking := [name for name in channels if name not in own]:
        raise DatasetError(f"{file} has no channel {lacking[0]!r}.", _AGAIN)
    return own[channels] if len(channels) == 1 else np.stack([own[name] for name in channels], -1)


def read_json(file: Path) -> Any:
    """Raises a DatasetError where it is missing or no JSON."""
    demand_file(file)
    try:
        return text_file.read_json(file)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} is not JSON ({error}).", _AGAIN) from error


def read_lines(file: Path) -> list[str]:
    """Raises a DatasetError where it is missing or no text."""
    demand_file(file)
    try:
        return text_file.read_bytes(file, text_file.MOST_JSON_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} is no list ({error}).", _AGAIN) from error


def demand_file(file: Path) -> None:
    """Raises a DatasetError unless the file is there."""
    if not file.is_file():
        raise DatasetError(f"{file} is missing.", _AGAIN)


def possible(intrinsics: Intrinsics) -> Intrinsics:
    """The same; raises a ValueError where no camera has them."""
    sizes = (intrinsics.width, intrinsics.height, intrinsics.fx, intrinsics.fy)
    if not np.isfinite([*sizes, intrinsics.cx, intrinsics.cy]).all() or min(sizes) <= 0:
        raise ValueError(f"no camera has {intrinsics}")
    return intrinsics


def fit_nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Values at (height, width) pixels, the nearest one each: depths and labels must not be mixed."""
    import cv2

    if values.shape[:2] == size:
        return values
    is_bool = values.dtype == bool
    numbers = values.astype(np.uint8) if is_bool else values
    resized = cv2.resize(numbers, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(bool) if is_bool else np.asarray(resized)


def fit_color(color: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Colour at (height, width) pixels, averaged over what each covers."""
    import cv2

    if color.shape[:2] == size:
        return color
    how = cv2.INTER_AREA if size[0] < color.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(color, size[::-1], interpolation=how), np.uint8)


def unit_normals(normals: NDArray[np.float32], intrinsics: Intrinsics) -> NDArray[np.float32]:
    """(H, W, 3) of unit length, turned towards the camera; NaN where the stored vector is none."""
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(length > 0.5, normals / length, np.nan)
    away = np.sum(unit * intrinsics.rays(), axis=-1, keepdims=True) > 0
    return np.where(away, -unit, unit).astype(np.float32)
