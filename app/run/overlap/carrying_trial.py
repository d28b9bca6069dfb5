"""What the arm that has lifted its object does: it finds what the other arm may do meanwhile, and carries it away."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.run.live_trial import LiveTrial
from app.run.look import PICTURE_VALID_S
from app.run.overlap.carrying import demand_carrying
from app.run.stages import Stages
from core.errors import PlanningError
from grasping.execution import Execution, Lift
from grasping.grasp_set import OBJECT, GraspSet
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan, plan_overlap
from grasping.planning.overlap.process import PlanningProcess
from trials.record import Outcome

#: What comes before the next motion takes as long as it did before this one, and this much [s] more.
_MARGIN_S = 0.5
_NOTHING_M: NDArray[np.float64] = np.zeros((0, 3))


class CarryingTrial(LiveTrial):
    """As a `LiveTrial`, but what it has lifted stays in the air, until `clear` or another trial's `lift_beside`.

    Pictures are taken only while both arms are parked or out of the table's view: what is reached for meanwhile was
    seen in the picture before.
    beside: plans what comes after while this trial's arm moves; None: only once it has lifted.
    """

    #: What the detector found in the picture, and which of it was taken since, before this trial.
    _seen: GraspSet | None = None
    _taken: tuple[int, ...] = ()

    def __init__(self, *args: Any, beside: PlanningProcess | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._beside = beside

    @property
    def is_lifted(self) -> bool:
        """Whether its arm holds the object in the air and may carry it away."""
        return self._machine.stage == "verify" and self.trial.outcome is Outcome.SUCCESS

    def _begin_again(self) -> None:
        super()._begin_again()
        self._seen, self._taken = None, ()

    def _finish_pick(self) -> None:
        if not self.is_lifted:
            super()._finish_pick()

    def clear(self) -> BaseException | None:
        """Carries what was lifted away, the other arm parked; the error that ends the session, if one did."""
        return self._go_through(super()._finish_pick)

    def _execution(self, plan: GraspPlan) -> Execution:
        return replace(super()._execution(plan), opens_on_way=True)  # as where an arm reaches beside the other

    def _clear(self, execution: Execution) -> None:
        if self.trial.outcome is Outcome.SUCCESS:
            self.demand_carrying()
        super()._clear(execution)

    def demand_carrying(self) -> None:
        """Raises as the function of that name where what it lifted may not be carried away."""
        plan = self._known()
        demand_carrying(plan, self._joints(), self._world.arms[plan.arm])

    def find_next(self) -> OverlapPlan | None:
        """What the other arm may do while this one carries; None where it is to wait, for a reason that is shown."""
        found: list[OverlapPlan] = []
        if not len(self._seen_now().without(self._taken_now())):
            return None

        def look() -> str:
            (other,) = set(self._world.arms) - {self._known().arm}
            if self._proof.is_due(other):
                return f"no: the {other} arm has yet to show itself to the camera"
            try:
                overlap = self._planned_ahead() or self._plan_now()
                self._demand_young("approve")
            except PlanningError as error:
                return f"no: {error.cause}"
            found.append(overlap)
            waits = f", {overlap.delay_s:.1f} s later" if overlap.delay_s else ""
            return f"the {overlap.reaching.arm} arm reaches meanwhile{waits}; both checked together"

        Stages.stage(self, "overlap", look, str)  # no state of its own: nothing moves
        return found[0] if found else None

    def _demand_young(self, *ahead: str) -> None:
        """Raises PlanningError where the picture would be too old once these stages are over."""
        if (left_s := self._left_s(*ahead)) < 0.0:
            raise PlanningError(f"the picture would be {PICTURE_VALID_S - left_s:.0f} s old", "It is taken anew.")

    def _left_s(self, *ahead: str) -> float:
        """How long the picture will be young enough once these stages, which take as long as they did for this trial,
        are over."""
        ahead_s = sum(self.trial.stages_s.get(stage, 0.0) for stage in ahead) + _MARGIN_S
        return PICTURE_VALID_S - self._looker.age_s - ahead_s

    def _planned_ahead(self) -> OverlapPlan | None:
        """What was planned while the arm moved; None where nothing was, or it is late. Raises PlanningError where
        nothing was found."""
        ahead = self._beside.answer(self._known(), self._left_s("approve")) if self._beside else None
        return None if ahead is None else ahead.checked_again(self.pipeline.cell, self._joints())

    def _plan_now(self) -> OverlapPlan:
        """Raises PlanningError where there is nothing, or no time left."""
        self._demand_young("plan", "approve")
        args, options = self._asked(self._joints())
        return self.within("plan", plan_overlap, *args, **options)

    def _plan_ahead(self, parks: Mapping[str, NDArray[np.float64]], binned_m: NDArray[np.float64] = _NOTHING_M) -> None:
        """Begins to plan what the other arm may do once this one has lifted, which it is about to do.

        Args:
            parks: joints (6,) [rad] of the other arm, by its name, as it stands then. binned_m: (N, 3) what it will
                have let go of until then.
        """
        plan, left = self._known(), self._seen_now().without(self._taken_now())
        if self._beside is not None and len(left):
            args, options = self._asked({**parks, plan.arm: plan.motions[Phase.LIFT].positions_rad[-1]}, binned_m)
            self._beside.begin(*args, **options)

    def _asked(
        self, joints_rad: Mapping[str, NDArray[np.float64]], binned_m: NDArray[np.float64] = _NOTHING_M
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What `plan_overlap` is to be given: joints (6,) of every arm; binned_m: beside what stands in the bin."""
        view, options = self.trial.view, self.pipeline.options
        bold = self.pipeline.success.bold_enough(self._seen_now(), options.boldness)
        in_bin_m = np.concatenate([self._in_bin.points_m, binned_m])
        args = (self._known(), self._taken_now(), bold, view, self.pipeline.cell, joints_rad, in_bin_m)
        named = {"planner": options.planner, "seed": self.trial.seed, "speed": options.speed}
        return args, {**named, "budget_s": self._left_s("approve")}

    def _lift(self, execution: Execution) -> Lift:
        plan, joints_rad = execution.plan, self._joints()
        self._plan_ahead({name: joints for name, joints in joints_rad.items() if name != plan.arm})
        return super()._lift(execution)

    def _seen_now(self) -> GraspSet:
        """What the detector found in the picture, whatever was taken since."""
        seen = self._seen or self.trial.grasps
        assert seen is not None
        return seen

    def _taken_now(self) -> tuple[int, ...]:
        """Labels of what was taken since the picture, what is held too."""
        return (*self._taken, int(self._known().row[OBJECT]))

    def _give_away(self, stage: str) -> float:
        """The time that a stage took, which is counted with another trial, the one that people are told of by now."""
        self.is_told = False
        stages = dict(self.trial.stages_s)
        seconds = stages.pop(stage, 0.0)
        self.trial = replace(self.trial, stages_s=stages)
        return seconds

    def begin_clearing(self) -> None:
        """Its arm carries away what it holds, as part of what another trial does."""
        self.is_told = False
        self._hand = self._known().arm
        self._machine.advance()

    def end_clearing(self, beside: int, seconds: float) -> None:
        """It let go at the bin and is parked."""
        self._note_bin(self._known())
        notes = {"cleared_beside": beside}
        stages = {**self.trial.stages_s, "clear": round(seconds, 3)}
        self.trial = replace(self.trial, overlap={**self.trial.overlap, **notes}, stages_s=stages)
        self._machine.advance()

    def _known(self) -> GraspPlan:
        assert self.trial.plan is not None
        return self.trial.plan
