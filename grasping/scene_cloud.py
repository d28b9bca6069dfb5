"""What perception says stands in the world: the objects, whole, and the space that each hides from the camera."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.cell import Cell
from core.transforms import apply, invert
from grasping.grasp_set import GraspSet
from perception.depth_types import TableView
from perception.row_keys import row_keys

#: The label of such points in a scene's cloud: of no object that may be grasped.
BINNED = -2
#: What has this share of its points below an object, seen from above so near [m] to it, is a part of it.
_BELOW, _BESIDE_M = 0.9, 0.015
#: Shadows are points so far apart [m].
SPACING_M = 0.01
#: Nothing is hidden farther behind an object [m]: rays that hardly fall meet the table beyond any arm's reach.
_FARTHEST_M = 1.0


@dataclass(frozen=True)
class SceneCloud:
    """Perceived objects in the world frame: points_m (M, 3), labels (M,) the object of each point.

    whole: by label, the one that all parts of the same object have here; those that are an object of their own are not
    in it. hidden_m: by object, points (N, 3) of the space behind it that nobody saw.
    """

    points_m: NDArray[np.float64]
    labels: NDArray[np.int32]
    whole: Mapping[int, int] = field(default_factory=dict)
    hidden_m: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def from_grasps(cls, grasps: GraspSet, view: TableView, cell: Cell | None = None) -> "SceneCloud":
        """The cloud grasps were found in and what it was completed to, moved to the world; points that are not finite
        are left out. Nothing is ever taken away from it: that depth was seen beyond a glass says nothing of its back.
        What stands right below an object is part of it: a glass whose stem was told apart from its bowl moves whole.

        cell: says whether what objects hide counts as occupied; without one it does not.
        """
        points = np.concatenate([grasps.cloud_m, grasps.completed_m]).astype(float).reshape(-1, 3)
        labels = np.concatenate([grasps.labels, grasps.completed_labels])
        good = np.isfinite(points).all(axis=1)
        points, labels = apply(invert(view.T_camera_world), points[good]), labels[good]
        whole, joined = _wholes(points, labels), labels.copy()
        for part, label in whole.items():
            joined[labels == part] = label
        cloud = cls(points, joined, whole)
        is_hidden_kept = cell is not None and cell.workspace.hidden == "occupied"
        return cloud._with_hidden(hidden_behind(grasps, view)) if is_hidden_kept else cloud

    def with_points(self, points_m: NDArray[np.float64], label: int) -> "SceneCloud":
        """The cloud with points (N, 3) of the world added."""
        labels = np.full(len(points_m), label, self.labels.dtype)
        points, labels = np.concatenate([self.points_m, points_m]), np.concatenate([self.labels, labels])
        return replace(self, points_m=points, labels=labels)

    def _with_hidden(self, hidden_m: Mapping[int, NDArray[np.float64]]) -> "SceneCloud":
        """The cloud with the space (N, 3) that each object, or part of one, hides, counted as occupied."""
        parts: dict[int, list[NDArray[np.float64]]] = {}
        for label, points in hidden_m.items():
            parts.setdefault(self.whole.get(label, label), []).append(points)
        return replace(self, hidden_m={label: np.concatenate(points) for label, points in parts.items()})

    @property
    def everything_m(self) -> NDArray[np.float64]:
        """Points (K, 3) of all objects, and of what they hide."""
        return np.concatenate([self.points_m, *self.hidden_m.values()])

    def of(self, label: int) -> NDArray[np.float64]:
        """Points (K, 3) of one object, of all its parts."""
        return self.points_m[self.labels == self.whole.get(int(label), label)]

    def without(self, label: int) -> NDArray[np.float64]:
        """Points (K, 3) of all other objects, and of what those hide."""
        whole = self.whole.get(int(label), label)
        hidden = (points for other, points in self.hidden_m.items() if other != whole)
        return np.concatenate([self.points_m[self.labels != whole], *hidden])


def _wholes(points_m: NDArray, labels: NDArray[np.int32]) -> dict[int, int]:
    """Of each label that is of a part, right below another (`_stands_on`), the label of the topmost part."""
    parts = {int(label): points_m[labels == label] for label in np.unique(labels[labels >= 0])}
    above: dict[int, int] = {}
    for low, high in permutations(parts, 2):
        if low not in above and _stands_on(parts[high], parts[low]):
            above[low] = high
    whole = {}
    for label in above:
        top = label
        while top in above:
            top = above[top]
        whole[label] = top
    return whole


def _stands_on(high_m: NDArray, low_m: NDArray) -> bool:
    """Whether points (M, 3) are right above points (K, 3): higher throughout, and over the same places."""
    above = low_m[:, 2].max() <= high_m[:, 2].min() + SPACING_M and low_m[:, 2].mean() < high_m[:, 2].mean()
    if not above:
        return False
    beside_m, _ = cKDTree(high_m[:, :2]).query(low_m[:, :2], distance_upper_bound=_BESIDE_M)
    return bool(np.isfinite(beside_m).mean() > _BELOW)


def hidden_behind(grasps: GraspSet, view: TableView) -> dict[int, NDArray[np.float64]]:
    """By object, points (N, 3), world, of the space that it hid from the camera: along each ray from where that met it
    on to the table. Only what was seen hides anything.
    """
    T_world_camera = invert(view.T_camera_world)
    points_m = apply(T_world_camera, grasps.cloud_m.astype(float))
    good = np.isfinite(points_m).all(axis=1) & (points_m[:, 2] > SPACING_M) & (grasps.labels >= 0)
    labels = np.unique(grasps.labels[good])
    return {int(k): _shadow(points_m[good & (grasps.labels == k)], T_world_camera[:3, 3]) for k in labels}


def _shadow(points_m: NDArray, eye_m: NDArray) -> NDArray[np.float64]:
    _, keep = np.unique(row_keys(np.floor(points_m / SPACING_M).astype(int)), return_index=True)
    points = points_m[keep]
    ways = (points - eye_m) / np.linalg.norm(points - eye_m, axis=1, keepdims=True)
    # A ray that does not fall, as of a camera below an object's top, meets no table.
    reach_m = np.where(ways[:, 2] < 0.0, points[:, 2] / np.maximum(-ways[:, 2], 1e-9), 0.0).clip(max=_FARTHEST_M)
    steps = np.arange(SPACING_M, max(float(reach_m.max(initial=0.0)), SPACING_M), SPACING_M)
    ray, step = np.nonzero(steps < reach_m[:, None])
    shadow = points[ray] + steps[step, None] * ways[ray]
    _, keep = np.unique(row_keys(np.floor(shadow / SPACING_M).astype(int)), return_index=True)
    return shadow[keep]
