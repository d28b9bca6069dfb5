"""The simulator's truth, handed over as a network would: a cheat that measures the other stages."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from perception.depth_types import Plane, RelativeDepth


class OracleEstimator:
    """True disparity, stripped of its scale and shift: 0 at the farthest pixel, 1 at the nearest."""

    name = "oracle (cheat)"
    is_cheat = True

    def __init__(self, truth: Callable[[RgbdImage], NDArray]) -> None:
        """truth gives the depth (H, W) [m] of a picture; holes are NaN or not positive."""
        self._truth = truth

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        depth_m = np.asarray(self._truth(frames[-1]), np.float64)
        seen = np.isfinite(depth_m) & (depth_m > 0)
        if not seen.any():
            raise PerceptionError("The simulator's true depth is empty.", "Check the cell's camera pose.")
        disparity = np.full(depth_m.shape, np.nan)
        disparity[seen] = 1 / depth_m[seen]
        low, high = disparity[seen].min(), disparity[seen].max()
        relative = (disparity - low) / max(high - low, 1e-12)
        return RelativeDepth(relative.astype(np.float32), "disparity", self.name)
