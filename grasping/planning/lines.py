"""Straight tool motions: joint paths that keep the tool's tip on a line, for many lines at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.transforms import Matrix
from grasping.planning.inverse_kinematics import solve
from hardware.robot.description import Firmware

APPROACH_M = 0.08
LIFT_M = 0.12
#: Poses are taken this far inside the joint limits, so that a spline through them stays inside as well.
LIMIT_MARGIN_RAD = 0.01
#: Poses through which a straight motion runs.
LINE_STEPS = 25
#: The lift keeps the object upright where the arm can, else tips it as little as it must.
TIPS_RAD = tuple(np.deg2rad([0.0, 20.0, 40.0]))
#: An object is raised this far before it is turned: clear of the table and of what stood beside it.
UPRIGHT_LIFT_M = 0.03
#: Largest step of any joint [rad] between neighbouring poses that still counts as the same motion.
_CONTINUOUS_RAD = 0.35


def approach_poses(T_world_tcp: Matrix, steps: int) -> Matrix:
    """(C, S, 4, 4) from grasps (C, 4, 4) straight back along the tool's axis to where the approach begins."""
    T = np.repeat(T_world_tcp[:, None], steps, axis=1)
    T[..., :3, 3] -= np.linspace(0.0, APPROACH_M, steps)[:, None] * T_world_tcp[:, None, :3, 2]
    return T


def lift_poses(T_world_tcp: Matrix, tip_rad: float, T_world_base: Matrix, steps: int) -> Matrix:
    """(C, S, 4, 4) from grasps (C, 4, 4) straight up, the tool tipping outward by `tip_rad` on the way.

    The arm holds its tool straight down only near the table (joint 5 ends at 70 deg): to rise further
    it has to let the tool lean away from its base.
    """
    T = np.repeat(T_world_tcp[:, None], steps, axis=1)
    height = np.linspace(0.0, LIFT_M, steps)
    outward = T_world_tcp[:, :2, 3] - T_world_base[:2, 3]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    axis = np.stack([outward[:, 1], -outward[:, 0], np.zeros(len(outward))], axis=1)
    angle = tip_rad * np.clip((height - UPRIGHT_LIFT_M) / (LIFT_M - UPRIGHT_LIFT_M), 0.0, 1.0)
    turns = Rotation.from_rotvec((angle[None, :, None] * axis[:, None]).reshape(-1, 3)).as_matrix()
    T[..., :3, :3] = turns.reshape(len(T), steps, 3, 3) @ T[..., :3, :3]
    T[..., 2, 3] += height
    return T


def follow(start_rad: NDArray, T_base_tcp: Matrix, firmware: Firmware) -> NDArray[np.float64]:
    """Joint paths (C, K, S, 6) through poses (C, S, 4, 4) from starts (C, K, 6), all from one solution on.

    At each pose the solution nearest to the one before is taken, so a path may pass where the wrist
    is straight. From the first pose without a continuous solution on, a path is NaN.
    """
    options = solve(T_base_tcp, firmware, LIMIT_MARGIN_RAD)
    here = np.asarray(start_rad, float)
    path = []
    for step in range(options.shape[1]):
        distance = np.abs(options[:, None, step] - here[:, :, None]).max(axis=-1)
        distance = np.where(np.isnan(distance), np.inf, distance)
        nearest = distance.argmin(axis=-1)
        found = np.take_along_axis(distance, nearest[..., None], axis=-1) < _CONTINUOUS_RAD
        here = np.where(found, np.take_along_axis(options[:, step], nearest[..., None], axis=1), np.nan)
        path.append(here)
    return np.stack(path, axis=2)
