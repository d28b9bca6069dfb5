"""Grasps against the captured surface of real things, where no closed shape is known: collisions and enclosure."""

import numpy as np
from numpy.typing import NDArray

from grasping.grasp_set import DEPTH, TRANSLATION, WIDTH, rotation
from grasping.validity import PHANTOM_M, Cause

#: Fingers so thick and half so high, with a palm so deep behind them; room beside what is gripped [m].
FINGER_M, HALF_HEIGHT_M, PALM_M, SLACK_M = 0.012, 0.010, 0.040, 0.003
#: The fingers' length, how much of it encloses, and what of its tip does not [m].
LENGTH_M, ENCLOSING_M, TIP_M = 0.060, 0.045, 0.002
#: Points that may lie in the fingers and in the palm, noise that they are, and those that must lie between.
MOST_IN_FINGERS, MOST_IN_PALM, LEAST_BETWEEN = 4, 2, 15


def judge_on_points(row: NDArray[np.float64], points_m: NDArray[np.floating]) -> Cause:
    """One grasp row (17,) against the true points (N, 3) of its object, both in the camera frame.

    Only the seen side is known, so force closure is not asked.
    """
    local = (points_m - row[TRANSLATION]) @ rotation(row)
    x, y = local[:, 0] - row[DEPTH], np.abs(local[:, 1])
    level = np.abs(local[:, 2]) < HALF_HEIGHT_M
    opening = row[WIDTH] / 2 + SLACK_M
    reached = level & (x < 0) & (x > -LENGTH_M - PALM_M)
    fingers = reached & (y > opening) & (y < opening + FINGER_M)
    palm = level & (x < -LENGTH_M) & (x > -LENGTH_M - PALM_M) & (y < row[WIDTH] / 2)
    between = level & (x < -TIP_M) & (x > -ENCLOSING_M) & (y <= opening)
    near = (np.abs(local[:, 2]) < HALF_HEIGHT_M + PHANTOM_M) & (y < opening + PHANTOM_M)
    if not (near & (x < PHANTOM_M) & (x > -ENCLOSING_M - PHANTOM_M)).any():
        return Cause.PHANTOM
    if fingers.sum() > MOST_IN_FINGERS or palm.sum() > MOST_IN_PALM:
        return Cause.COLLISION
    return Cause.VALID if between.sum() >= LEAST_BETWEEN else Cause.OUTSIDE
