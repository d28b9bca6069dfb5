"""The next pick, by the other arm, while one carries its object to the bin."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.cell import Cell
from grasping.grasp_set import OBJECT, GraspSet
from grasping.planning.arm_model import ArmModel, oriented_boxes
from grasping.planning.collision import Held
from grasping.planning.grasp_plan import GateReport, GraspPlan, Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.obstacles import OrientedBox
from grasping.planning.overlap.coordination import possible_starts_s
from grasping.planning.overlap.gate import check_together, seal_of_steps
from grasping.planning.overlap.time_line import duration_s, time_line
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.arms.together import TimeLine
from perception.depth_types import TableView

#: What stands this near [m] to an object that was taken since the picture may no longer stand as it did.
NEAR_M = 0.05
#: So much [s] is to be gained at least by not waiting until the other arm is parked.
LEAST_GAIN_S = 0.5
#: Where the other arm would have to wait for longer [s], another object may be nearer at hand.
SOON_S = 1.0
#: Times to set out that the gate is asked about, every so many of the planner's; objects that are tried.
_STARTS, _APART, _TARGETS = 4, 3, 2


@dataclass(frozen=True)
class OverlapPlan:
    """One arm carries (the last two motions of its pick) while the other reaches (the first three of its own).

    steps: what both do, by arm, on one time line. gate: of both together. measured_rad: where every arm stood.
    delay_s: how long the reaching arm waits before it sets out. held_m: by arm, the points (M, 3) of its object where
    it stood, world.
    """

    carrying: GraspPlan
    reaching: GraspPlan
    steps: TimeLine
    gate: GateReport
    measured_rad: Mapping[str, NDArray[np.float64]]
    delay_s: float
    held_m: Mapping[str, NDArray[np.float64]]

    def checked_again(self, cell: Cell, joints: Mapping[str, NDArray[np.float64]]) -> "OverlapPlan":
        """What was planned for where the arms would be, passed by the gate from where they are: joints (6,) [rad],
        measured now.

        Raises:
            NoPlanError: it is not passed.
        """
        gate = check_together(cell, self.carrying, self.reaching, self.steps, joints, self.held_m)
        if not gate.passed:
            raise _no_overlap(f"stopped by the gate: {gate.violations[0]}")
        return replace(self, gate=gate, measured_rad=joints)

    @property
    def is_sealed(self) -> bool:
        """Whether this is what the gate passed."""
        seal = seal_of_steps(self.carrying, self.reaching, self.steps, self.measured_rad)
        plans_are = self.carrying.is_sealed and self.reaching.is_sealed
        return self.gate.passed and plans_are and self.gate.seal == seal


def plan_overlap(
    carrying: GraspPlan,
    taken: Collection[int],
    grasps: GraspSet,
    view: TableView,
    cell: Cell,
    joints: Mapping[str, NDArray[np.float64]],
    binned_m: NDArray[np.float64],
    *,
    planner: str,
    seed: int,
    speed: float,
    budget_s: float,
) -> OverlapPlan:
    """The best grasp of the other arm on the picture that `carrying` was planned on, both arms checked together.

    Of what was taken since the picture nothing is forgotten: its place is kept clear of as if it still stood there,
    and what stands near it is not grasped before the table was looked at again.

    Args:
        carrying: its arm holds its object, lifted.
        taken: labels of the objects that were taken since the picture, the one that is held too.
        grasps, view: of that picture.
        joints: (6,) [rad] of both arms, measured now, or where they will be then.
        binned_m: (N, 3) what stands in the bin already, world.
        budget_s: wall time after which no further grasp is tried, of all objects together.

    Raises:
        NoPlanError: nothing that stands far enough away can be reached by the other arm.
        PlanningError: the other arm cannot start.
    """
    (other,) = set(cell.arms) - {carrying.arm}
    deadline_s, cloud = time.monotonic() + budget_s, SceneCloud.from_grasps(grasps, view)
    left = _far_grasps(grasps, cloud, taken)
    if not len(left):
        raise _no_overlap("nothing else stands far enough from what was taken")
    parked = {carrying.arm: carrying.motions[Phase.RETREAT].positions_rad[-1], other: np.asarray(joints[other], float)}
    options: dict[str, Any] = {"planner": planner, "seed": seed, "speed": speed, "arms": (other,)}
    options["binned_m"] = np.concatenate([binned_m, carrying.binned_m])
    here = {name: np.asarray(q, float) for name, q in joints.items()}
    found: list[OverlapPlan] = []
    why = _no_overlap("nothing else can be reached")
    for reaching in _picks_beside(carrying, left, view, cell, parked, options, deadline_s):
        points = {plan.arm: cloud.of(int(plan.row[OBJECT])) for plan in (carrying, reaching)}
        try:
            found.append(_together(carrying, reaching, points, cell, here))
        except NoPlanError as error:
            why = error
        if found and found[-1].delay_s < SOON_S:
            break
    if not found:
        raise why
    return min(found, key=lambda one: duration_s(one.steps))


def _picks_beside(
    carrying: GraspPlan,
    grasps: GraspSet,
    view: TableView,
    cell: Cell,
    parked: Mapping[str, NDArray[np.float64]],
    options: Mapping[str, Any],
    deadline_s: float,
) -> Iterator[GraspPlan]:
    """The other arm's picks of some objects, the best one's first, around the arm over the bin; of the first object,
    where it must, once that arm has gone.

    Raises:
        NoPlanError: there is no first.
    """
    passing = _at_the_bin(carrying, cell)

    def plan_one(grasps: GraspSet, passing: Sequence[OrientedBox] = ()) -> GraspPlan:
        left_s = deadline_s - time.monotonic()
        return plan_grasp(grasps, view, cell, parked, **options, budget_s=left_s, passing=passing)

    for number in range(_TARGETS):
        try:
            plan = plan_one(grasps, passing)
        except NoPlanError:
            if number:
                return
            plan = plan_one(grasps)
        yield plan
        grasps = grasps[np.flatnonzero(grasps.rows[:, OBJECT] != plan.row[OBJECT])]
        if not len(grasps):
            return


def _together(
    carrying: GraspPlan,
    reaching: GraspPlan,
    points: Mapping[str, NDArray[np.float64]],
    cell: Cell,
    joints: Mapping[str, NDArray[np.float64]],
) -> OverlapPlan:
    held = {plan.arm: Held.from_points(points[plan.arm], plan.T_world_tcp) for plan in (carrying, reaching)}
    alone_s = time_line(carrying, reaching, 0.0)[carrying.arm][-1].end_s
    why = "in the other arm's way"
    starts = possible_starts_s(carrying, reaching, held, cell, alone_s - LEAST_GAIN_S)
    for delay_s in islice(starts, 0, _STARTS * _APART, _APART):
        steps = time_line(carrying, reaching, delay_s)
        report = check_together(cell, carrying, reaching, steps, joints, points)
        if report.passed:
            return OverlapPlan(carrying, reaching, steps, report, joints, delay_s, points)
        why = f"stopped by the gate: {report.violations[0]}"
    raise _no_overlap(why)


def _at_the_bin(carrying: GraspPlan, cell: Cell) -> list[OrientedBox]:
    """The arm that carries where it lets go: who reaches around it need not wait until it has gone."""
    arm, place = ArmModel(carrying.arm, cell.arms[carrying.arm]), carrying.motions[Phase.PLACE].positions_rad[-1]
    return oriented_boxes(arm, place, carrying.pre_open_m)


def _far_grasps(grasps: GraspSet, cloud: SceneCloud, taken: Collection[int]) -> GraspSet:
    """The grasps on objects that stand far enough from those that were taken."""
    gone = np.concatenate([np.zeros((0, 3)), *(cloud.of(label) for label in taken)])
    if not len(gone):
        return grasps
    tree, far = cKDTree(gone), []
    for label in np.unique(grasps.rows[:, OBJECT].astype(int)):
        points = cloud.of(label)
        if label not in taken and len(points) and tree.query(points)[0].min() > NEAR_M:
            far.append(label)
    return grasps[np.flatnonzero(np.isin(grasps.rows[:, OBJECT].astype(int), far))]


def _no_overlap(why: str) -> NoPlanError:
    return NoPlanError(why, "The other arm waits until this one is parked.", {}, ())
