"""What stands around an arm, from perception: a truncated distance field over the workspace.

Boxes (the bin's walls, fixtures, the other arm) enter by their exact distance, perceived objects by a distance
transform of the voxels that their points occupy. The table is the plane z = 0 and needs no field.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from core.cell import Cell
from core.cell_parts import Bin
from core.transforms import Matrix, apply, invert, transform
from hardware.robot.fixtures import fixtures_of
from perception.row_keys import row_keys

VOXEL_M = 0.01
#: Distances beyond this are not needed by any sphere of the arm: the field stays at this value.
FAR_M = 0.12
#: A point lies up to half a voxel's diagonal from its voxel's centre.
_VOXEL_SLACK_M = 0.87 * VOXEL_M
#: A field may have a point nearer to another by this [m]: both lie anywhere in their voxels, and there is the slack.
FIELD_ERROR_M = 3 * _VOXEL_SLACK_M
#: Room around the tool's workspace that elbows and the held object may use.
_REACH_BEYOND_TOOL_M = 0.25

OrientedBox = tuple[Matrix, NDArray]
Window = tuple[slice, slice, slice]
_NOWHERE: Window = (slice(0, 0), slice(0, 0), slice(0, 0))
_NOTHING_M = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True)
class DistanceField:
    """How far each voxel's centre is from the nearest obstacle, at most FAR_M: near_m float32 in the window `near` of a
    grid of `shape` voxels from origin_m (3,) on, FAR_M everywhere else."""

    origin_m: NDArray[np.float64]
    shape: tuple[int, int, int]
    near: Window
    near_m: NDArray[np.float32]

    @classmethod
    def empty(cls, cell: Cell) -> "DistanceField":
        """Nothing anywhere the arms of a cell can be."""
        w = cell.workspace
        low = np.array([w.tool_x_m[0], w.tool_y_m[0], 0.0]) - (_REACH_BEYOND_TOOL_M, _REACH_BEYOND_TOOL_M, 0.0)
        high = np.array([w.tool_x_m[1], w.tool_y_m[1], w.tool_z_m[1]]) + _REACH_BEYOND_TOOL_M
        x, y, z = np.ceil((high - low) / VOXEL_M).astype(int).tolist()
        return cls(low, (x, y, z), _NOWHERE, _NOTHING_M)

    @property
    def distance_m(self) -> NDArray[np.float32]:
        """(X, Y, Z) of the whole grid."""
        x, y, z = self.shape
        return self._over((slice(0, x), slice(0, y), slice(0, z)))

    def like_empty(self) -> "DistanceField":
        """Its grid with nothing in it."""
        return DistanceField(self.origin_m, self.shape, _NOWHERE, _NOTHING_M)

    def with_boxes(self, boxes: Iterable[OrientedBox]) -> "DistanceField":
        """The field with solid boxes (T_world_box, half sizes) added."""
        return self.joined(*(self._box(T_world_box, half) for T_world_box, half in boxes))

    def _box(self, T_world_box: Matrix, half_m: NDArray) -> "DistanceField":
        """A box on this grid, alone."""
        reach = np.abs(T_world_box[:3, :3]) @ half_m + FAR_M
        window = self._window(T_world_box[:3, 3] - reach, T_world_box[:3, 3] + reach)
        if window is None:
            return self.like_empty()
        away_m = self._from_box(invert(T_world_box), half_m, window)
        return DistanceField(self.origin_m, self.shape, window, np.minimum(away_m, np.float32(FAR_M)))

    def _from_box(self, T_box_world: Matrix, half_m: NDArray, window: Window) -> NDArray[np.float32]:
        """(X, Y, Z) of a window: how far its voxels' centres are from a box, below 0 within it."""
        axes = (o + VOXEL_M * (np.arange(w.start, w.stop) + 0.5) for o, w in zip(self.origin_m, window, strict=True))
        x, y, z = (axis.astype(np.float32) for axis in axes)
        squared, inside = np.float32(0.0), np.float32(-np.inf)
        for row, half in zip(T_box_world.astype(np.float32), half_m.astype(np.float32), strict=False):
            # Each coordinate in the box is a sum over the world's axes: no voxel needs a matrix of its own.
            beyond = (row[0] * x + row[3])[:, None, None] + (row[1] * y)[:, None] + row[2] * z
            np.abs(beyond, out=beyond)
            beyond -= half
            inside = np.maximum(inside, beyond)
            np.maximum(beyond, 0.0, out=beyond)
            squared = squared + np.square(beyond, out=beyond)
        return np.asarray(np.sqrt(squared) + np.minimum(inside, 0.0))

    def joined(self, *others: "DistanceField") -> "DistanceField":
        """What is in any of several fields of one grid."""
        near = self.near
        for other in others:
            near = _around_both(near, other.near)
        near_m = self._over(near)
        for other in others:
            its = near_m[_within(near, other.near)]
            np.minimum(its, other.near_m, out=its)
        return DistanceField(self.origin_m, self.shape, near, near_m)

    def _over(self, window: Window) -> NDArray[np.float32]:
        """Its values in a window that `near` is within."""
        values = np.full([w.stop - w.start for w in window], FAR_M, np.float32)
        values[_within(window, self.near)] = self.near_m
        return values

    def with_points(self, points_m: NDArray) -> "DistanceField":
        """The field with perceived surfaces added; what a camera cannot see below a point is solid too."""
        if not len(points_m):
            return self
        window = self._window(points_m.min(axis=0) - FAR_M, points_m.max(axis=0) + FAR_M)
        if window is None:
            return self
        shape = np.array([w.stop - w.start for w in window])
        index = np.floor((points_m - self.origin_m) / VOXEL_M).astype(int) - [w.start for w in window]
        index = index[((index >= 0) & (index < shape)).all(axis=1)]
        top = np.full(shape[:2], -1)
        np.maximum.at(top, (index[:, 0], index[:, 1]), index[:, 2])
        solid = np.arange(shape[2]) <= top[..., None]
        away_m = distance_transform_edt(~solid) * VOXEL_M - _VOXEL_SLACK_M
        perceived = DistanceField(self.origin_m, self.shape, window, np.minimum(away_m, FAR_M).astype(np.float32))
        return self.joined(perceived)

    def at(self, points_m: NDArray) -> NDArray[np.float32]:
        """Distance [m] at points (..., 3), from the centre of the voxel each lies in; FAR_M outside the field."""
        low = np.array([w.start for w in self.near])
        shape = np.array(self.near_m.shape)
        index = np.floor((points_m - self.origin_m) / VOXEL_M)
        index -= low - 1
        np.clip(index, 0, shape + 1, out=index)  # into the margin all around
        flat = index @ np.array([(shape[1] + 2) * (shape[2] + 2), shape[2] + 2, 1], float)
        return self._with_margin[flat.astype(np.intp)]

    @cached_property
    def _with_margin(self) -> NDArray[np.float32]:
        """`near_m` with FAR_M all around it, flat."""
        return np.pad(self.near_m, 1, constant_values=FAR_M).ravel()

    def voxels_within(self, distance_m: float) -> NDArray[np.float64]:
        """(N, 3) centres, world, of the voxels that are nearer to an obstacle than this [m]; 0: in it."""
        return self.origin_m + VOXEL_M * (np.argwhere(self.near_m < distance_m) + [w.start + 0.5 for w in self.near])

    def _window(self, low_m: NDArray, high_m: NDArray) -> Window | None:
        start = np.maximum(np.floor((low_m - self.origin_m) / VOXEL_M).astype(int), 0)
        stop = np.minimum(np.ceil((high_m - self.origin_m) / VOXEL_M).astype(int), self.shape)
        if np.any(stop <= start):
            return None
        x, y, z = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        return x, y, z


def _around_both(one: Window, other: Window) -> Window:
    """The least window that both are in."""
    if one == _NOWHERE or other == _NOWHERE:
        return other if one == _NOWHERE else one
    x, y, z = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return x, y, z


def _within(window: Window, inner: Window) -> Window:
    """An inner window as it is counted from a window's own start."""
    x, y, z = (slice(b.start - a.start, b.stop - a.start) for a, b in zip(window, inner, strict=True))
    return (x, y, z) if inner != _NOWHERE else _NOWHERE


def down_to_table(points_m: NDArray) -> NDArray[np.float64]:
    """Points (M, 3) of a thing that stands on the table, and (K, 3) more, a voxel apart, from the lowest in each
    upright column down to z = 0: a glass's stem and foot, which cameras miss, are carried along with it."""
    cells = np.floor(points_m[:, :2] / VOXEL_M).astype(int)
    _, first, place = np.unique(row_keys(cells), return_index=True, return_inverse=True)
    columns, lowest_m = cells[first], np.full(len(first), np.inf)
    np.minimum.at(lowest_m, place, points_m[:, 2])
    heights = np.arange(0.0, lowest_m.max(initial=0.0), VOXEL_M)
    column, level = np.nonzero(heights < lowest_m[:, None])
    below = np.column_stack([(columns[column] + 0.5) * VOXEL_M, heights[level]])
    return np.concatenate([points_m, below])


def bin_boxes(bin_: Bin) -> list[OrientedBox]:
    """The bin's floor and four walls as (T_world_box, half sizes)."""
    return [(transform(translation_m=center), half) for center, half in bin_.slabs]


def fixture_boxes(cell: Cell) -> list[OrientedBox]:
    """What is fixed in a cell as (T_world_box, half sizes), each arm's own pedestal too: only its base meets that."""
    return [(one.T_world_box, one.half_m) for one in fixtures_of(cell)]


class BinContents:
    """Points of everything let go of since the bin was emptied: points_m (N, 3), world. No camera tells them."""

    def __init__(self) -> None:
        self.points_m: NDArray[np.float64] = np.zeros((0, 3))

    def add(self, points_m: NDArray[np.float64]) -> None:
        """Points (K, 3) of one more object where it stands now."""
        self.points_m = np.concatenate([self.points_m, points_m])

    def clear(self) -> None:
        """The bin has been emptied."""
        self.points_m = np.zeros((0, 3))


def stand_in_bin(
    points_m: NDArray[np.float64],
    T_world_grasp: Matrix,
    T_world_place: Matrix,
    cell: Cell,
    in_bin_m: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where what was let go of stands: fallen as it was held, onto the bin's floor or what it meets before.

    Args:
        points_m: (K, 3) of the object when the fingers closed on it, world.
        T_world_grasp, T_world_place: the tool then, and where it lets go.
        in_bin_m: (M, 3) what stands in the bin, world.

    Returns:
        (N, 3) world, what no camera saw below it too.
    """
    points_m = apply(T_world_place @ invert(T_world_grasp), down_to_table(points_m))
    return fall_into_bin(points_m, cell.bin, in_bin_m)


def fall_into_bin(points_m: NDArray[np.float64], bin_: Bin, in_bin_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (K, 3) of what is let go of over the bin, world, once it stands on its floor, or on what stands there
    (M, 3), as upright as it was."""
    if not len(points_m):
        return points_m
    columns = np.floor(np.concatenate([points_m, in_bin_m])[:, :2] / VOXEL_M).astype(int)
    number = np.unique(row_keys(columns), return_inverse=True)[1]
    below_m = np.full(number.max() + 1, bin_.wall_m)
    np.maximum.at(below_m, number[len(points_m) :], in_bin_m[:, 2])
    fall_m = max(float((points_m[:, 2] - below_m[number[: len(points_m)]]).min()), 0.0)
    return points_m - [0.0, 0.0, fall_m]
