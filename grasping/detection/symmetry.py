"""Half turns and vertical mirror planes under which a half-seen object maps onto itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grasping.detection.segmentation import Surface
from grasping.detection.view import View

#: An image of a point is found again where the surface passes this near with a like normal.
SUPPORT_M = 0.006
LIKE_NORMAL = 0.75
#: An image that faces the camera by more than this cosine should have been seen.
FACING = 0.25
#: Share of images that must be where they should for a symmetry to be believed.
MIN_CONSISTENCY = 0.70
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

    def of(self, surface: Surface) -> Surface:
        """The surface's image, marked as not seen."""
        points = np.column_stack([surface.points_m[:, :2] @ self.M.T + self.shift_m, surface.points_m[:, 2]])
        normals = np.column_stack([surface.normals[:, :2] @ self.M.T, surface.normals[:, 2]])
        return Surface(points, normals, np.zeros(len(points)))


def best_symmetry(surface: Surface, view: View) -> Symmetry | None:
    """The symmetry whose images are all where they should be, or None where none convinces.

    Should be: an image that faces the camera lies on what was seen; one that faces away lies
    behind it. Coarse search about the middle of what is seen, then a finer one about the best.
    """
    sample = surface[np.linspace(0, len(surface) - 1, min(_SAMPLE, len(surface))).astype(int)]
    judge = _Judge(sample, surface, view)
    xy = surface.points_m[:, :2]
    middle = (xy.min(0) + xy.max(0)) / 2
    turned = judge.best([(middle[0] + dx, middle[1] + dy) for dx in _COARSE_M for dy in _COARSE_M], half_turn)
    turned = judge.best([(turned[0] + dx, turned[1] + dy) for dx in _FINE_M for dy in _FINE_M], half_turn)

    def plane(angle_rad: float, offset_m: float) -> Symmetry:
        return mirror(angle_rad, middle, offset_m)

    mirrored = judge.best([(angle, offset) for angle in np.arange(0, np.pi, np.pi / 12) for offset in _COARSE_M], plane)
    mirrored = judge.best([(mirrored[0] + a, mirrored[1] + d) for a in _FINE_RAD for d in _FINE_M], plane)
    best = max((half_turn(*turned), plane(*mirrored)), key=judge)
    return best if judge(best) >= MIN_CONSISTENCY else None


def half_turn(x_m: float, y_m: float) -> Symmetry:
    """Rotation by 180 degrees about the vertical axis through (x, y)."""
    return Symmetry(-np.eye(2), 2 * np.array([x_m, y_m]))


def mirror(angle_rad: float, through_m: NDArray, offset_m: float = 0.0) -> Symmetry:
    """Reflection in the vertical plane whose normal points along `angle_rad`, `offset_m` past a point (2,)."""
    normal = np.array([np.cos(angle_rad), np.sin(angle_rad)])
    return Symmetry(np.eye(2) - 2 * np.outer(normal, normal), 2 * normal * (normal @ through_m + offset_m))


class _Judge:
    """Scores symmetries of one surface against what the camera saw of it."""

    def __init__(self, sample: Surface, surface: Surface, view: View) -> None:
        self._sample, self._surface, self._view = sample, surface, view
        self._tree = cKDTree(surface.points_m)

    def __call__(self, symmetry: Symmetry) -> float:
        image = symmetry.of(self._sample)
        to_eye = self._view.eye - image.points_m
        cosine = np.einsum("ni,ni->n", image.normals, to_eye) / np.linalg.norm(to_eye, axis=1)
        distance, index = self._tree.query(image.points_m, distance_upper_bound=SUPPORT_M)
        near = np.isfinite(distance)
        like = np.einsum("ni,ni->n", image.normals, self._surface.normals[np.where(near, index, 0)]) > LIKE_NORMAL
        hidden = (cosine < FACING) & ~self._view.is_free(image.points_m)
        return float((near & like).mean() + (1 + NEWS) * (hidden & ~(near & like)).mean())

    def best(
        self, parameters: list[tuple[float, float]], build: Callable[[float, float], Symmetry]
    ) -> tuple[float, float]:
        """The parameters whose symmetry scores best."""
        return max(parameters, key=lambda pair: self(build(*pair)))
