"""Half turns and vertical mirror planes under which a half-seen object maps onto itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grasping.detection.point_cloud import FreeSpace, PointCloud

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

    def plane(angle_rad: float, offset_m: float) -> Symmetry:
        return mirror(angle_rad, middle, offset_m)

    x, y, _ = best(half_turn, middle[0] + _COARSE_M, middle[1] + _COARSE_M)
    x, y, turned = best(half_turn, x + _FINE_M, y + _FINE_M)
    angle, offset, _ = best(plane, np.arange(0, np.pi, np.pi / 12), _COARSE_M)
    angle, offset, mirrored = best(plane, angle + _FINE_RAD, offset + _FINE_M)
    return (half_turn(x, y), turned) if turned >= mirrored else (plane(angle, offset), mirrored)


def half_turn(x_m: float, y_m: float) -> Symmetry:
    """Rotation by 180 degrees about the vertical axis through (x, y)."""
    return Symmetry(-np.eye(2), 2 * np.array([x_m, y_m]))


def mirror(angle_rad: float, through_m: NDArray, offset_m: float = 0.0) -> Symmetry:
    """Reflection in the vertical plane whose normal points along `angle_rad`, `offset_m` past a point (2,)."""
    normal = np.array([np.cos(angle_rad), np.sin(angle_rad)])
    return Symmetry(np.eye(2) - 2 * np.outer(normal, normal), 2 * normal * (normal @ through_m + offset_m))


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
