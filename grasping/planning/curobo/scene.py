"""The world that the CPU planner avoids, as cuRobo's scene: the same distance field, and the table as boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, rotation_to_quaternion, transform
from grasping.planning.arm_model import ArmModel, in_frame_boxes
from grasping.planning.obstacles import FAR_M, VOXEL_M, DistanceField

#: The table reaches this far around a base and is so thick [m]; around the base itself it has a square hole.
_TABLE_M, _THICK_M, _HOLE_M = 1.5, 0.10, 0.10
#: Nothing that was perceived counts so near to the base [m].
_FREE_M = 0.05
#: Cuboids in a scene.
CUBOIDS = 4


def scene_around(field: DistanceField, arm: ArmModel, to_device: Any) -> Any:
    """A `curobo.scene.Scene` in the frame of an arm's base.

    to_device: makes arrays the planner's tensors.
    """
    from curobo.scene import Cuboid, Scene, VoxelGrid

    dims_m, T_world_grid = grid_of(field)
    values = np.ascontiguousarray(without_base(field, arm), np.float32)
    grid = VoxelGrid(
        name="perceived",
        pose=as_pose(arm.T_base_world @ T_world_grid),
        dims=dims_m,
        voxel_size=VOXEL_M,
        feature_tensor=to_device(values.ravel()),
    )
    table = [
        Cuboid(name=f"table {i}", pose=as_pose(arm.T_base_world @ T), dims=size_m)
        for i, (T, size_m) in enumerate(table_boxes(arm.T_world_base))
    ]
    return Scene(cuboid=table, voxel=[grid])


def grid_of(field: DistanceField) -> tuple[list[float], Matrix]:
    """Size [m] of a field's grid and T_world_grid of its middle."""
    dims_m = VOXEL_M * np.array(field.shape)
    return dims_m.tolist(), transform(translation_m=field.origin_m + dims_m / 2)


def without_base(field: DistanceField, arm: ArmModel) -> NDArray[np.float32]:
    """The field's values (X, Y, Z), free where the arm's own base stands: it cannot move away from what touches it."""
    base = [(arm.T_world_base @ T, half) for frame, T, half in in_frame_boxes(("base_link",)) if frame == 0]
    near = field.like_empty().with_boxes(base)
    return np.where(near.distance_m < _FREE_M, FAR_M, field.distance_m)


def table_boxes(T_world_base: Matrix) -> list[tuple[Matrix, list[float]]]:
    """(T_world_box, size [m]) of the table, its top at z = 0, around a hole in which the base stands: the base's
    spheres stand out of it and would touch."""
    x, y = T_world_base[:2, 3].tolist()
    side, middle = (_TABLE_M - _HOLE_M) / 2, (_TABLE_M + _HOLE_M) / 2
    boxes = []
    for sign in (-1, 1):
        boxes.append(((x + sign * middle, y), (2 * side, 2 * _TABLE_M)))
        boxes.append(((x, y + sign * middle), (2 * _HOLE_M, 2 * side)))
    return [(transform(translation_m=(*at, -_THICK_M / 2)), [*map(float, size), _THICK_M]) for at, size in boxes]


def as_pose(T: Matrix) -> list[float]:
    """x, y, z [m] and the quaternion wxyz."""
    return [*T[:3, 3].tolist(), *rotation_to_quaternion(T[:3, :3]).tolist()]
