"""Which grasps an arm can carry out: the quick tests, for all of them at once, before any search.

The order is by cost: reach of every pose on the way (closed form), then collisions along the
approach and the lift. What is left is ranked for the slow part.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Workspace
from core.transforms import Matrix, rotation_z, transform
from grasping.detection.gripper import LEAST_MARGIN_M, PRE_OPEN_MARGINS_M, pre_opening
from grasping.grasp_set import OBJECT, SCORE, WIDTH, T_camera_tcp
from grasping.planning.arm_model import PALM_HIGH_M, PALM_LOW_M, ArmModel
from grasping.planning.collision import GRASP_TABLE_CLEARANCE_M, CollisionChecker, Surroundings, inside
from grasping.planning.grasp_plan import Merits
from grasping.planning.inverse_kinematics import LIMIT_MARGIN_RAD, TIPS_RAD, approach_poses, follow, lift_poses, solve
from grasping.planning.obstacles import DistanceField
from grasping.planning.ranking import merits_of

_STEPS = 8
_PALM_SLACK_M = 0.004
_HALF_TURN = transform(rotation_z(np.pi))

#: What becomes of a grasp that no test refuses.
CHOSEN, NOT_TRIED, NOT_LOOKED_AT = "chosen", "reachable, not tried", "not looked at"
#: An arm stands where another object than the grasp's may hide something, or where something passes.
SHUT_IN = "its arm stands in hidden space"
FAR, MALFORMED = "out of reach", "malformed row"
#: What may become of a grasp before the search for a path, from the first test on.
_TESTS = (
    NOT_LOOKED_AT,
    MALFORMED,
    SHUT_IN,
    "wider than the gripper",
    "outside the workspace",
    "palm against the object",
    FAR,
    "collision at the grasp",
    NOT_TRIED,
)


class Rejections:
    """counts: how often something failed, by reason; a grasp counts for both arms and both ways round.

    fates: one of each grasp. Of its several ways, the one that came farthest tells.
    """

    def __init__(self, grasps: int) -> None:
        self.counts: Counter[str] = Counter()
        self.fates = [NOT_LOOKED_AT] * grasps

    def add(self, reason: str, grasps: Iterable[int]) -> None:
        """Once for each of these grasps, by their numbers; one may be among them several times."""
        numbers = [int(number) for number in grasps]
        self.counts[reason] += len(numbers)
        self.settle(reason, numbers)

    def settle(self, fate: str, grasps: Iterable[int]) -> None:
        """That these came so far, where they have not come farther; it counts nothing."""
        for number in grasps:
            if progress(fate) >= progress(self.fates[number]):
                self.fates[number] = fate


def progress(fate: str) -> int:
    """How far a grasp of this fate came: the higher the farther."""
    return _TESTS.index(fate) if fate in _TESTS else len(_TESTS)


@dataclass(frozen=True)
class Candidate:
    """A grasp that one arm reaches by a free straight approach and lifts straight up.

    approach_rad (S, 6) from pre-grasp to grasp; lift_rad (S, 6) from the grasp up; merits: what ranks it; number: of
    the grasp among those given.
    """

    arm: ArmModel
    row: NDArray[np.float64]
    number: int
    T_world_tcp: Matrix
    approach_rad: NDArray[np.float64]
    lift_rad: NDArray[np.float64]
    pre_open_m: float
    merits: Merits

    @property
    def target(self) -> int:
        """Label of the object it takes."""
        return int(self.row[OBJECT])


@dataclass(frozen=True)
class Around:
    """What an arm must avoid near one object: everything, and everything but that object; and, until it has lifted it,
    what passes by meanwhile. in_bin_m: (M, 3) of that, what stands in the bin."""

    with_target: DistanceField
    without_target: DistanceField
    passing: DistanceField | None = None
    in_bin_m: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def transit(self) -> Surroundings:
        return Surroundings(self._beside(self.with_target), self._beside(self.with_target))

    @property
    def approach(self) -> Surroundings:
        """The gripper may touch the object it closes on, the other links may not."""
        hand, rest = self._beside(self.without_target), self._beside(self.with_target)
        return Surroundings(hand, rest, clearance_m=0.0, table_m=GRASP_TABLE_CLEARANCE_M)

    def _beside(self, field: DistanceField) -> DistanceField:
        return field if self.passing is None else field.joined(self.passing)

    @property
    def carrying(self) -> Surroundings:
        return Surroundings(self.without_target, self.without_target)


@dataclass(frozen=True)
class Reach:
    """One arm looking for grasps it can carry out, from joints start_rad (6,)."""

    arm: ArmModel
    start_rad: NDArray[np.float64]
    workspace: Workspace

    def candidates(
        self,
        rows: NDArray,
        numbers: NDArray[np.intp],
        T_world_camera: Matrix,
        around: Around,
        target_points_m: NDArray,
        rejections: Rejections,
    ) -> list[Candidate]:
        """What is left of grasp rows (N, 17) on one object, the gripper turned both ways.

        numbers: (N,) of the grasps, by which `rejections` has what becomes of them.
        """
        rows, numbers, T = self._within(rows, numbers, T_world_camera, target_points_m, rejections)
        if not len(rows):
            return []
        approach, lift, tip = _paths(T, self.arm)
        reached = np.isfinite(approach[..., 0]).all(axis=-1) & np.isfinite(lift[..., 0]).all(axis=-1)
        rejections.add(FAR, numbers[~reached.any(axis=1)])
        grasp, branch = np.nonzero(reached)
        paths = np.concatenate([approach[reached], lift[reached]], axis=1)
        opening, free = np.zeros(len(grasp)), np.zeros(len(grasp), bool)
        for margin_m in PRE_OPEN_MARGINS_M:
            left = np.flatnonzero(~free)
            if not len(left):
                break
            opening[left] = pre_opening(rows[grasp[left], WIDTH], self.arm.mount.gripper_stroke_m, margin_m)
            free[left] = self._is_free(paths[left], opening[left], around)
        rejections.add("collision at the grasp", numbers[np.setdiff1d(grasp, grasp[free])])
        rejections.settle(NOT_TRIED, numbers[grasp[free]])
        of, way, open_m = grasp[free], (grasp[free], branch[free]), opening[free]
        ways = (approach[way], lift[way])
        merits = merits_of(self.arm, self.start_rad, ways, open_m, around.approach, rows[of, SCORE], tip[way])
        found = zip(rows[of], numbers[of].tolist(), T[of], *ways, open_m.tolist(), merits, strict=True)
        return [Candidate(self.arm, *one) for one in found]

    def _is_free(self, paths_rad: NDArray, opening_m: NDArray, around: Around) -> NDArray[np.bool_]:
        """(C,) Whether paths (C, 2 S, 6), approach and lift, hit nothing with the fingers so far open (C,)."""
        closing_in = CollisionChecker(self.arm, self.workspace, around.approach, 0.0)
        free = closing_in.free(paths_rad, np.repeat(opening_m, 2 * _STEPS)).reshape(-1, 2 * _STEPS).all(axis=1)
        # Its start is also the end of the transit.
        transit = CollisionChecker(self.arm, self.workspace, around.transit, 0.0)
        return np.asarray(free & transit.free(paths_rad[:, 0], opening_m))

    def _within(
        self,
        rows: NDArray,
        numbers: NDArray[np.intp],
        T_world_camera: Matrix,
        target_points_m: NDArray,
        rejections: Rejections,
    ) -> tuple[NDArray, NDArray[np.intp], NDArray]:
        """Rows, their numbers, and tool poses (M, 4, 4) that fit the gripper and the workspace, both ways of turning
        it."""
        fits = rows[:, WIDTH] + LEAST_MARGIN_M <= self.arm.mount.gripper_stroke_m
        rejections.add("wider than the gripper", numbers[~fits])
        rows, numbers = np.repeat(rows[fits], 2, axis=0), np.repeat(numbers[fits], 2)
        if not len(rows):
            return rows, numbers, np.zeros((0, 4, 4))
        T = T_world_camera @ np.array([T_camera_tcp(row) for row in rows])
        T[1::2] = T[1::2] @ _HALF_TURN
        within = inside(T[:, :3, 3], self.workspace)
        rejections.add("outside the workspace", numbers[~within])
        clear = ~_meets_palm(T, target_points_m)
        rejections.add("palm against the object", numbers[within & ~clear])
        fitting = within & clear
        return rows[fitting], numbers[fitting], T[fitting]


def _meets_palm(T_world_tcp: Matrix, points_m: NDArray) -> NDArray[np.bool_]:
    """(N,) whether an object's points (K, 3) reach into the body of grippers at (N, 4, 4), between and behind the
    fingers."""
    low, high = PALM_LOW_M - _PALM_SLACK_M, PALM_HIGH_M + _PALM_SLACK_M
    is_in = np.ones((len(T_world_tcp), len(points_m)), bool)
    for axis in range(3):
        along = T_world_tcp[:, :3, axis]
        at_m = along @ points_m.T - (along * T_world_tcp[:, :3, 3]).sum(axis=1, keepdims=True)
        is_in &= (at_m > low[axis]) & (at_m < high[axis])
    return np.asarray(is_in.any(axis=1))


def is_reachable(T_world_tcp: Matrix, arm: ArmModel, workspace: Workspace) -> NDArray[np.bool_]:
    """Whether an arm gets straight to tools (N, 4, 4) and lifts them, either way round, were nothing in its way."""
    either_way = []
    for T in (T_world_tcp, T_world_tcp @ _HALF_TURN):
        approach, lift, _ = _paths(T, arm)
        either_way.append((np.isfinite(approach[..., 0]).all(-1) & np.isfinite(lift[..., 0]).all(-1)).any(-1))
    return inside(T_world_tcp[:, :3, 3], workspace) & (either_way[0] | either_way[1])


def _paths(T_world_tcp: Matrix, arm: ArmModel) -> tuple[NDArray, NDArray, NDArray]:
    """Joint paths of approach and lift (C, 8, S, 6), each through the grasp, NaN where none exists, and
    by how much (C, 8) each lift tips the tool [rad]."""
    grasps = solve(arm.T_base_world @ T_world_tcp, arm.mount.firmware, LIMIT_MARGIN_RAD)
    back = np.full((*grasps.shape[:2], _STEPS, 6), np.nan)
    lift, tips = back.copy(), np.zeros(grasps.shape[:2])

    def fill(paths: NDArray, wanted: NDArray, poses: Callable[[Matrix], Matrix]) -> None:
        """Follows poses from the grasps for which some branch is wanted (C, 8); most are of none."""
        some = np.flatnonzero(wanted.any(axis=1))
        if len(some):
            found = follow(grasps[some], arm.T_base_world @ poses(T_world_tcp[some]), arm.mount.firmware)
            paths[some] = np.where(wanted[some, :, None, None], found, paths[some])

    fill(back, np.isfinite(grasps[..., 0]), lambda T: approach_poses(T, _STEPS))
    for tip in TIPS_RAD:
        missing = np.asarray(np.isfinite(back[..., 0]).all(axis=-1) & np.isnan(lift[..., 0]).any(axis=-1))
        fill(lift, missing, partial(lift_poses, tip_rad=tip, T_world_base=arm.T_world_base, steps=_STEPS))
        tips[missing] = tip
    return back[:, :, ::-1], lift, tips
