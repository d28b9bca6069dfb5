"""A picture with the outlines of the arms where their joints say they stand, for people."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from core.transforms import Matrix
from perception.arms.outline import ArmView, edges_of

_OUTLINE_RGB = (255, 0, 200)


def draw_arms(
    color: NDArray[np.uint8],
    intrinsics: Intrinsics,
    T_camera_world: Matrix,
    cell: Cell,
    joints_rad: Mapping[str, NDArray[np.float64]],
    widths_m: Mapping[str, float],
) -> NDArray[np.uint8]:
    """A copy of a picture (H, W, 3) with these outlines; arguments as `check_arms`."""
    picture = np.array(color)
    for name, measured_rad in joints_rad.items():
        view = ArmView.of(cell.arms[name], intrinsics, T_camera_world, widths_m[name])
        columns, rows = edges_of(view.draw(measured_rad)).pixels.T
        picture[rows, columns] = _OUTLINE_RGB
    return picture
