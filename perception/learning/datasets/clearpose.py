"""ClearPose (github opipari/ClearPose): 63 transparent objects, filmed with an L515.

<root>/set<N>/scene<M>/, or any folder above or at it, holds for each frame NNNNNN
    NNNNNN-color.png, NNNNNN-depth.png (sensor, mm), NNNNNN-depth_true.png (mm),
    NNNNNN-label.png (which object), NNNNNN-normal_true.png ((n + 1) / 2 * 255, camera axes)
and one metadata.mat with a struct a frame: intrinsics, T_world_camera, the objects' poses.
The truth is the sensor's depth with the objects rendered into it: beyond them it is the sensor's.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.image import Intrinsics, known_depth
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, stamp_of, stems_of

_TRUTH = "-depth_true.png"
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
    folders = files.folders_with(root, lambda names: any(name.endswith(_TRUTH) for name in names))
    if not folders:
        raise files.wrong_layout(
            "clearpose", root, f"set*/scene*/ with NNNNNN-color.png, NNNNNN{_TRUTH} and metadata.mat"
        )
    clips = [SceneClip(f.relative_to(root).as_posix(), f, stems_of(f, _TRUTH)) for f in folders]
    return Dataset("ClearPose", tuple(clips))


@dataclass(frozen=True)
class SceneClip:
    """A scene: a film of one arrangement."""

    name: str
    folder: Path
    stems: tuple[str, ...]
    is_video: bool = True

    def __len__(self) -> int:
        return len(self.stems)

    def stamp(self) -> str:
        return stamp_of(self.folder.iterdir())

    def frame(self, i: int) -> DatasetFrame:
        stem = self.stems[i]
        color = files.read_color(self.folder / f"{stem}-color.png")
        record = self._record(stem)
        height, width = color.shape[:2]
        intrinsics, unit = self._camera(record, width, height)
        pose = _matrix(record, ("rotation_translation_matrix",), (3, 4), self._file)
        label = self._pixels(stem, "label", (height, width)).astype(np.int32)
        stored = self._pixels(stem, "normal_true", (height, width)).astype(np.float32)
        return DatasetFrame(
            color,
            known_depth(self._pixels(stem, "depth_true", (height, width)) / unit),
            intrinsics,
            sensor_m=known_depth(self._pixels(stem, "depth", (height, width)) / unit),
            transparent=(label > 0) & (label <= max(_FAMILIES)),
            instance_ids=label,
            normals=files.unit_normals(stored / 127.5 - 1, intrinsics),
            T_world_camera=np.vstack([pose, [0.0, 0.0, 0.0, 1.0]]),
            families=_FAMILIES,
        )

    def _camera(self, record: Any, width: int, height: int) -> tuple[Intrinsics, float]:
        """The camera, and how many of its depth's units make a metre."""
        k = _matrix(record, ("intrinsic_matrix", "camera_intrinsics"), (3, 3), self._file)
        unit = float(_matrix(record, ("factor_depth",), (1, 1), self._file)[0, 0])
        try:
            if not unit > 0:
                raise ValueError(f"factor_depth {unit:g}")
            return files.possible(Intrinsics(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])), unit
        except ValueError as error:
            raise DatasetError(f"{self._file} gives no camera ({error}).", "Download the scene again.") from error

    @property
    def _file(self) -> Path:
        return self.folder / "metadata.mat"

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        files.demand_file(self._file)
        try:
            return loadmat(self._file)
        except (MatReadError, ValueError, NotImplementedError, OSError, TypeError) as error:
            raise DatasetError(f"{self._file} cannot be read ({error}).", "Download the scene again.") from error

    def _record(self, stem: str) -> Any:
        if stem not in self._metadata or not np.size(self._metadata[stem]):
            raise DatasetError(f"{self._file} says nothing of frame {stem}.", "Download the scene again.")
        return self._metadata[stem].flat[0]

    def _pixels(self, stem: str, what: str, size: tuple[int, int]) -> NDArray[Any]:
        file = self.folder / f"{stem}-{what}.png"
        image = files.read_png(file)
        if image.shape[:2] != size:
            raise DatasetError(
                f"{file} is {image.shape[1]}x{image.shape[0]}, the colour is {size[1]}x{size[0]}.",
                "Download this frame again.",
            )
        return image


def _matrix(record: Any, names: tuple[str, ...], shape: tuple[int, int], file: Path) -> NDArray[np.float64]:
    """The first of the fields that a frame's struct has; the README and the released files name one differently."""
    own = record.dtype.names or ()
    name = next((name for name in names if name in own), None)
    if name is None or np.size(record[name]) != shape[0] * shape[1]:
        raise DatasetError(
            f"{file} has no {names[0]} of {shape[0]}x{shape[1]} (its fields: {', '.join(own)}).",
            "Download the scene again.",
        )
    return np.asarray(record[name], np.float64).reshape(shape)
