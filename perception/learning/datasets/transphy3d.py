"""TransPhy3D as `python main.py synth` writes it (layout: docs/synthesis.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Tag
from core.errors import CameraError, DatasetError
from core.image import Intrinsics
from core.transforms import invert
from hardware.cameras.frame_folder import FrameFolderCamera
from perception.depth_types import Plane
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, stamp_of
from perception.learning.synthesis.clips.settings import FORMAT

#: Metres a step of the stored depth.
_STEP_M = 1e-4
#: A table's normal may be off unit length by this.
_UNIT = 1e-6
_MOST_ID = 255
_AGAIN = "Render this clip again: the command that made the data set, with --repair."


def open_root(root: Path) -> Dataset:
    """Raises a DatasetError as `rendered_clips`."""
    return Dataset("TransPhy3D", rendered_clips(root))


def rendered_clips(root: Path) -> "tuple[RenderedClip, ...]":
    """Every finished clip; those still being written have no folder of their number yet.

    Raises:
        DatasetError: no data set of this format, or none of its clips is finished.
    """
    wanted = f'dataset.json with "format": "{FORMAT}", and clips/NNNNNN/clip.json'
    if not (root / "dataset.json").is_file():
        raise files.wrong_layout("transphy3d", root, wanted)
    header = files.read_json(root / "dataset.json")
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise files.wrong_layout("transphy3d", root, f"{wanted} (dataset.json says otherwise)")
    # Of numbered folders alone: a copy under another name is none.
    folders = sorted(p.parent for p in (root / "clips").glob("*/clip.json") if p.parent.name.isdecimal())
    if not folders:
        raise DatasetError(f"{root} has no finished clip yet.", "Run python main.py synth with its --out to go on.")
    return tuple(RenderedClip(folder) for folder in folders)


@dataclass(frozen=True)
class _Facts:
    """What clip.json says. poses: (F, 4, 4) T_world_camera; table: in the world; families, optics: by object's id."""

    poses: NDArray[np.float64]
    table: Plane
    families: Mapping[int, str]
    optics: Mapping[int, str]
    tags: tuple[Tag, ...]
    files: frozenset[str]
    views: str


@dataclass(frozen=True)
class RenderedClip:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_video(self) -> bool:
        return len(self) > 1 and self._facts.views != "jump"

    def __len__(self) -> int:
        return len(self._facts.poses)

    def stamp(self) -> str:
        return stamp_of(self.folder.iterdir())

    def demand_files(self) -> None:
        """Raises a DatasetError unless everything is there that the clip had when it was rendered."""
        missing = sorted(self._facts.files - {file.name for file in self.folder.iterdir()})
        if missing:
            raise DatasetError(f"{self.folder / missing[0]} is missing.", _AGAIN)

    def frame(self, i: int) -> DatasetFrame:
        image, facts = self.folder / f"{i:06d}.png", self._facts
        ids = self._pixels(image.with_suffix(".ids.png"), np.uint8).astype(np.int32)
        steps = self._pixels(image.with_suffix(".truth.png"), np.uint16)
        sensor, normals = image.with_suffix(".depth.npy"), image.with_suffix(".normals.png")
        return DatasetFrame(
            self._sized(image, files.read_color(image)),
            np.where(steps > 0, steps * np.float32(_STEP_M), np.nan).astype(np.float32),
            self._intrinsics,
            sensor_m=None if self._lacks(sensor) else self._sized(sensor, files.read_npy(sensor), 2).astype(np.float32),
            transparent=self._that_are(ids, "transparent"),
            specular=self._that_are(ids, "specular"),
            instance_ids=ids,
            normals=None if self._lacks(normals) else _normals(self._pixels(normals, np.uint16, 3)),
            T_world_camera=facts.poses[i],
            table=_seen_from(facts.table, facts.poses[i]),
            families=facts.families,
            tags=facts.tags,
        )

    @cached_property
    def _facts(self) -> _Facts:
        file = self.folder / "clip.json"
        try:
            return _facts(files.read_json(file))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise DatasetError(f"{file} tells of no clip ({why}).", _AGAIN) from error

    @cached_property
    def _intrinsics(self) -> Intrinsics:
        try:
            return FrameFolderCamera(self.folder).intrinsics
        except CameraError as error:
            raise DatasetError(error.cause, _AGAIN) from error

    def _that_are(self, ids: NDArray[np.int32], optics: str) -> NDArray[np.bool_]:
        return np.isin(ids, [id_ for id_, own in self._facts.optics.items() if own == optics])

    def _lacks(self, file: Path) -> bool:
        """Whether a file is not there and the clip never had it."""
        return not file.exists() and file.name not in self._facts.files

    def _pixels(self, file: Path, dtype: type, axes: int = 2) -> NDArray[Any]:
        image = self._sized(file, files.read_png(file), axes)
        if image.dtype != dtype:
            raise DatasetError(f"{file} is {image.dtype}, not {np.dtype(dtype)}.", _AGAIN)
        return image

    def _sized(self, file: Path, image: NDArray[Any], axes: int = 3) -> NDArray[Any]:
        k = self._intrinsics
        if image.ndim != axes or image.shape[:2] != (k.height, k.width):
            raise DatasetError(
                f"{file} is {'x'.join(map(str, image.shape))}, for {k.height} rows of {k.width} pixels as "
                f"intrinsics.json has them{' and three colours' if axes == 3 else ''}.",
                _AGAIN,
            )
        return image


def _facts(content: Any) -> _Facts:
    """Raises a KeyError, TypeError, ValueError or AttributeError where a clip.json is none."""
    poses = np.asarray(content["T_world_camera"], np.float64)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not len(poses) or not np.isfinite(poses).all():
        raise ValueError("T_world_camera is no list of 4x4 poses")
    normal, offset_m = np.asarray(content["table"]["normal"], np.float64), float(content["table"]["offset_m"])
    if normal.shape != (3,) or not np.isfinite(offset_m) or not abs(np.linalg.norm(normal) - 1) < _UNIT:
        raise ValueError("the table's normal is no unit vector")
    ids = [int(one["id"]) for one in content["objects"]]
    if any(not 0 < id_ <= _MOST_ID for id_ in ids):
        raise ValueError("an object's id is none that a picture of 8 bits holds")
    return _Facts(
        poses,
        Plane(normal, offset_m),
        dict(zip(ids, (str(one["family"]) for one in content["objects"]), strict=True)),
        dict(zip(ids, (str(one["optics"]) for one in content["objects"]), strict=True)),
        tuple(Tag.model_validate(one) for one in content.get("tags", ())),
        frozenset(map(str, content.get("files", ()))),
        str(content.get("views", "")),
    )


def _seen_from(table: Plane, T_world_camera: NDArray[np.float64]) -> Plane:
    """A plane of the world in the camera, its normal on the camera's side."""
    T = invert(T_world_camera)
    own = T[:3, :3] @ table.normal
    offset_m = table.offset_m + float(own @ T[:3, 3])
    return Plane(own, offset_m) if offset_m < 0 else Plane(-own, -offset_m)


def _normals(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.where(stored.any(axis=-1, keepdims=True), stored / 32767.5 - 1, np.nan).astype(np.float32)
