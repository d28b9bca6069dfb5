"""The simulator's truth, handed over as a network would: a cheat that measures the other stages."""

from collections.abc import Sequence

import numpy as np

from core.errors import PerceptionError
from perception.estimators.specification import EstimatorSpecification, Map, Observation


class Oracle:
    """True disparity, stripped of its scale and shift: 0 at the farthest pixel, 1 at the nearest."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        depth_m = np.asarray(seen[-1].truth_m, np.float64)
        known = np.isfinite(depth_m) & (depth_m > 0)
        if not known.any():
            raise PerceptionError("The simulator's true depth is empty.", "Check the cell's camera pose.")
        disparity = np.full(depth_m.shape, np.nan)
        disparity[known] = 1 / depth_m[known]
        low, high = disparity[known].min(), disparity[known].max()
        return ((disparity - low) / max(high - low, 1e-12)).astype(np.float32)


ESTIMATOR = EstimatorSpecification(
    "oracle",
    "the simulator's truth (a cheat, digital cell only): what perfect depth would give",
    "disparity",
    load=lambda options: Oracle(),
    has_holes=True,
    is_crisp=True,
    is_cheat=True,
)
