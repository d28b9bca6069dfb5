"""Straight tool motions: joint paths that keep the tool on a line, for many lines at once."""

import numpy as np
from numpy.typing import NDArray

from grasping.planning.inverse_kinematics import solve
from hardware.robot.kinematics import Firmware
from hardware.transforms import Matrix

#: Largest step of any joint [rad] between neighbouring poses that still counts as the same motion.
_CONTINUOUS_RAD = 0.35


def shifted(T_world_tcp: Matrix, offsets_m: NDArray) -> Matrix:
    """Poses (..., S, 4, 4): each pose (..., 4, 4) moved by the world-frame offsets (..., S, 3)."""
    T = np.repeat(T_world_tcp[..., None, :, :], offsets_m.shape[-2], axis=-3)
    T[..., :3, 3] += offsets_m
    return T


def follow(start_rad: NDArray, T_base_tcp: Matrix, firmware: Firmware) -> NDArray[np.float64]:
    """Joint paths (C, K, S, 6) through poses (C, S, 4, 4) from starts (C, K, 6), all from one solution on.

    At each pose the solution nearest to the one before is taken, so a path may pass where the wrist
    is straight. From the first pose without a continuous solution on, a path is NaN.
    """
    options = solve(T_base_tcp, firmware)
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
