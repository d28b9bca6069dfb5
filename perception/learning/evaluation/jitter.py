"""How much depth trembles where nothing moves: its standard deviation over the frames of one camera at rest."""

import numpy as np
from numpy.typing import NDArray

from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.metrics import JitterMetrics
from perception.learning.evaluation.regions import things_of

#: Poses that differ by less [m, or unitless rotation] are one place; true depth by less [m]: nothing moved.
SAME_PLACE, SAME_DEPTH_M = 1e-6, 1e-4


class JitterMeter:
    """Gathers a film's depth for as long as its camera and its scene stand still.

    Frame by frame (Welford, 1962): pixels without an answer in a frame count in those that have one.
    """

    def __init__(self) -> None:
        self._first: DatasetFrame | None = None
        self._is_still = True
        self._frames = 0
        self._answers: NDArray[np.float64] = np.empty(0)
        self._mean_m: NDArray[np.float64] = np.empty(0)
        self._square_m2: NDArray[np.float64] = np.empty(0)

    def add(self, frame: DatasetFrame, depth_m: NDArray[np.float32]) -> None:
        """Takes the metric depth (H, W) [m] of the next frame, NaN: none."""
        if self._first is None:
            self._first = frame
            self._answers, self._mean_m, self._square_m2 = (np.zeros(depth_m.shape) for _ in range(3))
        earlier, pose = self._first, frame.T_world_camera
        self._is_still = bool(
            self._is_still
            and earlier.T_world_camera is not None
            and pose is not None
            and np.abs(earlier.T_world_camera - pose).max() <= SAME_PLACE
            and np.allclose(earlier.depth_m, frame.depth_m, rtol=0, atol=SAME_DEPTH_M, equal_nan=True)
        )
        if not self._is_still:
            return
        self._frames += 1
        answered = np.isfinite(depth_m)
        self._answers += answered
        off_m = np.where(answered, depth_m - self._mean_m, 0.0)
        self._mean_m += off_m / np.maximum(self._answers, 1)
        self._square_m2 += off_m * np.where(answered, depth_m - self._mean_m, 0.0)

    def metrics(self) -> dict[str, JitterMetrics]:
        """By region: `objects`, and those of glass and mirrors; none where something moved or one frame is all."""
        if self._first is None or not self._is_still or self._frames < 2:
            return {}
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation_m = np.sqrt(self._square_m2 / (self._answers - 1))
        deviation_m[self._answers < 2] = np.nan
        return {name: JitterMetrics.of(deviation_m, mask) for name, mask in things_of(self._first).items()}
