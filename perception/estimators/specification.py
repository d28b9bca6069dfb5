"""What a depth or normal estimator says of itself, what it is shown, and what its author writes: one small class."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Kind, Plane
from perception.estimators.options import EstimatorOptions
from perception.objects.object_map import CellMasks, ObjectMap
from perception.weights.sources import Model

#: (H, W) float32, or (H, W, 3) for normals.
Map = NDArray[np.float32]
#: Is told the share of the work done, 0 to 1, whenever it grows.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Observation:
    """What an estimator is shown of one moment; None: nobody knows.

    color: (H, W, 3) uint8 RGB. depth_m: (H, W) float32 [m], a depth sensor's, NaN for holes. intrinsics: the
    camera's. table: its plane in the camera, for those that need it. truth_m: (H, W) [m], the simulator's own
    depth, for a cheat alone. masks: where in the picture what the cell knows of is.
    """

    color: NDArray[np.uint8]
    depth_m: Map | None = None
    intrinsics: Intrinsics | None = None
    table: Plane | None = None
    truth_m: Map | None = None
    masks: CellMasks | None = None


@dataclass(frozen=True)
class Answer:
    """A model's map, with what else it knows: confidence (H, W), how sure it is of each pixel, 0 to 1; objects: those
    that it told apart."""

    values: Map
    confidence: Map | None = None
    objects: ObjectMap | None = None


@runtime_checkable
class FrameModel(Protocol):
    """A model that answers for one moment."""

    def estimate(self, seen: Sequence[Observation], /) -> "Map | tuple[Map, Map] | Answer":
        """The map of the last of one or more consecutive observations, of its height and width.

        A second map says how sure it is of each pixel, 0 to 1; an `Answer` may say more.

        Raises:
            PerceptionError: these frames give no map.
        """
        ...


class ModelStream(Protocol):
    """A clip on its way through a model: observations in, one map each out, some observations later."""

    def push(self, seen: Observation, /) -> list[Map]:
        """Takes the next observation; returns the maps that became final, oldest first."""
        ...

    def finish(self) -> list[Map]:
        """The maps still due, once everything is in."""
        ...

    def state(self) -> dict[str, Any]:
        """All that is needed to go on in another process: plain values and tensors, for `torch.save`."""
        ...

    def restore(self, state: dict[str, Any], /) -> None:
        """Goes on where `state` was taken."""
        ...


@runtime_checkable
class ClipModel(Protocol):
    """A model of clips of any length, in bounded memory. With `estimate` too, that is what the newest frame takes."""

    def stream(self, count: int, height: int, width: int, progress: Progress, /) -> ModelStream:
        """A stream for `count` frames of one size [px].

        Raises:
            PerceptionError: a size or count that the model cannot take.
        """
        ...


@dataclass(frozen=True)
class EstimatorSpecification:
    """One estimator: `ESTIMATOR` in its own file.

    name: what people type, what logs and tables show. description: one line for people.
    gives: what its numbers are. Up to one scale and shift for a whole clip `disparity` (1/z, larger is nearer) or
        `depth` (z, larger is farther); `metric` (z in metres); or `normals`, unit vectors (H, W, 3) in the camera's
        axes (x right, y down, z forward: a surface that faces the camera has z < 0).
    load: makes the model ready; what takes long to import is imported there. A model that has an attribute
        `ran_as` is called so in reports once it ran, by model and settings.
    needs_depth: the sensor's. needs_table: the table's plane and the intrinsics. needs_gpu: takes minutes without.
    options: the fields of `EstimatorOptions` that it knows; `device` all take.
    weights: what `weights fetch` brings of it. bundled: the folder of those that came along with the code.
    frames: of how many newest frames, at most, one answer is made.
    has_holes: NaN is an answer. is_sensor: the depth sensor's own values, which nothing may change.
    is_crisp: its edges are the scene's own, so that nothing restores them.
    is_cheat: it sees the simulator's truth: a measure of the other stages, never a result.
    deadline_s: what takes longer over one answer [s] hangs; weights and what is compiled at first included.
    family: those of one family run at the same settings.
    file: where a lab's own is defined.
    """

    name: str
    description: str
    gives: Kind | Literal["normals"]
    load: Callable[[EstimatorOptions], FrameModel | ClipModel]
    needs_depth: bool = False
    needs_table: bool = False
    needs_gpu: bool = False
    options: tuple[str, ...] = ()
    weights: Model | None = None
    bundled: Path | None = None
    frames: int = 1
    has_holes: bool = False
    is_sensor: bool = False
    is_crisp: bool = False
    is_cheat: bool = False
    deadline_s: float = 30.0
    family: str = ""
    file: Path | None = None

    @property
    def choice(self) -> str:
        """How it is asked for: by its name, or its file."""
        return str(self.file or self.name)

    @property
    def identity(self) -> str:
        """What tells it from others: the name, and of a lab's own what its file holds."""
        if self.file is None:
            return self.name
        return f"{self.name} {hashlib.sha256(self.file.read_bytes()).hexdigest()[:16]}"

    @property
    def has_weights(self) -> bool:
        """Whether it is a model that was trained."""
        return bool(self.weights or self.bundled or "weights" in self.options)

    def weights_folder(self) -> Path | None:
        """Where its own weights are, or will be."""
        return self.bundled or (self.weights.folder if self.weights else None)
