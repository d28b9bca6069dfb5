"""ClearPose (github opipari/ClearPose): 63 transparent objects, filmed with an L515.

<root>/set<N>/scene<M>/, or any folder above or at it, holds for each frame NNNNNN
    NNNNNN-color.png, NNNNNN-depth.png (sensor, mm), NNNNNN-depth_true.png (mm),
    NNNNNN-label.png (which object), NNNNNN-normal_true.png ((n + 1) / 2 * 255, camera axes)
and one metadata.mat with a struct a frame: intrinsics, T_world_camera, the objects' poses.
The truth is the sensor's depth with the objects rendered into it: beyond them it is the sensor's.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.image import Intrinsics, known_depth
from hardware.cameras.foreign.mat_file import read_structs
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, FrameClip, stems_of

#: What metadata.mat says of a frame.
Record = Mapping[str, NDArray[np.float64]]
_TRUTH = "-depth_true.png"
_AGAIN = "Download the scene again."
#: data/objects.csv of the release: the transparent objects by label; YCB's and HOPE's have higher ones.
_COUNTS = (
    *(("beaker", 1), ("dropper", 2), ("flask", 1), ("funnel", 1), ("graduated_cylinder", 2), ("pan", 3)),
    *(("reagent_bottle", 2), ("stick", 1), ("syringe", 1), ("bottle", 5), ("bowl", 6), ("container", 5)),
    *(("fork", 1), ("knife", 2), ("mug", 2), ("pitcher", 1), ("plate", 2), ("spoon", 2), ("water_cup", 14)),
    ("wine_cup", 9),
)
_FAMILIES = dict(enumerate((name for name, count in _COUNTS for _ in range(count)), start=1))


def open_root(root: Path) -> Dataset:
    """A clip a scene.

    Raises:
        DatasetError: nothing of this layout is there.
    """
    folders = files.folders_with_files(root, _TRUTH)
    if not folders:
        raise files.wrong_layout(
            "clearpose", root, f"set*/scene*/ with NNNNNN-color.png, NNNNNN{_TRUTH} and metadata.mat"
        )
    # One scene's file tells of all of its frames.
    metadata = lru_cache(maxsize=None)(_read_metadata)
    read = partial(_read, metadata)
    clips = [FrameClip(f.relative_to(root).as_posix(), True, f, stems_of(f, _TRUTH), read) for f in folders]
    return Dataset("ClearPose", tuple(clips))


def _read_metadata(file: Path) -> Mapping[str, Record]:
    files.demand_file(file)
    try:
        return read_structs(file)
    except ValueError as error:
        raise DatasetError(f"{file} cannot be read ({error}).", _AGAIN) from error


def _read(metadata: Callable[[Path], Mapping[str, Record]], folder: Path, stem: str) -> DatasetFrame:
    color, file = files.read_color(folder / f"{stem}-color.png"), folder / "metadata.mat"
    records = metadata(file)
    if stem not in records:
        raise DatasetError(f"{file} says nothing of frame {stem}.", _AGAIN)
    record, size = records[stem], color.shape[:2]
    intrinsics, unit = _camera(record, size, file)

    def pixels(what: str) -> NDArray[Any]:
        return _pixels(folder / f"{stem}-{what}.png", size)

    pose = _matrix(record, ("rotation_translation_matrix",), (3, 4), file)
    label = pixels("label").astype(np.int32)
    return DatasetFrame(
        color,
        known_depth(pixels("depth_true") / unit),
        intrinsics,
        sensor_m=known_depth(pixels("depth") / unit),
        transparent=(label > 0) & (label <= max(_FAMILIES)),
        instance_ids=label,
        normals=files.unit_normals(pixels("normal_true").astype(np.float32) / 127.5 - 1, intrinsics),
        T_world_camera=np.vstack([pose, [0.0, 0.0, 0.0, 1.0]]),
        families=_FAMILIES,
    )


def _camera(record: Record, size: tuple[int, int], file: Path) -> tuple[Intrinsics, float]:
    """The intrinsics of a frame of this size (height, width), and how many of its depth's units make a metre."""
    height, width = size
    k = _matrix(record, ("intrinsic_matrix", "camera_intrinsics"), (3, 3), file)
    unit = float(_matrix(record, ("factor_depth",), (1, 1), file)[0, 0])
    try:
        if not unit > 0:
            raise ValueError(f"factor_depth {unit:g}")
        return files.possible(Intrinsics(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])), unit
    except ValueError as error:
        raise DatasetError(f"{file} gives no camera ({error}).", _AGAIN) from error


def _pixels(file: Path, size: tuple[int, int]) -> NDArray[Any]:
    """A PNG of this size (height, width)."""
    image = files.read_png(file)
    if image.shape[:2] != size:
        raise DatasetError(
            f"{file} is {image.shape[1]}x{image.shape[0]}, the colour is {size[1]}x{size[0]}.",
            "Download this frame again.",
        )
    return image


def _matrix(record: Record, names: tuple[str, ...], shape: tuple[int, int], file: Path) -> NDArray[np.float64]:
    """The first of the fields that a frame's struct has; the README and the released files name one differently."""
    found = next((record[name] for name in names if name in record), None)
    if found is None or found.size != shape[0] * shape[1]:
        cause = f"{file} has no {names[0]} of {shape[0]}x{shape[1]} (its fields of numbers: {', '.join(record)})."
        raise DatasetError(cause, _AGAIN)
    return found.reshape(shape)
