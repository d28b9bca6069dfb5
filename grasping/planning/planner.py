"""From grasps to one checked pick: the candidates that are quick to rule out go first, the gate last."""

import logging
import time
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import ConfigurationError, PlanningError
from core.transforms import invert
from grasping.grasp_set import OBJECT, ROTATION, WIDTH, GraspSet
from grasping.planning.arm_model import ArmModel
from grasping.planning.candidates import CHOSEN, MALFORMED, SHUT_IN, Candidate, Reach, Rejections
from grasping.planning.collision import CollisionChecker, Surroundings, off_stops
from grasping.planning.gate.check import check_motions
from grasping.planning.gate.numbers import Joints
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.motion_planner import NoPathError, NoPlanError, PlannerSpecification
from grasping.planning.obstacles import OrientedBox, stand_in_bin
from grasping.planning.ranking import LEAST_CLEAR, value_of
from grasping.planning.registry import find_planner
from grasping.planning.remedies import LATE, STOPPED, remedy_of
from grasping.planning.scene_fields import SceneFields
from grasping.planning.starts import Hindrance, what_frees, what_hinders
from grasping.scene_cloud import BINNED, SceneCloud
from perception.depth_types import TableView

_log = logging.getLogger(__name__)
#: How far from orthonormal a row's rotation may be (others write float32).
_ROTATION_SLACK = 1e-3
#: Grasps looked at together, best first; a plan found among them ends the search.
_BLOCK = 48


def plan_grasp(
    grasps: GraspSet,
    view: TableView,
    cell: Cell,
    arm_states: Mapping[str, NDArray[np.float64]],
    *,
    planner: str = "ompl",
    budget_s: float = 8.0,
    seed: int = 0,
    speed: float = 1.0,
    binned_m: NDArray[np.float64] | None = None,
    arms: Collection[str] | None = None,
    passing: Iterable[OrientedBox] = (),
) -> GraspPlan:
    """The best grasp that some arm can carry out from where it is, with every motion of the pick.

    Args:
        grasps: rows and cloud in the camera frame.
        view: where the table is in the camera.
        arm_states: measured joints (6,) [rad] of every arm of the cell.
        planner: a name of `grasping.planning.registry`, or a lab's own file.
        budget_s: wall time after which no further candidate is begun.
        speed: share, above 0 up to 1, of the planner's speed that the motions are run at.
        binned_m: (N, 3) what stands in the bin, world.
        arms: which may pick; None: all.
        passing: boxes of the world, as of an arm that passes by, kept clear of until the object is lifted.

    Raises:
        ConfigurationError: an unknown planner, one arm's state missing, or a planner this machine cannot run.
        NoPlanError: no grasp is left, and why how many failed.
        PlanningError: no arm can start.
    """
    specification = find_planner(planner)
    deadline_s = time.monotonic() + budget_s
    joints = _check_joints(arm_states, cell)
    binned_m = np.zeros((0, 3)) if binned_m is None else binned_m
    search = _Search(grasps, view, cell, joints, seed, speed, binned_m, list(passing))
    plan = search.run(specification, deadline_s, set(cell.arms if arms is None else arms))
    if plan is None:
        raise search.no_plan()
    return plan


def _check_joints(arm_states: Mapping[str, NDArray[np.float64]], cell: Cell) -> Joints:
    """The joints (6,) [rad] of every arm of the cell; raises as `plan_grasp` where one's are missing or no numbers."""
    if missing := set(cell.arms) - set(arm_states):
        raise ConfigurationError(
            f"Where these arms are is unknown: {', '.join(sorted(missing))}.", "Read the state of every arm first."
        )
    joints = {name: np.asarray(arm_states[name], float) for name in cell.arms}
    for name, q in joints.items():
        if q.shape != (6,) or not np.isfinite(q).all():
            raise PlanningError(f"The {name} arm reports no usable joints: {q}.", "Check its bus and its power.")
    return joints


class _Search:
    """One call of `plan_grasp`: what is around, what was tried, what failed."""

    def __init__(
        self,
        grasps: GraspSet,
        view: TableView,
        cell: Cell,
        joints: Joints,
        seed: int,
        speed: float,
        binned_m: NDArray[np.float64],
        passing: list[OrientedBox],
    ) -> None:
        self.cell, self.seed, self.speed = cell, seed, speed
        self.joints = {name: off_stops(measured, cell.arms[name]) for name, measured in joints.items()}
        self.T_world_camera = invert(view.T_camera_world)
        self._binned_m = binned_m
        self.cloud = SceneCloud.from_grasps(grasps, view, cell).with_points(binned_m, BINNED)
        self.arms = {name: ArmModel(name, mount) for name, mount in cell.arms.items()}
        R = grasps.rows[:, ROTATION].reshape(-1, 3, 3)
        with np.errstate(invalid="ignore"):
            unit = np.abs(R.transpose(0, 2, 1) @ R - np.eye(3)).max(axis=(1, 2)) < _ROTATION_SLACK
            is_well_formed = np.isfinite(grasps.rows).all(axis=1) & unit & (np.linalg.det(R) > 0)
            is_well_formed &= grasps.rows[:, WIDTH] >= 0.0
        self.rows, self.numbers = grasps.rows, np.flatnonzero(is_well_formed)
        self.tally = Rejections(len(grasps))
        self.tally.add(MALFORMED, np.flatnonzero(~is_well_formed))
        self.tried = 0
        self.stopped: list[str] = []
        self.hindered: list[Hindrance] = []
        self._fields = SceneFields(self.cloud, cell, joints, passing, binned_m)

    @property
    def rejections(self) -> dict[str, int]:
        """How many came to nothing so far, by reason, the commonest first."""
        return {what: count for what, count in self.tally.counts.most_common() if count}

    def run(self, planner: PlannerSpecification, deadline_s: float, arms: Collection[str]) -> GraspPlan | None:
        """The first pick that the gate passes, best candidates first; None when all fail or time runs out."""
        ready = [name for name in self._arms_that_can_start() if name in arms]
        for begin in range(0, len(self.numbers), _BLOCK):
            candidates = self._candidates(self.numbers[begin : begin + _BLOCK], ready)
            for candidate in self._reached_first(candidates, planner):
                if time.monotonic() > deadline_s:
                    self.tally.counts[LATE] += 1
                    return None
                self.tried += 1
                try:
                    return self._pick(candidate, planner)
                except NoPathError as reason:
                    self.tally.add(str(reason), [candidate.number])
        return None

    def no_plan(self) -> NoPlanError:
        """What came of all that was tried."""
        tally = ", ".join(f"{what} {count}x" for what, count in self.rejections.items()) or "none was given"
        return NoPlanError(
            f"None of {len(self.rows)} grasps can be carried out, by either arm and either way round: {tally}."
            + "".join(f" And {one}, so it cannot start." for one in self.hindered),
            remedy_of(self.tally.fates, self.rejections, self.stopped, what_frees(self.hindered)),
            self.rejections,
            tuple(self.tally.fates),
        )

    def _arms_that_can_start(self) -> list[str]:
        """Arms that touch nothing that was seen. One that stands in what an object hides may still go for that object,
        whose own grasps do not count it, and for no other (`SHUT_IN`).

        Raises:
            PlanningError: there is none.
        """
        everything = self._fields.everything.items()
        ready = [name for name, here in everything if self._is_free(name, Surroundings(here, here))]
        self.hindered = [what_hinders(self.cell, name, self.joints) for name in self.arms if name not in ready]
        if not ready:
            causes = "; ".join(map(str, self.hindered))
            raise PlanningError(f"No arm can start from where it is: {causes}.", what_frees(self.hindered))
        for one in self.hindered:
            self.tally.counts[f"the {one.arm} arm cannot start from where it is"] += 1
        return ready

    def _is_free(self, name: str, around: Surroundings) -> bool:
        """Whether an arm is where it stands, its fingers closed."""
        return CollisionChecker(self.arms[name], self.cell.workspace, around, 0.0).all_free(self.joints[name])

    def _candidates(self, numbers: NDArray[np.intp], arms: list[str]) -> list[Candidate]:
        """What these arms can carry out of a block of grasps, best first."""
        labels = self.rows[numbers, OBJECT].astype(int)
        found: list[Candidate] = []
        for name in arms:
            reach = Reach(self.arms[name], self.joints[name], self.cell.workspace)
            for label in np.unique(labels):
                own, around = numbers[labels == label], self._fields.around(name, label)
                if not self._is_free(name, around.transit):
                    self.tally.add(SHUT_IN, own)
                    continue
                target_m = self.cloud.of(label)
                found += reach.candidates(self.rows[own], own, self.T_world_camera, around, target_m, self.tally)
        return sorted(found, key=lambda candidate: -value_of(candidate.merits))

    def _reached_first(self, candidates: list[Candidate], planner: PlannerSpecification) -> list[Candidate]:
        """The same candidates, of every arm the one in front that a planner with goal sets reaches first, of those that
        no other is clearly likelier to succeed than."""
        if planner.choose_first is None:
            return candidates
        first = []
        least = max((candidate.merits.success for candidate in candidates), default=0.0) - LEAST_CLEAR
        likely = [candidate for candidate in candidates if candidate.merits.success >= least]
        for name in dict.fromkeys(candidate.arm.name for candidate in likely):
            own = [candidate for candidate in likely if candidate.arm.name == name]
            around = self._fields.around(name, own[0].target)
            index = planner.choose_first(own, self.joints[name], around, self.cell, self.seed)
            first += [] if index is None else [own[index]]
        return first + [candidate for candidate in candidates if not any(candidate is one for one in first)]

    def _pick(self, candidate: Candidate, planner: PlannerSpecification) -> GraspPlan:
        name = candidate.arm.name
        points = self.cloud.of(candidate.target)
        around = self._fields.around(name, candidate.target)
        planned = planner.plan_motions(candidate, self.joints[name], around, points, self.cell, self.seed)
        motions = {phase: motion.slowed(self.speed) for phase, motion in planned.items()}
        report = check_motions(
            self.cell,
            motions,
            arm=name,
            T_world_tcp=candidate.T_world_tcp,
            pre_open_m=candidate.pre_open_m,
            grasp_width_m=float(candidate.row[WIDTH]),
            measured=self.joints,
            target_points_m=points,
            other_points_m=self.cloud.without(candidate.target),
        )
        if not report.passed:
            _log.info("The gate stopped a plan: %s", "; ".join(report.violations))
            self.stopped.append(report.violations[0])
            raise NoPathError(STOPPED)
        arm = self.arms[name]
        self.tally.settle(CHOSEN, [candidate.number])
        T_world_place = arm.place(motions[Phase.PLACE].positions_rad[-1:], 0.0).T_world_tcp[0]
        return GraspPlan(
            arm=name,
            row=candidate.row,
            T_world_tcp=candidate.T_world_tcp,
            pre_open_m=candidate.pre_open_m,
            motions=motions,
            gate=report,
            planner=planner.name,
            merits=candidate.merits,
            candidates_tried=self.tried,
            measured_rad=self.joints,
            stopped=tuple(self.stopped),
            hindered=tuple(map(str, self.hindered)),
            rejections=self.rejections,
            fates=tuple(self.tally.fates),
            pace=str(self.cell.motion),
            binned_m=stand_in_bin(points, candidate.T_world_tcp, T_world_place, self.cell, self._binned_m),
        )
