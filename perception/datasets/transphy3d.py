"""TransPhy3D as `python main.py synth` writes it (the layout is in perception/synthesis and docs/synthesis.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import CameraError, DatasetError
from hardware.cameras.frame import Intrinsics
from hardware.cameras.frame_folder import FrameFolderCamera
from hardware.cell import Tag
from hardware.transforms import invert
from perception.datasets.base import Dataset, DatasetFrame
from perception.datasets.files import demand_file, demand_folder, read_color, read_json, read_png, wrong_layout
from perception.datasets.frame_clip import stamp_of
from perception.depth_types import Plane

_FORMAT = "vitro-transphy3d"
#: Metres a step of the stored depth.
_STEP_M = 1e-4


def open_root(root: Path) -> Dataset:
    """Every finished clip; those still being written have no folder of their number yet.

    Raises:
        DatasetError: no data set of this format, or none of its clips is finished.
    """
    demand_folder(root)
    wanted = 'dataset.json with "format": "vitro-transphy3d", and clips/NNNNNN/clip.json'
    if not (root / "dataset.json").is_file():
        raise wrong_layout("transphy3d", root, wanted)
    told = read_json(root / "dataset.json")
    if not isinstance(told, dict) or told.get("format") != _FORMAT:
        raise wrong_layout("transphy3d", root, f"{wanted} (dataset.json says otherwise)")
    folders = sorted(p.parent for p in (root / "clips").glob("[0-9]*/clip.json"))
    if not folders:
        raise DatasetError(f"{root} has no finished clip yet.", "Run python main.py synth with its --out to go on.")
    return Dataset("TransPhy3D", tuple(RenderedClip(folder) for folder in folders))


@dataclass(frozen=True)
class RenderedClip:
    """One clip folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_video(self) -> bool:
        return len(self) > 1 and self._told.get("views") != "jump"

    def __len__(self) -> int:
        return len(self._poses)

    def stamp(self) -> str:
        """See `Clip.stamp`."""
        return stamp_of(self.folder.iterdir())

    def frame(self, i: int) -> DatasetFrame:
        """See `Clip.frame`."""
        image = self.folder / f"{i:06d}.png"
        k = self._intrinsics
        ids = self._pixels(image.with_suffix(".ids.png"), np.uint8).astype(np.int32)
        T_world_camera = np.asarray(self._poses[i], np.float64)
        return DatasetFrame(
            self._sized(image, read_color(image)),
            _depth_m(self._pixels(image.with_suffix(".truth.png"), np.uint16)),
            k,
            sensor_m=self._sensor_m(image.with_suffix(".depth.npy")),
            transparent=self._that_are(ids, "transparent"),
            specular=self._that_are(ids, "specular"),
            instance_ids=ids,
            normals=self._normals(image.with_suffix(".normals.png")),
            T_world_camera=T_world_camera,
            table=self._table(T_world_camera),
            families={int(one["id"]): str(one["family"]) for one in self._told["objects"]},
            tags=self._tags,
        )

    @cached_property
    def _told(self) -> Mapping[str, Any]:
        told = read_json(self.folder / "clip.json")
        lacking = {"objects", "T_world_camera", "table"} - set(told)
        if lacking:
            raise DatasetError(
                f"{self.folder}/clip.json lacks {', '.join(sorted(lacking))}.", "Render this clip again."
            )
        return told

    @cached_property
    def _poses(self) -> list[Any]:
        return list(self._told["T_world_camera"])

    @cached_property
    def _tags(self) -> tuple[Tag, ...]:
        try:
            return tuple(Tag.model_validate(one) for one in self._told.get("tags", ()))
        except ValueError as error:
            raise DatasetError(
                f"{self.folder}/clip.json has tags that cannot be ({error}).", "Render this clip again."
            ) from error

    @cached_property
    def _intrinsics(self) -> Intrinsics:
        try:
            return FrameFolderCamera(self.folder).intrinsics
        except CameraError as error:
            raise DatasetError(error.cause, "Render this clip again.") from error

    def _that_are(self, ids: NDArray[np.int32], optics: str) -> NDArray[np.bool_]:
        return np.isin(ids, [one["id"] for one in self._told["objects"] if one["optics"] == optics])

    def _table(self, T_world_camera: NDArray[np.float64]) -> Plane:
        """The table's plane in the camera, its normal on the camera's side."""
        T = invert(T_world_camera)
        normal, offset_m = np.asarray(self._told["table"]["normal"], float), float(self._told["table"]["offset_m"])
        own = T[:3, :3] @ normal
        offset_m = offset_m + float(own @ T[:3, 3])
        return Plane(own, offset_m) if offset_m < 0 else Plane(-own, -offset_m)

    def _sensor_m(self, file: Path) -> NDArray[np.float32] | None:
        if not file.exists():
            return None
        try:
            return np.asarray(self._sized(file, np.load(file, allow_pickle=False)), np.float32)
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(f"{file} cannot be read ({error}).", "Render this clip again.") from error

    def _normals(self, file: Path) -> NDArray[np.float32] | None:
        if not file.exists() and file.name not in self._told.get("files", ()):
            return None
        stored = self._pixels(file, np.uint16)
        known = stored.any(axis=-1, keepdims=True)
        return np.where(known, stored / 32767.5 - 1, np.nan).astype(np.float32)

    def _pixels(self, file: Path, dtype: type) -> NDArray[Any]:
        demand_file(file)
        image = self._sized(file, read_png(file))
        if image.dtype != dtype:
            raise DatasetError(f"{file} is {image.dtype}, not {np.dtype(dtype)}.", "Render this clip again.")
        return image

    def _sized(self, file: Path, image: NDArray[Any]) -> NDArray[Any]:
        k = self._intrinsics
        if image.shape[:2] != (k.height, k.width):
            raise DatasetError(
                f"{file} is {image.shape[1]}x{image.shape[0]}, intrinsics.json says {k.width}x{k.height}.",
                "Render this clip again.",
            )
        return image


def _depth_m(steps: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.where(steps > 0, steps * np.float32(_STEP_M), np.nan).astype(np.float32)
