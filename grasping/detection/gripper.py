"""The PiPER gripper as boxes behind its fingertips, as far as a grasp must know it.

Frame: tcp, between the fingertips; z approach, y closing, x = y cross z. Sizes from the mesh
extents of the gripper and its fingers (finger 56 x 27 x 77 mm, of which the last 45 mm are the
22 x 10 mm tip; body 62 x 146 x 63 mm behind).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Part:
    """A box pair (left and right) or one box: |x| < half_x, y between inner and outer from the
    centre line (measured from the open finger's face where `moves`), z from -end to -start."""

    half_x_m: float
    y_inner_m: float
    y_outer_m: float
    z_start_m: float
    z_end_m: float
    moves: bool


TIP = Part(0.011, 0.0, 0.010, 0.0, 0.045, moves=True)
CARRIAGE = Part(0.028, 0.0, 0.027, 0.045, 0.077, moves=True)
BODY = Part(0.031, 0.0, 0.073, 0.077, 0.140, moves=False)
PARTS = (TIP, CARRIAGE, BODY)

#: Opened this much wider than the object before the approach, both sides together.
PRE_OPEN_MARGIN_M = 0.012
#: The pad that may touch: this far back from the fingertips.
PAD_LENGTH_M = 0.030


def lowest_corner(R_table_gripper: NDArray, opening_m: NDArray) -> NDArray:
    """How far the lowest corner of the gripper lies under its fingertips' centre, by part.

    R (B, 3, 3) columns x, y, z of the tcp frame in a frame with z up; opening (B,) the gap between
    the fingers. Returns (B,) metres, positive downwards: the tcp must be at least this high.
    """
    up = R_table_gripper[:, 2, :]
    reach = []
    for part in PARTS:
        outer = part.y_outer_m + (opening_m / 2 if part.moves else 0.0)
        sideways = part.half_x_m * np.abs(up[:, 0]) + outer * np.abs(up[:, 1])
        along = np.maximum(part.z_start_m * up[:, 2], part.z_end_m * up[:, 2])
        reach.append(sideways + along)
    return np.max(reach, axis=0)
