"""What a failed grasp says of the next: where nothing was, and how wide the thing was that got away.

Held against grasps found on a new picture from the same place, and only where what was grasped at still stands there.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grasping.detection.gripper import PAD_LENGTH_M, TIP
from grasping.execution import EMPTY_WIDTH_M
from grasping.grasp_set import (
    DEPTH,
    NMS_ANGLE_RAD,
    NMS_DISTANCE_M,
    SCORE,
    WIDTH,
    GraspSet,
    fingertips,
    rotation,
    turn_between,
)

#: It stands where it stood: so much of it is found again within this.
SAME_SHARE, SAME_M = 0.7, 0.010
#: How a grasp's probability falls that is like one that failed: most where it contradicts what the fingers felt.
LIKE_FAILED, CONTRADICTED = 0.5, 0.25
#: Fingers closed on it and a depth image tell the width of one thing to this.
WIDTH_ERROR_M = 0.010


@dataclass(frozen=True)
class FailedGrasp:
    """row (17,) in the camera frame; points_m (M, 3) what it was to take, as seen then; closed_m: the fingers' gap
    when they stopped."""

    row: NDArray[np.float64]
    points_m: NDArray[np.float32]
    closed_m: float

    def doubt(self, grasps: GraspSet) -> GraspSet:
        """The grasps (score: probability) with those made less likely that this failure speaks against."""
        if not len(grasps) or not self._stands_in(grasps.cloud_m):
            return grasps
        rows = grasps.rows.copy()
        rows[:, SCORE] *= self._factors(rows)
        best_first = np.argsort(-rows[:, SCORE], kind="stable")
        return replace(grasps, rows=rows)[best_first]

    def _stands_in(self, cloud_m: NDArray) -> bool:
        if not len(self.points_m) or not len(cloud_m):
            return False
        return float((cKDTree(cloud_m).query(self.points_m)[0] < SAME_M).mean()) >= SAME_SHARE

    def _factors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) what the probabilities of rows (N, 17) are multiplied by."""
        R = rotation(self.row)
        to = (fingertips(rows) - fingertips(self.row[None])) @ R  # approach, closing, across
        alike = (np.linalg.norm(to, axis=1) < NMS_DISTANCE_M) & (
            turn_between(rows[:, 4:13].reshape(-1, 3, 3), R) < NMS_ANGLE_RAD
        )
        if self.closed_m < EMPTY_WIDTH_M:
            # The fingers met: whatever is believed to stand where they swept does not.
            swept = (np.abs(to[:, 1]) < self.row[WIDTH] / 2) & (np.abs(to[:, 2]) < TIP.half_x_m)
            contradicted = swept & (to[:, 0] > -PAD_LENGTH_M) & (to[:, 0] < max(self.row[DEPTH], 0.0))
        else:
            contradicted = alike & (np.abs(rows[:, WIDTH] - self.closed_m) > WIDTH_ERROR_M)
        return np.where(alike, LIKE_FAILED, 1.0) * np.where(contradicted, CONTRADICTED, 1.0)
