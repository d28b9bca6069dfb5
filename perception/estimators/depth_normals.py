"""Normals without a network: those of the frames' own depth, for comparison and for opaque scenes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from hardware.cameras.clips.clip import ClipFrame
from perception.estimators.frame_by_frame import demand_size
from perception.normals import normals_from_depth


class DepthNormals:
    """A `NormalEstimator` of frames with depth, NaN where the sensor saw too little."""

    name = "depth"

    def open(self, count: int, height: int, width: int) -> "_DepthNormalStream":
        return _DepthNormalStream((height, width))


class _DepthNormalStream:
    """A `MapStream`; no frame depends on another."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def push(self, frame: ClipFrame) -> list[NDArray[np.float32]]:
        demand_size("depth", frame, self._size)
        if frame.rgbd is None:
            raise PerceptionError(
                "These normals are those of the sensor's depth, and this clip has none.",
                "Give a .bag, .db3 or frame folder with depth, or choose another --estimator.",
            )
        return [normals_from_depth(frame.rgbd.depth_m, frame.rgbd.intrinsics)]

    def finish(self) -> list[NDArray[np.float32]]:
        return []

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass
