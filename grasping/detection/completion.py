"""The side the camera does not see, guessed from symmetry and checked against what it does see.

Tableware is nearly always a solid of revolution or has a vertical mirror plane. A guess is kept
only where it lies behind something seen: a point in space the camera looked through is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_erosion, gaussian_filter
from scipy.spatial import cKDTree

from core.transforms import rotation_z
from grasping.detection.point_cloud import FreeSpace, PointCloud, facing, thin

#: Share of a symmetry's images that must be where they should for it to be believed.
MIN_CONSISTENCY = 0.78
#: More of a completion than this in empty space refutes its symmetry.
MAX_VIOLATION = 0.15
#: Walls are set up on a grid of this pitch, of points this far apart.
CELL_M, STEP_M = 0.004, 0.004
#: An image of a point is found again where the surface passes this near with a like normal.
SUPPORT_M = 0.006
LIKE_NORMAL = 0.75
#: An image that faces the camera by more than this cosine should have been seen.
FACING = 0.25
#: What an image on the hidden side is worth beside one that is found again: a symmetry that maps
#: the seen side onto itself completes nothing.
NEWS = 0.15
_SAMPLE = 160
_COARSE_M = np.linspace(-0.03, 0.03, 7)
_FINE_M = np.linspace(-0.008, 0.008, 5)
_FINE_RAD = np.deg2rad([-10.0, -5.0, 0.0, 5.0, 10.0])


@dataclass(frozen=True)
class Completed:
    """A surface with its unseen side added (seen = 0), and how well its symmetry explains what is
    seen: 1 and more fully, 0 not at all (then only walls were added)."""

    surface: PointCloud
    sureness: float


def complete(surface: PointCloud, space: FreeSpace) -> Completed:
    """Completes by revolution where an upright axis fits, else by the best half turn or mirror plane,
    if it convinces, and by walls under the outline of what is seen from above."""
    axis = lathe_axis(surface, space)
    if axis is not None:
        center, inliers = axis
        return Completed(_join(surface, _revolve(surface[inliers], center), space), 1.0)
    symmetry, consistency = best_symmetry(surface, space)
    convinces = consistency >= MIN_CONSISTENCY
    both = _join(surface, symmetry.of(surface), space) if convinces else surface
    return Completed(_join(both, _walls(both), space), consistency if convinces else 0.0)


def _join(surface: PointCloud, added: PointCloud, space: FreeSpace) -> PointCloud:
    """The surface and what is added, less what is known to be empty, in the table or there already."""
    added = added[~space.contains(added.points_m) & (added.points_m[:, 2] > 0)]
    distance, index = cKDTree(surface.points_m).query(added.points_m, distance_upper_bound=0.006)
    known = np.isfinite(distance)
    known[known] = np.einsum("ni,ni->n", surface.normals[index[known]], added.normals[known]) > 0.3
    return surface + added[~known]


def lathe_axis(surface: PointCloud, space: FreeSpace) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
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
    turned = _revolve(surface[inliers], center)
    return None if space.contains(turned.points_m).mean() > MAX_VIOLATION else (center, inliers)


def _is_round(from_axis: NDArray, height: NDArray, n: NDArray) -> bool:
    """Whether points at one height, on one side of the wall, share a radius."""
    radius = np.linalg.norm(from_axis, axis=1)
    outward = np.einsum("ni,ni->n", from_axis, n) > 0
    band = np.floor(height / 0.008).astype(int) * 2 + outward
    spread = [np.std(radius[band == b]) for b in np.unique(band) if (band == b).sum() >= 8]
    return bool(spread) and float(np.median(spread)) < 0.004


def _revolve(surface: PointCloud, center: NDArray, turns: int = 24) -> PointCloud:
    """Every point turned about the vertical axis through `center`, one copy per turn."""
    keep = thin(surface.points_m, 0.005, facing(surface.normals))
    points, normals = surface.points_m[keep].copy(), surface.normals[keep]
    points[:, :2] -= center
    R = np.stack([rotation_z(turn * 2 * np.pi / turns) for turn in range(1, turns)])
    points = np.einsum("kij,nj->kni", R, points).reshape(-1, 3) + np.append(center, 0.0)
    normals = np.einsum("kij,nj->kni", R, normals).reshape(-1, 3)
    keep = thin(points, 0.004, facing(normals))
    return PointCloud(points[keep], normals[keep], np.zeros(len(keep)))


def _walls(surface: PointCloud) -> PointCloud:
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
    key = np.ravel_multi_index(tuple(cell[edge].T), covered.shape)
    order = np.lexsort((-surface.points_m[edge, 2], key))
    topmost = order[np.unique(key[order], return_index=True)[1]]
    edge, direction = edge[topmost], direction[topmost]
    levels = np.arange(STEP_M / 2, surface.points_m[:, 2].max(initial=0), STEP_M)
    column, level = np.nonzero(levels[None] < surface.points_m[edge, 2][:, None])
    points = np.column_stack([surface.points_m[edge[column], :2], levels[level]])
    normals = np.column_stack([direction[column], np.zeros(len(column))])
    return PointCloud(points, normals, np.zeros(len(points)))


@dataclass(frozen=True)
class Symmetry:
    """The map xy -> M xy + shift_m of the table's plane; heights stay."""

    M: NDArray[np.float64]
    shift_m: NDArray[np.float64]

    def of(self, surface: PointCloud) -> PointCloud:
        """The surface's image, marked as not seen."""
        points = np.column_stack([surface.points_m[:, :2] @ self.M.T + self.shift_m, surface.points_m[:, 2]])
        normals = np.column_stack([surface.normals[:, :2] @ self.M.T, surface.normals[:, 2]])
        return PointCloud(points, normals, np.zeros(len(points)))


def best_symmetry(surface: PointCloud, space: FreeSpace) -> tuple[Symmetry, float]:
    """The symmetry whose images are most often where they should be, and how often: 0 to a little over 1.

    Should be: an image that faces the camera lies on what was seen; one that faces away lies
    behind it. Coarse search about the middle of what is seen, then a finer one about the best.
    """
    sample = surface[np.linspace(0, len(surface) - 1, min(_SAMPLE, len(surface))).astype(int)]
    tree = cKDTree(surface.points_m)
    xy = surface.points_m[:, :2]
    middle = (xy.min(0) + xy.max(0)) / 2

    def best(build: Callable[[float, float], Symmetry], first: NDArray, second: NDArray) -> tuple[float, float, float]:
        pairs = [(a, b) for a in first for b in second]
        scores = _consistency([build(*pair) for pair in pairs], sample, surface, tree, space)
        k = int(np.argmax(scores))
        return (*pairs[k], scores[k])

    def half_turn(x_m: float, y_m: float) -> Symmetry:
        """By 180 degrees about the vertical axis through (x, y)."""
        return Symmetry(-np.eye(2), 2 * np.array([x_m, y_m]))

    def mirror(angle_rad: float, offset_m: float) -> Symmetry:
        """In the vertical plane whose normal points along `angle_rad`, `offset_m` past the middle."""
        normal = np.array([np.cos(angle_rad), np.sin(angle_rad)])
        return Symmetry(np.eye(2) - 2 * np.outer(normal, normal), 2 * normal * (normal @ middle + offset_m))

    x, y, _ = best(half_turn, middle[0] + _COARSE_M, middle[1] + _COARSE_M)
    x, y, turned = best(half_turn, x + _FINE_M, y + _FINE_M)
    angle, offset, _ = best(mirror, np.arange(0, np.pi, np.pi / 12), _COARSE_M)
    angle, offset, mirrored = best(mirror, angle + _FINE_RAD, offset + _FINE_M)
    return (half_turn(x, y), turned) if turned >= mirrored else (mirror(angle, offset), mirrored)


def _consistency(
    symmetries: list[Symmetry], sample: PointCloud, surface: PointCloud, tree: cKDTree, space: FreeSpace
) -> NDArray[np.float64]:
    """(S,) share of the sample's images that are where they should be, news weighing a little more."""
    images = [symmetry.of(sample) for symmetry in symmetries]
    points = np.concatenate([image.points_m for image in images])
    normals = np.concatenate([image.normals for image in images])
    to_eye = space.eye - points
    hidden = np.einsum("ni,ni->n", normals, to_eye) < FACING * np.linalg.norm(to_eye, axis=1)
    hidden[hidden] = ~space.contains(points[hidden])
    distance, index = tree.query(points, distance_upper_bound=SUPPORT_M)
    found = np.isfinite(distance)
    found[found] = np.einsum("ni,ni->n", normals[found], surface.normals[index[found]]) > LIKE_NORMAL
    worth = np.where(found, 1.0, (1 + NEWS) * hidden)
    return worth.reshape(len(symmetries), -1).mean(1)
