"""Whether configurations of one arm are free: of obstacles, the table, itself, and with what it holds.

The tool must also stay in the workspace and every joint within its limits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import ArmMount, Workspace
from core.transforms import Matrix, apply, invert
from grasping.planning.arm_model import COVER, ArmModel, Placement, in_frame_boxes, may_touch
from grasping.planning.obstacles import DistanceField, down_to_table
from hardware.arms.standing import beyond_limits
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, joint_limits
from hardware.robot.kinematics import T_LINK6_TCP
from perception.row_keys import row_keys

#: Free distance [m] kept from obstacles on top of the spheres, which already stand out of the links.
CLEARANCE_M = 0.008
#: The same above the table, whose distance is exact; near an object the gripper may go lower.
TABLE_CLEARANCE_M = 0.010
GRASP_TABLE_CLEARANCE_M = 0.003
#: What is held is carried as this many points at most, each a ball of this radius [m].
_HELD_POINTS = 40
HELD_RADIUS_M = 0.010
#: Configurations checked at once: bounds memory.
_BATCH = 2000

_PROXIMAL = in_frame_boxes(("base_link", "link1", "link2"))
_PROXIMAL_FRAME = np.array([frame for frame, _, _ in _PROXIMAL])
_T_PROXIMAL = np.array([T for _, T, _ in _PROXIMAL])
_PROXIMAL_HALF_M = np.array([half for _, _, half in _PROXIMAL])
_DISTAL = np.flatnonzero(COVER.frame >= 3)
#: Any other distal sphere must stay out of a proximal box.
_MAY_TOUCH = np.array(
    [[may_touch(distal, proximal) for proximal in _PROXIMAL_FRAME] for distal in COVER.frame[_DISTAL]]
)


@dataclass(frozen=True)
class Held:
    """What the fingers hold, as balls fixed to the tool: points_tcp_m (K, 3). seen_tcp_m: (M, 3) of it, perceived."""

    points_tcp_m: NDArray[np.float64]
    seen_tcp_m: NDArray[np.float64]

    @classmethod
    def from_points(cls, points_world_m: NDArray, T_world_tcp: Matrix) -> "Held":
        """An object's perceived points (M, 3), and what is below them, at the moment the fingers close on it."""
        standing_m = down_to_table(points_world_m)
        points = apply(invert(T_world_tcp), standing_m) if len(standing_m) else np.zeros((1, 3))
        cells = np.round(points / (2 * HELD_RADIUS_M)).astype(int)
        _, keep = np.unique(row_keys(cells), return_index=True)
        if len(keep) > _HELD_POINTS:
            keep = keep[np.linspace(0, len(keep) - 1, _HELD_POINTS).astype(int)]
        # The extremes decide what clears the bin's wall and the table: always keep them.
        extremes = np.concatenate([points.argmin(axis=0), points.argmax(axis=0)])
        seen = apply(invert(T_world_tcp), points_world_m) if len(points_world_m) else points
        return cls(points[np.union1d(keep, extremes).astype(int)], seen)

    def in_world(self, T_world_tcp: Matrix) -> NDArray[np.float64]:
        """(N, K, 3) of tool poses (N, 4, 4)."""
        return self.points_tcp_m @ T_world_tcp[:, :3, :3].transpose(0, 2, 1) + T_world_tcp[:, None, :3, 3]


@dataclass(frozen=True)
class Surroundings:
    """Obstacles as one motion meets them: `hand` is what the gripper must avoid, `rest` the other links.

    They differ only while the gripper closes in on its object.
    """

    hand: DistanceField
    rest: DistanceField
    clearance_m: float = CLEARANCE_M
    table_m: float = TABLE_CLEARANCE_M


@dataclass(frozen=True)
class CollisionChecker:
    """Checks batches of configurations of one arm. gripper_width_m: opening of the fingers on the way."""

    arm: ArmModel
    workspace: Workspace
    around: Surroundings
    gripper_width_m: float
    held: Held | None = None

    def free(self, joints_rad: NDArray, gripper_width_m: NDArray | None = None) -> NDArray[np.bool_]:
        """(N,) whether joints (N, 6) touch nothing; openings (N,) where they differ."""
        joints = np.asarray(joints_rad, float).reshape(-1, 6)
        widths = np.full(len(joints), self.gripper_width_m) if gripper_width_m is None else gripper_width_m
        parts = [self._free(joints[i : i + _BATCH], widths[i : i + _BATCH]) for i in range(0, len(joints), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def holds_free(self, T_world_tcp: Matrix) -> NDArray[np.bool_]:
        """(N,) whether what the hand holds touches nothing around where the tool is at (N, 4, 4)."""
        if self.held is None:
            return np.ones(len(T_world_tcp), bool)
        clear = [
            (self.around.hand.at(self.held.in_world(T_world_tcp[i : i + _BATCH])) >= HELD_RADIUS_M).all(axis=1)
            for i in range(0, len(T_world_tcp), _BATCH)
        ]
        return np.concatenate([np.zeros(0, bool), *clear])

    def all_free(self, joints_rad: NDArray) -> bool:
        """Whether none of joints (N, 6) touches anything."""
        return bool(self.free(joints_rad).all())

    def _free(self, joints_rad: NDArray, widths_m: NDArray) -> NDArray[np.bool_]:
        free = np.all((joints_rad >= JOINT_LOWER_RAD) & (joints_rad <= JOINT_UPPER_RAD), axis=1)
        within = np.flatnonzero(free)  # no NaN among them
        free[within] = self._free_within_limits(self.arm.place(joints_rad[within], widths_m[within]))
        return free

    def _free_within_limits(self, placed: Placement) -> NDArray[np.bool_]:
        free = self.arm.lowest_m(placed) >= self.around.table_m
        free &= inside(placed.T_world_tcp[:, :3, 3], self.workspace)
        for field, part in _around_parts(self.around):
            free &= (field.at(placed.centers_m[:, part]) >= COVER.radius_m[part] + self.around.clearance_m).all(axis=1)
        # What takes longest is looked at last, where the rest is free.
        left = np.flatnonzero(free)
        free[left] = self._clear_of_itself(placed.T_world_frame[left], placed.centers_m[left])
        return free

    def _clear_of_itself(self, T_world_frame: Matrix, centers_m: NDArray) -> NDArray[np.bool_]:
        """(N,) whether frames (N, 7, 4, 4) with spheres (N, S, 3) touch neither themselves nor what they hold, and
        that nothing else."""
        upper = T_world_frame[:, _PROXIMAL_FRAME] @ _T_PROXIMAL
        clear = _out_of_boxes(upper, centers_m[:, _DISTAL], COVER.radius_m[_DISTAL], _MAY_TOUCH)
        if self.held is not None:
            T_world_tcp = T_world_frame[:, 6] @ T_LINK6_TCP
            points = self.held.in_world(T_world_tcp)
            none_may_touch = np.zeros((points.shape[1], len(_PROXIMAL)), bool)
            clear &= self.holds_free(T_world_tcp) & (points[..., 2].min(axis=1) >= TABLE_CLEARANCE_M)
            clear &= _out_of_boxes(upper, points, np.full(points.shape[1], HELD_RADIUS_M), none_may_touch)
        return clear


def least_clearance_m(arm: ArmModel, placed: Placement, around: Surroundings) -> NDArray[np.float64]:
    """(N,) the least that an arm keeps from what is around, by the spheres that cover it, and from the table."""
    least_m = arm.lowest_m(placed)
    for field, part in _around_parts(around):
        beyond_m = field.at(placed.centers_m[:, part]) - COVER.radius_m[part]
        least_m = np.minimum(least_m, beyond_m.min(axis=1))
    return least_m


def _around_parts(around: Surroundings) -> tuple[tuple[DistanceField, NDArray[np.bool_]], ...]:
    """What each part of an arm must avoid, and which of its spheres that part has. The base stands still: it is no
    concern of a motion."""
    return (around.hand, COVER.hand), (around.rest, ~COVER.hand & (COVER.frame > 0))


def off_stops(joints_rad: NDArray[np.float64], mount: ArmMount) -> NDArray[np.float64]:
    """The joints (6,) of an arm that rests at a stop, which rounding puts a little beyond it; others as they are."""
    limits_rad = joint_limits(mount.zero_offset_rad)
    return joints_rad if beyond_limits(joints_rad, limits_rad).any() else np.clip(joints_rad, *limits_rad)


def inside(tools_m: NDArray, workspace: Workspace) -> NDArray[np.bool_]:
    """Whether tool positions (..., 3) are where the tool may go."""
    limits = np.array([workspace.tool_x_m, workspace.tool_y_m, workspace.tool_z_m])
    return np.all((tools_m >= limits[:, 0]) & (tools_m <= limits[:, 1]), axis=-1)


def _out_of_boxes(T: Matrix, points: NDArray, radii: NDArray, may_touch: NDArray) -> NDArray[np.bool_]:
    """(N,) whether balls (N, K, 3) stay out of the boxes (N, P, 4, 4) of the base, the shoulder and the upper arm."""
    R_box_world = T[..., :3, :3].swapaxes(-1, -2)
    # One row a coordinate, so that numpy works along the balls.
    at_box = R_box_world @ points.swapaxes(-1, -2)[:, None] - R_box_world @ T[..., :3, 3:]
    outside = np.maximum(np.abs(at_box, out=at_box) - _PROXIMAL_HALF_M[..., None], 0.0)
    away = np.square(outside, out=outside).sum(axis=-2)
    return ((away >= radii**2) | may_touch.T).all(axis=(1, 2))
