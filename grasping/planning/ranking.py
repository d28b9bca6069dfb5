"""Which of the candidates that are free is worked out first: one sum over what tells them apart.

Expected success leads: all else together weighs `LEAST_CLEAR`, so a candidate that is expected to succeed by more than
that is never behind another, however short, roomy or dexterous that one is.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import Surroundings, least_clearance_m
from grasping.planning.grasp_plan import Merits, Phase
from grasping.planning.inverse_kinematics import TIPS_RAD
from grasping.planning.paths import least_time_s
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS

#: Of each figure: what it costs at its worst, in units of expected success, where that is, and where it costs nothing.
#: A second of motion costs 0.02: less, and motions are longer than by joint travel alone; more gains nothing, for what
#: this duration does not know (the place in the bin) differs as much. Clearance is the next, up to what the gate tells
#: apart (0.02 m): what was seen may be off by that. Near a limit, or where the arm is nearly singular, following is
#: worse, and yet the gate has passed it; a tipped lift spills.
WEIGHTS = {
    "duration_s": (0.08, 7.5, 3.5),
    "clearance_m": (0.02, 0.0, 0.02),
    "limit_margin_rad": (0.01, 0.0, 0.2),
    "manipulability": (0.01, 0.0, 0.4),
    "tip_rad": (0.03, max(TIPS_RAD), 0.0),
}
#: An expected success that is greater by more than this (0.15) outweighs all of these together.
LEAST_CLEAR = sum(weight for weight, _, _ in WEIGHTS.values())
#: sqrt(det(J J^T)) [m^3] of the PiPER where it is greatest within its limits; a test looks for a greater one.
MOST_MANIPULABLE_M3 = 0.0279


def value_of(merits: Merits) -> float:
    """What candidates are ranked by, the highest first."""
    return merits.success - sum(
        weight * float(np.clip((getattr(merits, name) - best) / (worst - best), 0.0, 1.0))
        for name, (weight, worst, best) in WEIGHTS.items()
    )


def merits_of(
    arm: ArmModel,
    start_rad: NDArray,
    ways_rad: tuple[NDArray, NDArray],
    opening_m: NDArray,
    around: Surroundings,
    success: NDArray,
    tip_rad: NDArray,
) -> Iterator[Merits]:
    """Of C candidates with ways (approach, lift), each (C, S, 6), fingers so far open (C,), among what the approach
    must avoid."""
    approach, lift = ways_rad
    paths = np.concatenate(ways_rad, axis=1)
    steps = paths.shape[1]
    flat = paths.reshape(-1, 6)
    placed = arm.place(flat, np.repeat(opening_m, steps))
    figures = (
        success,
        least_time_s(approach[:, 0] - start_rad, Phase.TRANSIT)
        + least_time_s(approach[:, -1] - approach[:, 0], Phase.APPROACH)
        + least_time_s(lift[:, -1] - lift[:, 0], Phase.LIFT)
        + least_time_s(PARK_JOINTS - lift[:, -1], Phase.PLACE),
        least_clearance_m(arm, placed, around).reshape(-1, steps).min(axis=1),
        np.minimum(paths - JOINT_LOWER_RAD, JOINT_UPPER_RAD - paths).min(axis=(1, 2)),
        manipulability(placed.T_world_frame).reshape(-1, steps).min(axis=1),
        tip_rad,
    )
    return (Merits(*map(float, ones)) for ones in zip(*figures, strict=True))


def manipulability(T_world_frame: NDArray) -> NDArray[np.float64]:
    """(N,) of an arm with its frames at (N, 7, 4, 4), as a share of the greatest: sqrt(det(J J^T)) of a square J is
    |det J|, and of a wrist whose axes meet it is the same about any point of the hand."""
    axes = T_world_frame[:, 1:, :3, 2]
    about = T_world_frame[:, -1:, :3, 3] - T_world_frame[:, 1:, :3, 3]
    jacobian = np.concatenate([np.cross(axes, about), axes], axis=2)
    return np.asarray(np.abs(np.linalg.det(jacobian)) / MOST_MANIPULABLE_M3)
