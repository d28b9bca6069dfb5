"""One trial in a world: the stages that a recording has not, and the machine that says which may follow which."""

from collections.abc import Callable
from dataclasses import replace

from app.arm_look.arm_proof import ArmProof
from app.arm_look.world_stages import WorldStages
from app.events import PhaseBegin
from app.run.endings import ends_session, may_help, reason_of
from app.run.look import PICTURE_VALID_S, Looker
from app.run.operator import Approval, Operator
from app.run.pipeline import Pipeline
from app.run.stages import Result, capture_line, execute_line
from app.run.state_machine import TrialMachine
from app.run.trial import Trial
from app.run.trial_log import LogEntry
from core.errors import VitroError
from grasping.execution import Execution, Lift, MotionStopped, verify
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.obstacles import BinContents
from grasping.planning.scene_fields import without_arms
from hardware.arms.arm import TrackingReport, measured_joints
from hardware.world import World
from trials.record import Outcome, Reason, TrialRecord


class LiveTrial(WorldStages):
    """Walks the state machine, one stage a state; `gate_passed`, `approved`, `may_move` and `may_retry` are what it
    asks for. most_attempts: so many grasps of one object may be tried. in_bin: what was let go of there before."""

    def __init__(
        self,
        trial: Trial,
        world: World,
        pipeline: Pipeline,
        entry: LogEntry,
        operator: Operator,
        looker: Looker,
        proof: ArmProof,
        most_attempts: int = 1,
        in_bin: BinContents | None = None,
    ) -> None:
        super().__init__(trial, world, pipeline, operator, looker, proof)
        self._in_bin = in_bin or BinContents()
        self.binned_m = self._in_bin.points_m
        self.approved = False
        self._has_moved = self._is_unreachable = self._is_broken_off = False
        #: Whose lift the simulator is asked for; '': nobody else lifts meanwhile.
        self._hand = ""
        self._most_attempts = most_attempts
        self._entry = entry
        self._machine = TrialMachine(self)

    @property
    def gate_passed(self) -> bool:
        return self.trial.plan is not None and self.trial.plan.gate.passed

    @property
    def record(self) -> TrialRecord:
        """Its row as it is on disk."""
        return self._entry.record

    @property
    def may_retry(self) -> bool:
        """Whether an attempt that ended as this one did is followed by another; one that was broken off is not."""
        done = len(self.trial.attempts)
        may_go_on = done < self._most_attempts and not self._is_broken_off
        return may_go_on and may_help(self.trial.reason, done, self._is_unreachable)

    def run(self) -> BaseException | None:
        """From capture to the parked arm, again while that may help; the error that ends the session, if one did."""
        return self._go_through(self._pick)

    def _go_through(self, work: Callable[[], None]) -> BaseException | None:
        """Does what is left of an attempt, and more attempts while that may help; as `run`."""
        fatal = self._attempt(work)
        while fatal is None and self.may_retry:
            self._machine.retry()
            fatal = self._attempt(self._pick)
        if self._machine.stage == "clear":
            self._machine.advance()
        return fatal

    def _attempt(self, work: Callable[[], None]) -> BaseException | None:
        try:
            work()
        except MotionStopped:
            self._break_off(Reason.OPERATOR, "stopped by the operator")
            return KeyboardInterrupt()
        except VitroError as error:
            if not (self._machine.is_moving and self._operator.interrupts.stop_requested):
                return self._fail(error)
            self._break_off(Reason.OPERATOR, f"stopped by the operator: {error}")
            self.console.error(error)
            return KeyboardInterrupt()
        return None

    def _begin_again(self) -> None:
        """Keeps what the attempt before came to; picture, plan, gate and approval are to be had anew."""
        self.trial = replace(self.trial, verdict=self._world.verdict(self._hand))
        done, self.trial = self.trial, self.trial.again()
        self.approved = self.may_move = self._has_moved = self._is_unreachable = False
        self.binned_m = self._in_bin.points_m  # the other arm may have let go of something meanwhile
        self._entry.save_files(done)
        self._entry.note(self.trial)
        self._hand = ""
        self._world.begin_attempt()
        self.console.say(f"  attempt {len(self.trial.attempts)} of {self._most_attempts}")

    def crash(self, error: BaseException) -> None:
        """Holds the arms after what no stage foresaw."""
        self._hold()
        if isinstance(error, KeyboardInterrupt):
            self._end(Outcome.INTERRUPTED, Reason.OPERATOR, "stopped by the operator")
        else:
            self._end(Outcome.INTERRUPTED, Reason.CRASH, repr(error))

    def _settle(self) -> None:
        """Commits how it ended before the arm is cleared: killed there, a failure would be laid again, a success not. A
        disk that takes nothing is no reason to drop what is held."""
        try:
            self._entry.settle(self.trial)
        except VitroError as error:
            self.console.error(error)

    def finish(self) -> None:
        """Completes row and folder; raises a StorageError where no disk takes the row."""
        self.trial = replace(self.trial, verdict=self._world.verdict(self._hand))
        self._entry.finish(self.trial, self.console, self._operator.interrupts.should_stop)

    def stage(
        self, name: str, work: Callable[[], Result], line: Callable[[Result], str], waits: bool = False
    ) -> Result:
        if not (name == "capture" and self._machine.stage == "capture"):  # where `retry` has led already
            self._machine.advance()
        if self._machine.stage != name:
            raise RuntimeError(f"{name} does not follow here: the machine is in {self._machine.stage}")
        return super().stage(name, work, line, waits)

    def _pick(self) -> None:
        if self._machine.stage == "capture":
            self._begin_again()
        read, clip = self._looker.read, range(self.pipeline.options.clip)
        frames = self.stage("capture", lambda: tuple(self.within("capture", read) for _ in clip), capture_line)
        self.trial = replace(self.trial, frames=frames)
        plan = self.plan(frames, self._joints)
        approval = self.stage("approve", lambda: self._approve(plan), lambda a: a.line, waits=True)
        if not approval.given:
            self._end(Outcome.REFUSED, Reason.OPERATOR, approval.refusal)
            self._machine.refuse()
            return
        execution = self._execution(plan)
        lift = self.stage(
            "execute", lambda: self._lift(execution), lambda _: execute_line(plan.arm, self.trial.tracking)
        )
        self._judge(lift)
        self._finish_pick()

    def _execution(self, plan: GraspPlan) -> Execution:
        arm, should_stop = self._world.arms[plan.arm], self._operator.interrupts.should_stop
        return Execution(plan, arm, should_stop, self._track, self._tell_phase)

    def _judge(self, lift: Lift) -> None:
        verification = self.stage("verify", lambda: verify(lift), lambda v: f"{v.grip}: {v.detail}")
        self.trial = replace(self.trial, verification=verification)
        if verification.held:
            self._end(Outcome.SUCCESS)
        else:
            self._end(Outcome.FAILURE, Reason(verification.grip), verification.detail)
        if not self.may_retry:
            self._settle()

    def _finish_pick(self) -> None:
        """The arm drops what it holds, if anything, into the bin and parks."""
        plan = self.trial.plan
        assert plan is not None
        self.stage("clear", lambda: self._clear(self._execution(plan)), lambda _: "at the bin, opened, parked")

    def _approve(self, plan: GraspPlan) -> Approval:
        """Puts on disk what is about to move, then asks."""
        self._looks = self._plan_looks(self._arms_to_show(plan))
        folder = self._entry.note(self.trial)
        shown = [look.arms for look in self._looks]
        approval = self._operator.approve(plan.arm, folder, plan.gate.checked_s, shown=shown)
        self.approved = approval.given
        return approval

    def _lift(self, execution: Execution) -> Lift:
        """Moves, if picture, gate report and joints are still what the plan was made for.

        Raises:
            VitroError: which of them is not; nothing moved but an arm that showed itself.
        """
        self._demand_current(execution.plan, self._looker.age_s > PICTURE_VALID_S)
        if self._looks:
            self._has_moved = True
            self._show()
            self._demand_current(execution.plan, True)  # that took a while, and an arm was before the camera
        self._has_moved = True
        return self._move([execution.arm], execution.lift)

    def _arms_to_show(self, plan: GraspPlan) -> tuple[str, ...]:
        """Those that may show themselves before this plan is carried out."""
        return (plan.arm,)

    def _clear(self, execution: Execution) -> None:
        self._move([execution.arm], execution.clear)
        self._note_bin(execution.plan)

    def _note_bin(self, plan: GraspPlan) -> None:
        if self.trial.verification is not None and self.trial.verification.held:
            joints_rad = measured_joints(self._world.arms)
            self._in_bin.add(without_arms(plan.binned_m, self.pipeline.cell, joints_rad))
            self.binned_m = self._in_bin.points_m

    def _tell_phase(self, phase: Phase) -> None:
        plan = self.trial.plan
        assert plan is not None
        self.console.events.tell(PhaseBegin(plan.arm, phase))

    def _track(self, phase: Phase, report: TrackingReport) -> None:
        self.trial = replace(self.trial, tracking={**self.trial.tracking, phase: report})

    def _fail(self, error: VitroError) -> VitroError | None:
        """Ends the attempt; the error, if it ends the session too."""
        stage, reason = self._machine.stage, reason_of(error, self._machine.stage)
        fatal = ends_session(error, stage, has_moved=bool(self.trial.tracking))
        self._is_unreachable = stage == "plan" and isinstance(error, NoPlanError)
        if self._machine.is_moving:
            self._break_off(reason, str(error))
        else:
            self._note_fault(str(error))
            self._end(Outcome.REFUSED, reason, str(error))
            if fatal or not self.may_retry:
                self._machine.refuse()
        if fatal:
            return error
        self.console.error(error)
        return None

    def _break_off(self, reason: Reason, message: str) -> None:
        """Ends a motion that failed or was stopped: every arm holds."""
        self._is_broken_off = True
        self._note_fault(message)
        self._end(Outcome.INTERRUPTED if self._has_moved else Outcome.REFUSED, reason, message)
        self._machine.break_off()
        super().stage("fault", self._hold, str)
        self._machine.advance()

    def _end(self, outcome: Outcome, reason: Reason = Reason.NONE, message: str = "") -> None:
        self.trial = self.trial.end(outcome, reason, message)

    def _note_fault(self, message: str) -> None:
        self.trial = replace(self.trial, faults=(*self.trial.faults, f"{self._machine.stage}: {message}"))
