"""The robot's own file, measured, and joints drawn."""

import numpy as np
from numpy.typing import NDArray

from core.transforms import apply
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, SHAPES


def link_bounds(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) [m] of the box around a link's shapes, in the link's frame."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
    points = np.concatenate([apply(shape.T_link_shape, signs * shape.half_extents_m) for shape in SHAPES[name]])
    return points.min(axis=0), points.max(axis=0)


def random_joints(count: int, seed: int = 0) -> np.ndarray:
    """(N, 6) [rad] within the limits."""
    return np.random.default_rng(seed).uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (count, 6))
