"""What every data set gives, whatever its layout: clips of frames with their truth."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Tag
from core.errors import ConfigurationError, did_you_mean
from core.image import Intrinsics
from perception.depth_types import Plane
from perception.learning.datasets.files import demand_folder


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


class DatasetClip(Protocol):
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
    name: str
    clips: tuple[DatasetClip, ...]


@dataclass(frozen=True)
class FrameClip:
    """A clip as most readers give it: a list of frames.

    read(folder, stem) gives the frame whose files in `folder` begin with `stem`."""

    name: str
    is_video: bool
    folder: Path
    stems: Sequence[str]
    read: Callable[[Path, str], DatasetFrame]

    def __len__(self) -> int:
        return len(self.stems)

    def frame(self, i: int) -> DatasetFrame:
        return self.read(self.folder, self.stems[i])

    def stamp(self) -> str:
        return stamp_of(self.folder.rglob("*"))


def stamp_of(files: Iterable[Path]) -> str:
    """A digest of the files' names, sizes and times of change."""
    facts = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files) if file.is_file()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def stems_of(folder: Path, ending: str) -> tuple[str, ...]:
    return tuple(sorted(file.name.removesuffix(ending) for file in folder.glob(f"*{ending}")))


#: Layouts: the modules here whose `open_root(root)` reads each.
KINDS = ("transphy3d", "cleargrasp", "dreds", "hiss", "clearpose")


def open_dataset(kind: str, root: Path) -> Dataset:
    """The data set of layout `kind` in the folder `root`.

    Raises:
        ConfigurationError: no such kind.
        DatasetError: the folder is missing or laid out otherwise, with what was looked for and found.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            f"There is no kind of data set '{kind}'.{did_you_mean(kind, KINDS)}", f"Choose one of: {', '.join(KINDS)}."
        )
    open_root: Callable[[Path], Dataset] = import_module(f"perception.learning.datasets.{kind}").open_root
    demand_folder(Path(root))
    return open_root(Path(root))
