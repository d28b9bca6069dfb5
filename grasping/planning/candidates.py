"""Which grasps an arm can carry out: the quick tests, for all of them at once, before any search.

The order is by cost: reach of every pose on the way (closed form), then collisions along the
approach and the lift. What is left is ranked for the slow part.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasping.grasp_set import OBJECT, SCORE, WIDTH, T_camera_tcp
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import GRASP_TABLE_CLEARANCE_M, CollisionChecker, Surroundings
from grasping.planning.inverse_kinematics import solve
from grasping.planning.lines import follow, shifted
from grasping.planning.obstacles import DistanceField
from hardware.cell import Workspace
from hardware.transforms import Matrix, rotation_z, transform

APPROACH_M = 0.10
LIFT_M = 0.13
#: The fingers open this much wider than the object before they close in [m].
PRE_OPEN_M = 0.012
_STEPS = 8
#: What a radian of joint travel, a metre from the base and the other arm cost, in units of score.
_TRAVEL_COST, _DISTANCE_COST, _OTHER_ARM_COST = 0.05, 0.2, 0.15
_HALF_TURN = transform(rotation_z(np.pi))


@dataclass(frozen=True)
class Candidate:
    """A grasp that one arm reaches by a free straight approach and lifts straight up.

    approach_rad (S, 6) from pre-grasp to grasp, lift_rad (S, 6) from the grasp up; value ranks it.
    """

    arm: ArmModel
    row: NDArray[np.float64]
    T_world_tcp: Matrix
    approach_rad: NDArray[np.float64]
    lift_rad: NDArray[np.float64]
    pre_open_m: float
    value: float

    @property
    def target(self) -> int:
        """Label of the object it takes."""
        return int(self.row[OBJECT])


@dataclass(frozen=True)
class Around:
    """What an arm must avoid near one object: everything, and everything but that object."""

    with_target: DistanceField
    without_target: DistanceField

    @property
    def transit(self) -> Surroundings:
        return Surroundings(self.with_target, self.with_target)

    @property
    def approach(self) -> Surroundings:
        """The gripper may touch the object it closes on, the other links may not."""
        return Surroundings(self.without_target, self.with_target, clearance_m=0.0, table_m=GRASP_TABLE_CLEARANCE_M)

    @property
    def carrying(self) -> Surroundings:
        return Surroundings(self.without_target, self.without_target)


def reachable(
    rows: NDArray,
    T_world_camera: Matrix,
    arm: ArmModel,
    start_rad: NDArray,
    workspace: Workspace,
    around: dict[int, Around],
    failures: Counter[str],
    is_preferred: bool = True,
) -> list[Candidate]:
    """Candidates of one arm among grasp rows (N, 17), both ways of turning the gripper; best first."""
    fits = rows[:, WIDTH] + PRE_OPEN_M / 2 <= arm.mount.gripper_stroke_m
    failures["wider than the gripper"] += int((~fits).sum())
    rows = np.repeat(rows[fits], 2, axis=0)
    if not len(rows):
        return []
    T = T_world_camera @ np.array([T_camera_tcp(row) for row in rows])
    T[1::2] = T[1::2] @ _HALF_TURN
    inside = _inside(T, workspace)
    failures["outside the workspace"] += int((~inside).sum())
    rows, T = rows[inside], T[inside]
    approach, lift = _paths(T, arm)
    reached = np.isfinite(approach[..., 0]).all(axis=-1) & np.isfinite(lift[..., 0]).all(axis=-1)
    failures["out of the arm's reach"] += int((~reached.any(axis=1)).sum())
    found = []
    for label in np.unique(rows[:, OBJECT]):
        of_label = np.flatnonzero(rows[:, OBJECT] == label)
        widths = np.minimum(rows[:, WIDTH] + PRE_OPEN_M, arm.mount.gripper_stroke_m)
        chosen = [(int(c), int(k)) for c in of_label for k in np.flatnonzero(reached[c])]
        free = _free([approach[i] for i in chosen], [lift[i] for i in chosen], widths, chosen, arm, around[int(label)])
        kept = [pair for pair, ok in zip(chosen, free, strict=True) if ok]
        failures["collision at the grasp"] += len({c for c, _ in chosen} - {c for c, _ in kept})
        for c, k in kept:
            value = _value(rows[c], T[c], approach[c, k, 0], arm, start_rad, is_preferred)
            found.append(Candidate(arm, rows[c], T[c], approach[c, k], lift[c, k], float(widths[c]), value))
    return sorted(found, key=lambda candidate: -candidate.value)


def _inside(T_world_tcp: Matrix, workspace: Workspace) -> NDArray[np.bool_]:
    """Whether the tool stays in the workspace at pre-grasp, grasp and after the lift."""
    grasp = T_world_tcp[:, :3, 3]
    ends = np.stack([grasp, grasp - APPROACH_M * T_world_tcp[:, :3, 2], grasp + np.array([0.0, 0.0, LIFT_M])], axis=1)
    limits = np.array([workspace.tool_x_m, workspace.tool_y_m, workspace.tool_z_m])
    return np.all((ends >= limits[:, 0]) & (ends <= limits[:, 1]), axis=(1, 2))


def _paths(T_world_tcp: Matrix, arm: ArmModel) -> tuple[NDArray, NDArray]:
    """Approach and lift joint paths (C, 8, S, 6), each through the grasp; NaN where none exists."""
    back = -np.linspace(0.0, APPROACH_M, _STEPS)[None, :, None] * T_world_tcp[:, None, :3, 2]
    up = np.linspace(0.0, LIFT_M, _STEPS)[:, None] * [0.0, 0.0, 1.0]
    up = np.broadcast_to(up, back.shape)
    grasps = solve(arm.T_base_world @ T_world_tcp, arm.mount.firmware)
    retreat, lift = (
        follow(grasps, arm.T_base_world @ shifted(T_world_tcp, offsets), arm.mount.firmware) for offsets in (back, up)
    )
    return retreat[:, :, ::-1], lift


def _free(
    approaches: list[NDArray],
    lifts: list[NDArray],
    widths_m: NDArray,
    chosen: list[tuple[int, int]],
    arm: ArmModel,
    around: Around,
) -> NDArray[np.bool_]:
    """Whether each approach (open) and lift is free; the lift's first pose is the approach's last."""
    if not chosen:
        return np.zeros(0, bool)
    opening = np.repeat([widths_m[c] for c, _ in chosen], _STEPS)
    checker = CollisionChecker(arm, around.approach, 0.0)
    free = checker.free(np.concatenate(approaches), opening).reshape(-1, _STEPS).all(axis=1)
    starts = CollisionChecker(arm, around.transit, 0.0)
    free &= starts.free(np.array([path[0] for path in approaches]), opening[::_STEPS])
    return free & checker.free(np.concatenate(lifts), opening).reshape(-1, _STEPS).all(axis=1)


def _value(
    row: NDArray, T_world_tcp: Matrix, pre_grasp_rad: NDArray, arm: ArmModel, start_rad: NDArray, is_preferred: bool
) -> float:
    travel = np.abs(pre_grasp_rad - start_rad).max()
    distance = np.linalg.norm(T_world_tcp[:2, 3] - arm.T_world_base[:2, 3])
    return float(
        row[SCORE] - _TRAVEL_COST * travel - _DISTANCE_COST * distance - (0.0 if is_preferred else _OTHER_ARM_COST)
    )
