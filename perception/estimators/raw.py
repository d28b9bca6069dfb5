"""The sensor's depth as it is: the baseline that fails on glass and mirrors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth
from perception.estimators.base import Kind
from perception.estimators.frame_by_frame import demand_size


class RawEstimator:
    """Passes the depth sensor's answer on, holes and lies included."""

    name = "raw"
    is_cheat = False

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        return RelativeDepth(_with_holes(frames[-1].depth_m), "metric", self.name, is_sensor=True)


class RawClipEstimator:
    """The same for clips whose frames have depth."""

    name = "raw"
    kind: Kind = "metric"

    def open(self, count: int, height: int, width: int) -> "_RawStream":
        return _RawStream((height, width))


class _RawStream:
    """A `MapStream` of the frames' own depth, NaN where the sensor saw nothing."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def push(self, frame: ClipFrame) -> list[NDArray[np.float32]]:
        demand_size("raw", frame, self._size)
        if frame.rgbd is None:
            raise PerceptionError(
                "raw is the sensor's own depth, and this clip has none.",
                "Give a .bag, .db3 or frame folder with depth, or choose another --estimator.",
            )
        return [_with_holes(frame.rgbd.depth_m)]

    def finish(self) -> list[NDArray[np.float32]]:
        return []

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


def _with_holes(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan).astype(np.float32)
