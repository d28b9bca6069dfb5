"""What every depth estimator is: one that answers for the newest frame, one that works through a clip."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth

Kind = Literal["disparity", "depth", "metric"]


class DepthEstimator(Protocol):
    """Colour (or whatever the frames hold) in, relative depth of the newest frame out."""

    @property
    def name(self) -> str:
        """What logs and pages call it; says so where it cheats, and how it ran where it can run in several ways."""
        ...

    @property
    def is_cheat(self) -> bool:
        """It looks at the simulator's truth: a measure of the other stages, never a result."""
        ...

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        """Depth of the last of one or more consecutive frames; `table` is its plane where known.

        Raises:
            PerceptionError: these frames give no depth.
        """
        ...


class MapStream(Protocol):
    """A clip on its way through a model: frames in, one map a frame out, some frames later."""

    def push(self, frame: ClipFrame) -> list[NDArray[np.float32]]:
        """Takes the next frame, of which most models see `frame.color`; returns the maps that became final.

        Oldest first, of the frame's height and width: (H, W), or (H, W, 3) for normals.

        Raises:
            PerceptionError: a frame of another size, or a result that is not finite.
        """
        ...

    def finish(self) -> list[NDArray[np.float32]]:
        """The maps still due, once every frame is in."""
        ...

    def state(self) -> dict[str, Any]:
        """All that is needed to go on in another process: plain values and tensors, for `torch.save`."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """A stream that works long before it has maps to show."""

    def watch(self, progress: Callable[[float], None]) -> None:
        """Tells `progress` the share of the work done, 0 to 1, whenever it grows."""
        ...


class ClipEstimator(Protocol):
    """Works through a clip of any length in bounded memory."""

    @property
    def name(self) -> str:
        """What reports call it, once a clip has run: model and settings as they ran."""
        ...

    @property
    def kind(self) -> Kind:
        """What the numbers of its maps are (`RelativeDepth.kind`); one scale and shift hold for a whole clip."""
        ...

    def open(self, count: int, height: int, width: int) -> MapStream:
        """A stream for `count` frames of one size.

        Raises:
            PerceptionError: a size or count that the model cannot take.
        """
        ...


class NormalEstimator(Protocol):
    """Works through a clip as a `ClipEstimator` does; its maps (H, W, 3) are unit normals in camera axes.

    OpenCV axes: x right, y down, z forward. A surface that faces the camera has z < 0.
    """

    @property
    def name(self) -> str:
        """See `ClipEstimator.name`."""
        ...

    def open(self, count: int, height: int, width: int) -> MapStream:
        """See `ClipEstimator.open`."""
        ...
