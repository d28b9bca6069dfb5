"""The side the camera does not see, guessed from symmetry and checked against what it does see.

Tableware is nearly always a solid of revolution or has a vertical mirror plane. A guess is kept
only where it lies behind something seen: a point in space the camera looked through is refused.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from scipy.spatial import cKDTree

from grasping.detection.segmentation import Surface, thin
from hardware.cameras.frame import Intrinsics
from hardware.transforms import Matrix, apply

#: In front of the seen surface by more than this is empty space; depth noise stays below it.
FREE_MARGIN_M = 0.010
#: More of a completion than this in empty space refutes its symmetry.
MAX_VIOLATION = 0.15


@dataclass(frozen=True)
class View:
    """What the camera saw, asked whether a point of the table's frame is known to be empty."""

    nearest_m: NDArray[np.float32]
    intrinsics: Intrinsics
    T_camera_table: Matrix

    @classmethod
    def of(cls, depth_m: NDArray, intrinsics: Intrinsics, T_camera_table: Matrix) -> "View":
        """Holes count as unknown, and so does everything within two pixels of one."""
        known = np.where(np.isfinite(depth_m), depth_m, 0).astype(np.float32)
        return cls(minimum_filter(known, 5), intrinsics, T_camera_table)

    def is_free(self, points_table: NDArray) -> NDArray[np.bool_]:
        """(N,) True where the camera looked through the point (N, 3)."""
        points = apply(self.T_camera_table, points_table)
        ahead = points[:, 2] > 0.05
        pixel = np.rint(self.intrinsics.project(np.where(ahead[:, None], points, [0, 0, 1]))).astype(int)
        u, v = pixel[:, 0], pixel[:, 1]
        inside = ahead & (u >= 0) & (v >= 0) & (u < self.intrinsics.width) & (v < self.intrinsics.height)
        nearest = self.nearest_m[np.where(inside, v, 0), np.where(inside, u, 0)]
        return inside & (points[:, 2] < nearest - FREE_MARGIN_M)


def complete(surface: Surface, view: View) -> Surface:
    """The surface with its unseen side added (seen = 0), by the best symmetry that holds, if any."""
    axis = lathe_axis(surface, view)
    if axis is not None:
        center, inliers = axis
        added = _revolved(surface[inliers], center)
    else:
        best = _best_mirror(surface, view)
        if best is None:
            return surface
        added = best
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
    keep = thin(surface.points_m, 0.005, _facing(surface.normals))
    points, normals = surface.points_m[keep].copy(), surface.normals[keep]
    points[:, :2] -= center
    angle = np.arange(1, turns) * 2 * np.pi / turns
    c, s = np.cos(angle), np.sin(angle)
    R = np.zeros((turns - 1, 3, 3))
    R[:, 0, 0], R[:, 0, 1], R[:, 1, 0], R[:, 1, 1], R[:, 2, 2] = c, -s, s, c, 1
    points = np.einsum("kij,nj->kni", R, points).reshape(-1, 3) + [*center, 0]
    normals = np.einsum("kij,nj->kni", R, normals).reshape(-1, 3)
    keep = thin(points, 0.004, _facing(normals))
    return Surface(points[keep], normals[keep], np.zeros(len(keep)))


def _facing(normals: NDArray) -> NDArray[np.int64]:
    """Six classes of direction, so that thinning never merges the two faces of a thin wall."""
    axis = np.abs(normals).argmax(1)
    return axis * 2 + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)


def _best_mirror(surface: Surface, view: View) -> Surface | None:
    """The half turn or vertical mirror plane that agrees best with what is seen, applied."""
    sample = surface[np.linspace(0, len(surface) - 1, min(250, len(surface))).astype(int)]
    tree = cKDTree(surface.points_m)
    best, best_score = None, -np.inf
    for M, shift in _symmetries(surface.points_m[:, :2]):
        points = np.column_stack([sample.points_m[:, :2] @ M.T + shift, sample.points_m[:, 2]])
        violation = view.is_free(points).mean()
        if violation > MAX_VIOLATION:
            continue
        support = np.isfinite(tree.query(points, distance_upper_bound=0.006)[0]).mean()
        if support - 2 * violation > best_score:
            best, best_score = (M, shift), support - 2 * violation
    if best is None:
        return None
    M, shift = best
    points = np.column_stack([surface.points_m[:, :2] @ M.T + shift, surface.points_m[:, 2]])
    normals = np.column_stack([surface.normals[:, :2] @ M.T, surface.normals[:, 2]])
    return Surface(points, normals, np.zeros(len(points)))


def _symmetries(footprint: NDArray) -> list[tuple[NDArray, NDArray]]:
    """(2x2 M, shift) of half turns and mirror planes near the middle of the seen footprint (N, 2)."""
    middle = (footprint.min(0) + footprint.max(0)) / 2
    steps = np.linspace(-0.03, 0.03, 7)
    found = [(-np.eye(2), 2 * (middle + [dx, dy])) for dx in steps for dy in steps]
    for angle in np.arange(0, np.pi, np.pi / 12):
        normal = np.array([np.cos(angle), np.sin(angle)])
        M = np.eye(2) - 2 * np.outer(normal, normal)
        found += [(M, 2 * normal * (normal @ middle + offset)) for offset in steps]
    return found
