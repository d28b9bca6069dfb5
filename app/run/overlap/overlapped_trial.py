"""A trial whose arm may move while that of the trial before, or after, does: one reaches while the other carries."""

from dataclasses import replace

from app.run.endings import reason_of
from app.run.look import PICTURE_VALID_S, require_fresh
from app.run.operator import Approval
from app.run.overlap.carrying import too_late
from app.run.overlap.carrying_trial import CarryingTrial
from app.run.overlap.same_picture import take_over
from app.run.stages import execute_line, plan_line
from core.errors import TrackingError, VitroError
from grasping.execution import Lift
from grasping.overlapped_execution import OverlappedExecution
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan
from trials.record import Outcome, Reason


class OverlappedTrial(CarryingTrial):
    """As a `CarryingTrial`; what it lifts may have been reached for while the trial before carried its own away."""

    _overlap: OverlapPlan | None = None
    _before: "OverlappedTrial | None" = None

    def _arms_to_show(self, plan: GraspPlan) -> tuple[str, ...]:
        """Both: neither may reach beside the other before, and while one carries there is no time for it."""
        return tuple(self._world.arms)

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
        parks = {overlap.carrying.arm: overlap.carrying.motions[Phase.RETREAT].positions_rad[-1]}
        self._plan_ahead(parks, overlap.carrying.binned_m)
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
