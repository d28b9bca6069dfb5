"""The PiPER gripper as boxes behind its fingertips, as far as a grasp must know it.

Frame: tcp, midway between the fingertips; z approach, y closing, x = y cross z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasping.grasp_set import WIDTH
from hardware.robot.description import SHAPES, TCP_OFFSET_M

#: Opened this much wider than the object before the approach, both sides together: by the first margin where there is
#: room, since depth errs by a centimetre; by the least margin where the gripper opens no wider.
PRE_OPEN_MARGINS_M, LEAST_MARGIN_M = (0.030, 0.012), 0.006
#: The pad that may touch: this far back from the fingertips.
PAD_LENGTH_M = 0.030


@dataclass(frozen=True)
class GripperBox:
    """A box, or one on each side: |x| < half_x; y from inner to outer, from the open finger's face
    outwards where it `moves`, else from the centre; behind the fingertips from z_start to z_end."""

    half_x_m: float
    y_inner_m: float
    y_outer_m: float
    z_start_m: float
    z_end_m: float
    moves: bool


def _parts() -> tuple[GripperBox, ...]:
    """The robot's own shapes, seen from the fingertips. A finger's frame: x across, -y back, z outwards."""
    parts = []
    for shape in SHAPES["link7"]:
        (x, y, z), (_, at_y, at_z) = shape.size_m, shape.T_link_shape[:3, 3].tolist()
        parts.append(GripperBox(x, at_z - z, at_z + z, -at_y - y, -at_y + y, moves=True))
    for shape in SHAPES["gripper_base"]:
        (x, y, z), back = shape.size_m, TCP_OFFSET_M - float(shape.T_link_shape[2, 3])
        parts.append(GripperBox(x, 0.0, y, back - z, back + z, moves=False))
    return tuple(parts)


PARTS = _parts()
TIP = min(PARTS, key=lambda part: part.z_start_m)


def as_openings(rows: NDArray, max_opening_m: float) -> NDArray[np.float64]:
    """GraspNet rows (N, 17) whose width is what the gripper opens to, as graspnetAPI and AnyGrasp mean it; within
    Vitro it is the object's own."""
    opened = np.array(rows, float)
    opened[:, WIDTH] = pre_opening(opened[:, WIDTH], max_opening_m)
    return opened


def lowest_corner(R_table_tcp: NDArray, opening_m: NDArray) -> NDArray:
    """How far the gripper reaches below its tcp [m], (B,): the tcp must be at least this high.

    R (B, 3, 3) the tcp's axes in a frame with z up; opening (B,) the gap between the fingers [m].
    """
    up = R_table_tcp[:, 2, :]
    reach = []
    for part in PARTS:
        outer = part.y_outer_m + (opening_m / 2 if part.moves else 0.0)
        sideways = part.half_x_m * np.abs(up[:, 0]) + outer * np.abs(up[:, 1])
        along = np.maximum(part.z_start_m * up[:, 2], part.z_end_m * up[:, 2])
        reach.append(sideways + along)
    return np.max(reach, axis=0)


def pre_opening(width_m: NDArray, max_opening_m: float, margin_m: float = PRE_OPEN_MARGINS_M[0]) -> NDArray:
    """The gap between the fingers [m] on the way in to objects of these widths."""
    return np.minimum(width_m + margin_m, max_opening_m)
