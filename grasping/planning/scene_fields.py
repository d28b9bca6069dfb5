"""Distances to all that stands in the scene, for each arm and for each object it may go for."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from grasping.planning.arm_model import COVER, ArmModel, oriented_boxes
from grasping.planning.candidates import Around
from grasping.planning.collision import CLEARANCE_M
from grasping.planning.obstacles import FIELD_ERROR_M, DistanceField, OrientedBox, bin_boxes, fixture_boxes
from grasping.scene_cloud import SceneCloud

#: How far the fingers of an arm that stands still are taken to be open [m].
ASSUMED_WIDTH_M = 0.07


def fixed_boxes(cell: Cell, moving: str, joints: Mapping[str, NDArray[np.float64]]) -> list[OrientedBox]:
    """The bin, the fixtures and pedestals, and all arms but the one that moves where they stand, their fingers open.

    joints: (6,) [rad] by arm.
    """
    standing = [ArmModel(name, mount) for name, mount in cell.arms.items() if name != moving]
    boxes = [box for arm in standing for box in oriented_boxes(arm, joints[arm.name], ASSUMED_WIDTH_M)]
    return [*bin_boxes(cell.bin), *fixture_boxes(cell), *boxes]


def without_arms(
    points_m: NDArray[np.float64], cell: Cell, joints: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Of points (N, 3), world, of what was let go of over the bin, those (K, 3) that can be: beyond its walls none is
    in an arm that stands there, or above it, since all below a point counts as solid. joints: (6,) [rad] by arm."""
    beyond = (np.abs(points_m[:, :2] - cell.bin.center_m) > np.array(cell.bin.size_m[:2]) / 2).any(axis=1)
    near_m = COVER.radius_m + CLEARANCE_M + FIELD_ERROR_M
    taken = np.zeros(len(points_m), bool)
    for name, mount in cell.arms.items():
        both = np.repeat(joints[name][None], 2, axis=0)
        for centers_m in ArmModel(name, mount).place(both, np.array([0.0, ASSUMED_WIDTH_M])).centers_m:
            away_m = points_m[:, None] - centers_m
            beside = np.square(away_m[..., :2]).sum(axis=-1) < near_m**2
            taken |= (beside & (away_m[..., 2] > -near_m)).any(axis=1)
    return points_m[~(taken & beyond)]


class SceneFields:
    """everything: by arm, what it must avoid where no object is its own, the other arms among it."""

    def __init__(
        self,
        cloud: SceneCloud,
        cell: Cell,
        joints: Mapping[str, NDArray[np.float64]],
        passing: Sequence[OrientedBox],
        binned_m: NDArray[np.float64],
    ) -> None:
        """joints: (6,) [rad] where every arm stands. Others as `plan_grasp`."""
        nothing = DistanceField.empty(cell)
        self._whole, self._binned_m = cloud.whole, binned_m
        self._passing = nothing.with_boxes(passing) if passing else None
        self._objects = {label: nothing.with_points(cloud.of(label)) for label in np.unique(cloud.labels)}
        self._hidden = {label: nothing.with_points(points) for label, points in cloud.hidden_m.items()}
        self._fixed = {name: nothing.with_boxes(fixed_boxes(cell, name, joints)) for name in cell.arms}
        self.everything = {name: field.joined(*self._objects.values()) for name, field in self._fixed.items()}
        self._around: dict[tuple[str, int], Around] = {}

    def around(self, name: str, label: int) -> Around:
        """What an arm must avoid that goes for the object of this label."""
        key, whole = (name, label), self._whole.get(label, label)
        if key not in self._around:
            fields = (*self._objects.items(), *self._hidden.items())
            others = self._fixed[name].joined(*(field for other, field in fields if other != whole))
            its = [self._objects[whole]] if whole in self._objects else []  # a detector may say -1: of none
            self._around[key] = Around(others.joined(*its), others, self._passing, self._binned_m)
        return self._around[key]
