"""How far a link's shapes reach."""

import numpy as np
from numpy.typing import NDArray

from core.transforms import apply
from hardware.robot.description import SHAPES


def link_bounds(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) [m] of the box around a link's shapes, in the link's frame."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
    points = np.concatenate([apply(shape.T_link_shape, signs * shape.half_extents_m) for shape in SHAPES[name]])
    return points.min(axis=0), points.max(axis=0)
