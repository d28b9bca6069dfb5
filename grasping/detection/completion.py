"""The side the camera does not see, guessed from symmetry and checked against what it does see.

Tableware is nearly always a solid of revolution or has a vertical mirror plane. A guess is kept
only where it lies behind something seen: a point in space the camera looked through is refused.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from grasping.detection.segmentation import Surface, facing, thin
from grasping.detection.symmetry import best_symmetry
from grasping.detection.view import View
from grasping.detection.walls import walls

#: Share of a symmetry's images that must be where they should for it to be believed.
MIN_CONSISTENCY = 0.78
#: More of a completion than this in empty space refutes its symmetry.
MAX_VIOLATION = 0.15


@dataclass(frozen=True)
class Completed:
    """A surface with its unseen side added (seen = 0), and how well its symmetry explains what is
    seen: 1 and more fully, 0 not at all (then only walls were added)."""

    surface: Surface
    sureness: float


def complete(surface: Surface, view: View) -> Completed:
    """Completes by revolution where an upright axis fits, else by the best half turn or mirror plane,
    if it convinces, and by walls under the outline of what is seen from above."""
    axis = lathe_axis(surface, view)
    if axis is not None:
        center, inliers = axis
        return Completed(_joined(surface, _revolved(surface[inliers], center), view), 1.0)
    symmetry, consistency = best_symmetry(surface, view)
    convinces = consistency >= MIN_CONSISTENCY
    both = _joined(surface, symmetry.of(surface), view) if convinces else surface
    return Completed(_joined(both, walls(both), view), consistency if convinces else 0.0)


def _joined(surface: Surface, added: Surface, view: View) -> Surface:
    """The surface and what is added, less what is known to be empty, in the table or there already."""
    added = added[~view.is_free(added.points_m) & (added.points_m[:, 2] > 0)]
    distance, index = cKDTree(surface.points_m).query(added.points_m, distance_upper_bound=0.006)
    known = np.isfinite(distance)
    known[known] = np.einsum("ni,ni->n", surface.normals[index[known]], added.normals[known]) > 0.3
    return surface + added[~known]


def lathe_axis(surface: Surface, view: View) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Where a vertical axis of revolution stands (2,) and which points (N,) obey it, or None.

    Every normal of a solid of revolution meets its axis: the axis is the point nearest to all
    lines through the points along their horizontal normals, in least squares, made robust.
    """
    flat = np.linalg.norm(surface.normals[:, :2], axis=1)
    side = flat > 0.35
    if side.sum() < 30:
        return None
    p, n = surface.points_m[side, :2], surface.normals[side, :2] / flat[side, None]
    tangent = np.stack([-n[:, 1], n[:, 0]], 1)
    target = np.einsum("ni,ni->n", tangent, p)
    weight = flat[side].copy()
    for _ in range(12):
        A = (tangent * weight[:, None]).T @ tangent
        if np.linalg.cond(A) > 200:
            return None
        center = np.linalg.solve(A, (tangent * weight[:, None]).T @ target)
        miss = np.abs(tangent @ center - target)
        weight = flat[side] / (1 + (miss / 0.004) ** 2)
    radius = np.linalg.norm(p - center, axis=1)
    if np.median(miss) > 0.002 + 0.10 * np.median(radius) or np.median(radius) > 0.15:
        return None
    fits = miss < 0.004 + 0.2 * radius
    if fits.mean() < 0.6 or not _is_round(p[fits] - center, surface.points_m[side][fits, 2], n[fits]):
        return None
    inliers = np.ones(len(surface), bool)
    inliers[np.flatnonzero(side)[~fits]] = False
    turned = _revolved(surface[inliers], center)
    return None if view.is_free(turned.points_m).mean() > MAX_VIOLATION else (center, inliers)


def _is_round(from_axis: NDArray, height: NDArray, n: NDArray) -> bool:
    """Whether points at one height, on one side of the wall, share a radius."""
    radius = np.linalg.norm(from_axis, axis=1)
    outward = np.einsum("ni,ni->n", from_axis, n) > 0
    band = np.floor(height / 0.008).astype(int) * 2 + outward
    spread = [np.std(radius[band == b]) for b in np.unique(band) if (band == b).sum() >= 8]
    return bool(spread) and float(np.median(spread)) < 0.004


def _revolved(surface: Surface, center: NDArray, turns: int = 24) -> Surface:
    """Every point turned about the vertical axis through `center`, one copy per turn."""
    keep = thin(surface.points_m, 0.005, facing(surface.normals))
    points, normals = surface.points_m[keep].copy(), surface.normals[keep]
    points[:, :2] -= center
    angle = np.arange(1, turns) * 2 * np.pi / turns
    R = Rotation.from_euler("z", angle[:, None]).as_matrix()
    points = np.einsum("kij,nj->kni", R, points).reshape(-1, 3) + np.append(center, 0.0)
    normals = np.einsum("kij,nj->kni", R, normals).reshape(-1, 3)
    keep = thin(points, 0.004, facing(normals))
    return Surface(points[keep], normals[keep], np.zeros(len(keep)))
