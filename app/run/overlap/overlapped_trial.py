"""A trial whose arm may move while that of the trial before, or after, does: one reaches while the other carries."""

from dataclasses import replace

from app.run.endings import reason_of
from app.run.live_trial import LiveTrial
from app.run.look import PICTURE_VALID_S, require_fresh
from app.run.operator import Approval
from app.run.overlap.carrying import demand_carrying, too_late
from app.run.overlap.same_picture import take_over
from app.run.pipeline import Stages
from app.run.stage_lines import execute_line, plan_line
from core.errors import PlanningError, TrackingError, VitroError
from grasping.execution import Execution, Lift
from grasping.grasp_set import OBJECT, GraspSet
from grasping.overlapped_execution import OverlappedExecution
from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.overlap.plan import OverlapPlan, plan_overlap
from trials.record import Outcome, Reason

#: What comes before the next motion takes as long as it did before this one, and this much [s] more.
_MARGIN_S = 1.0


class OverlappedTrial(LiveTrial):
    """As a `LiveTrial`, but what it has lifted stays in the air, until `clear` or another trial's `lift_beside`.

    Pictures are taken only while both arms are parked: what is reached for meanwhile was seen in the picture before.
    """

    _overlap: OverlapPlan | None = None
    #: What the detector found in the picture, and which of it was taken since, before this trial.
    _seen: GraspSet | None = None
    _taken: tuple[int, ...] = ()
    _before: "OverlappedTrial | None" = None

    @property
    def is_lifted(self) -> bool:
        """Whether its arm holds the object in the air and may carry it away."""
        return self._machine.stage == "verify" and self.trial.outcome is Outcome.SUCCESS

    def _begin_again(self) -> None:
        super()._begin_again()
        self._seen, self._taken = None, ()

    def _arms_to_show(self, plan: GraspPlan) -> tuple[str, ...]:
        """Both: neither may reach beside the other before, and while one carries there is no time for it."""
        return tuple(self._world.arms)

    def _finish_pick(self) -> None:
        if not self.is_lifted:
            super()._finish_pick()

    def clear(self) -> BaseException | None:
        """Carries what was lifted away, the other arm parked; the error that ends the session, if one did."""
        return self._go_through(super()._finish_pick)

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
                self._demand_young("plan", "approve")
                overlap = self._plan_next()
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

    def _plan_next(self) -> OverlapPlan:
        plan, view = self._known(), self.trial.view
        assert view is not None
        options, joints = self.pipeline.options, self._joints()
        bold = self.pipeline.success.bold_enough(self._seen_now(), options.boldness)
        return self.within(
            "plan",
            plan_overlap,
            plan,
            self._taken_now(),
            bold,
            view,
            self.pipeline.cell,
            joints,
            self._in_bin.points_m,
            planner=options.planner,
            seed=self.trial.seed,
            speed=options.speed,
            budget_s=self._left_s("approve"),
        )

    def _seen_now(self) -> GraspSet:
        """What the detector found in the picture, whatever was taken since."""
        seen = self._seen or self.trial.grasps
        assert seen is not None
        return seen

    def _taken_now(self) -> tuple[int, ...]:
        """Labels of what was taken since the picture, what is held too."""
        return (*self._taken, int(self._known().row[OBJECT]))

    def lift_beside(self, before: "OverlappedTrial", overlap: OverlapPlan) -> BaseException | None:
        """Lifts what was found beside the trial before, whose arm carries its own away meanwhile; as `run`."""
        self._overlap, self._hand, self._before = overlap, overlap.reaching.arm, before
        return self._attempt(lambda: self._reach(before, overlap))

    def judge(self) -> BaseException | None:
        """Whether what `lift_beside` lifted is held; what is not is followed by another attempt. As `run`."""
        return self._go_through(lambda: self._conclude(self._lifted))

    def _conclude(self, lift: Lift) -> None:
        self._judge(lift)
        self._finish_pick()

    def _reach(self, before: "OverlappedTrial", overlap: OverlapPlan) -> None:
        self._see_as(before, overlap.reaching)
        approval = self.stage("approve", lambda: self._approve(overlap.reaching), lambda a: a.line, waits=True)
        if not approval.given:
            self._end(Outcome.REFUSED, Reason.OPERATOR, approval.refusal)
            self._machine.refuse()
            return
        self._lifted = self.stage(
            "execute",
            lambda: self._move_both(before, overlap),
            lambda _: f"{execute_line(overlap.reaching.arm, self.trial.tracking)}; {overlap.carrying.arm}: binned",
        )

    def _see_as(self, before: "OverlappedTrial", plan: GraspPlan) -> None:
        """Takes over what was seen in the picture of the trial before, less what was taken since."""
        self._seen, self._taken = before._seen_now(), before._taken_now()
        self.may_move = before.may_move
        take_over(self, before, self._seen.without(self._taken))
        self.stage("plan", lambda: plan, plan_line)
        seconds = before._give_away("overlap")
        self.trial = replace(self.trial, plan=plan, stages_s={**self.trial.stages_s, "plan": seconds})

    def _give_away(self, stage: str) -> float:
        """The time that a stage took, which is counted with another trial, the one that people are told of by now."""
        self.is_told = False
        stages = dict(self.trial.stages_s)
        seconds = stages.pop(stage, 0.0)
        self.trial = replace(self.trial, stages_s=stages)
        return seconds

    def _approve(self, plan: GraspPlan) -> Approval:
        if self._overlap is None or plan is not self._overlap.reaching:
            return super()._approve(plan)
        folder = self._entry.note(self.trial)
        gate, beside = self._overlap.gate, self._overlap.carrying.arm
        approval = self._operator.approve(plan.arm, folder, gate.checked_s, beside)
        if approval.given and (why := self._outdated()):
            approval = Approval(False, why, why)
        self.approved = approval.given
        return approval

    def _outdated(self) -> str:
        """Why the two arms may no longer do together what was approved; empty where they may."""
        assert self._overlap is not None and self._before is not None
        if (age_s := self._looker.age_s) > PICTURE_VALID_S:
            return too_late(self._overlap, age_s)
        try:
            self._before.demand_carrying()
        except VitroError as error:
            return error.cause
        return ""

    def _move_both(self, before: "OverlappedTrial", overlap: OverlapPlan) -> Lift:
        """Moves both arms, if gate report and joints are still what both plans were made for.

        Raises:
            VitroError: which of them is not; nothing moved.
        """
        require_fresh(overlap.gate, overlap.measured_rad, self._joints())
        self._has_moved = True
        before.begin_clearing()
        arms = {name: self._world.arms[name] for name in overlap.steps}
        trials = {overlap.carrying.arm: before, overlap.reaching.arm: self}
        execution = OverlappedExecution(
            overlap,
            arms,
            self._world.clock,
            self._operator.interrupts.should_stop,
            lambda arm, phase, report: trials[arm]._track(phase, report),
            lambda arm, phase: trials[arm]._tell_phase(phase),
        )
        start_s = self._world.clock.now_s()
        lift = self._move(list(arms.values()), execution.run)
        waited_s = self._world.clock.now_s() - start_s
        before.end_clearing(self.record.id, waited_s)
        notes = {"seconds": round(waited_s, 3), "set_out_after_s": round(overlap.delay_s, 3)}
        self.trial = replace(self.trial, overlap={**self.trial.overlap, **notes})
        return lift

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

    def _fail(self, error: VitroError) -> VitroError | None:
        """What ends a motion of two arms ends the session, whichever of them had moved."""
        if isinstance(error, TrackingError) and self._overlap and error.arm == self._overlap.carrying.arm:
            # No failure of what was reached for: the other arm's own trial has the fault, after what it lifted.
            self._end(Outcome.INTERRUPTED, Reason.EQUIPMENT, str(error))
        fatal, before = super()._fail(error), self._before
        return error if before is not None and before._machine.stage == "clear" else fatal

    def break_off(self, error: BaseException) -> None:
        """The other trial's motion ended with an error, and so did this one's: its arm holds."""
        told = isinstance(error, VitroError)
        reason = reason_of(error, "clear") if isinstance(error, VitroError) else Reason.OPERATOR
        self._break_off(reason, str(error) if told else "stopped by the operator")

    def finish(self) -> None:
        super().finish()
        if self._hand:
            self._world.begin_attempt(self._hand)

    def _known(self) -> GraspPlan:
        assert self.trial.plan is not None
        return self.trial.plan
