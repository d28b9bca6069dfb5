"""Walls under the outline of what is seen from above: sides that no view and no symmetry shows."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_erosion, gaussian_filter

from grasping.detection.segmentation import Surface

CELL_M = 0.004
STEP_M = 0.004


def walls(surface: Surface) -> Surface:
    """Points straight down from the outline of the surface's footprint, facing outwards, not seen."""
    cell = np.floor((surface.points_m[:, :2] - surface.points_m[:, :2].min(0)) / CELL_M).astype(int) + 3
    covered = np.zeros(cell.max(0) + 4, bool)
    covered[tuple(cell.T)] = True
    covered = binary_closing(covered, iterations=2)
    rim = covered & ~binary_erosion(covered)
    outward = -np.stack(np.gradient(gaussian_filter(covered.astype(float), 1.5)), -1)
    edge = np.flatnonzero(rim[tuple(cell.T)])
    direction = outward[tuple(cell[edge].T)]
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    top = _topmost(surface.points_m[edge], cell[edge], covered.shape)
    edge, direction = edge[top], direction[top]
    levels = np.arange(STEP_M / 2, surface.points_m[:, 2].max(initial=0), STEP_M)
    column, level = np.nonzero(levels[None] < surface.points_m[edge, 2][:, None])
    points = np.column_stack([surface.points_m[edge[column], :2], levels[level]])
    normals = np.column_stack([direction[column], np.zeros(len(column))])
    return Surface(points, normals, np.zeros(len(points)))


def _topmost(points: NDArray, cell: NDArray, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Indices of the highest point of every cell."""
    key = np.ravel_multi_index(tuple(cell.T), shape)
    order = np.lexsort((-points[:, 2], key))
    return order[np.unique(key[order], return_index=True)[1]]
