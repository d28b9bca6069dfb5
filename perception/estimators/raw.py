"""The sensor's depth as it is: the baseline that fails on glass and mirrors."""

from collections.abc import Sequence

import numpy as np

from hardware.cameras.frame import RgbdFrame
from perception.depth_types import Plane, RelativeDepth


class RawEstimator:
    """Passes the depth sensor's answer on, holes and lies included."""

    name = "raw"
    is_cheat = False

    def estimate(self, frames: Sequence[RgbdFrame], table: Plane | None) -> RelativeDepth:
        depth_m = frames[-1].depth_m
        values = np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan).astype(np.float32)
        return RelativeDepth(values, "metric", self.name)
