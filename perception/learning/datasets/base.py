"""What every data set gives, whatever its layout: clips of frames with their truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Tag
from core.errors import ConfigurationError
from core.image import Intrinsics
from perception.depth_types import Plane


@dataclass(frozen=True)
class DatasetFrame:
    """One image and what is known of it; None: the data set does not say.

    color: (H, W, 3) uint8 RGB. depth_m: (H, W) float32 true depth of the first surface, glass
    included, NaN where unknown. sensor_m: (H, W) float32 what a depth sensor saw, NaN holes.
    transparent, specular: (H, W) bool. instance_ids: (H, W) int32, 0 where no object is.
    normals: (H, W, 3) float32 unit normals in OpenCV camera axes (z < 0 faces the camera), NaN where
    unknown. table: its plane in the camera. families: what shape each instance id is. tags: those that lie on
    the table, where that is z = 0 of the world.
    """

    color: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    intrinsics: Intrinsics
    sensor_m: NDArray[np.float32] | None = None
    transparent: NDArray[np.bool_] | None = None
    specular: NDArray[np.bool_] | None = None
    instance_ids: NDArray[np.int32] | None = None
    normals: NDArray[np.float32] | None = None
    T_world_camera: NDArray[np.float64] | None = None
    table: Plane | None = None
    families: Mapping[int, str] = field(default_factory=dict)
    tags: tuple[Tag, ...] = ()


class Clip(Protocol):
    """Frames in order; is_video: consecutive ones of one camera, else images that share a folder."""

    @property
    def name(self) -> str: ...

    @property
    def is_video(self) -> bool: ...

    def __len__(self) -> int: ...

    def frame(self, i: int) -> DatasetFrame:
        """Frame i, read from disk.

        Raises:
            DatasetError: a file of it is missing or damaged; it is named.
        """
        ...

    def stamp(self) -> str:
        """A digest of its files' names, sizes and times of change: another one means another clip."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A data set found at a place; it has at least one clip."""

    name: str
    clips: tuple[Clip, ...]


#: Kinds of layout, and the module here whose `open_root(root)` reads each.
_MODULES = {
    "transphy3d": "transphy3d",
    "cleargrasp": "cleargrasp",
    "dreds": "dreds",
    "hiss": "hiss",
    "clearpose": "clearpose",
}
KINDS = tuple(_MODULES)


def open_dataset(kind: str, root: Path) -> Dataset:
    """The data set of layout `kind` in the folder `root`.

    Raises:
        ConfigurationError: no such kind.
        DatasetError: the folder is missing or laid out otherwise, with what was looked for and found.
    """
    if kind not in _MODULES:
        raise ConfigurationError(f"There is no kind of data set '{kind}'.", f"Choose one of: {', '.join(KINDS)}.")
    module = import_module(f"perception.learning.datasets.{_MODULES[kind]}")
    open_root: Callable[[Path], Dataset] = module.open_root
    return open_root(Path(root))
