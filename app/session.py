"""Trials in a world: drives the state machine, one stage a state, and keeps the log true."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.console import Console
from app.interrupts import Interrupts
from app.live_page import LivePage
from app.paths import home
from app.pick import MotionStopped, Pick, clear_away, grasp_and_lift, verify
from app.pictures import save_pictures
from app.pipeline import ArmJoints, Pipeline
from app.trial import Trial
from app.trial_machine import TrialMachine
from calibration.cell_check import check_cell
from errors import ArmError, CalibrationError, CameraError, TrackingError, TrialError, VitroError
from hardware.arms.arm import Arm
from hardware.world import World
from perception.table import camera_shift
from trials.outcome import Outcome, Reason
from trials.store import TrialStore

#: Longest wait for a picture [s of the camera's clock].
FRAME_TIMEOUT_S = 1.0
#: What a refusal in each stage is called in the log.
REASONS = {
    "capture": Reason.CAMERA,
    "locate": Reason.TABLE,
    "estimate": Reason.DEPTH,
    "scale": Reason.SCALE,
    "detect": Reason.NO_GRASP,
    "plan": Reason.NO_PLAN,
    "approve": Reason.OPERATOR,
}
#: Errors after which another trial makes no sense: the cell itself needs a person.
FATAL = (CameraError, ArmError, CalibrationError, TrialError)


class Session:
    """A world, a pipeline and a log, ready to run trials."""

    def __init__(
        self,
        world: World,
        pipeline: Pipeline,
        store: TrialStore,
        console: Console,
        interrupts: Interrupts,
        assume_yes: bool,
        begun: list[int],
        page: LivePage | None = None,
    ) -> None:
        """`begun` collects the ids of the trials, so that the caller can report even on a crash."""
        self._begun = begun
        self._page = page
        self._world = world
        self._pipeline = pipeline
        self._store = store
        self._console = console
        self._interrupts = interrupts
        self._assume_yes = assume_yes
        self._stages: dict[str, Callable[[Trial], str]] = {
            "capture": self._capture,
            "locate": self._locate,
            "estimate": pipeline.estimate,
            "scale": pipeline.scale,
            "detect": lambda trial: pipeline.detect(trial, self._joints()),
            "plan": lambda trial: pipeline.plan(trial, self._joints()),
            "approve": self._approve,
            "execute": self._execute,
            "verify": self._verify,
            "clear": self._clear,
            "fault": self._hold,
        }

    def run_trial(self, surface: str, seed: int, objects: int) -> Trial:
        """Lays a scene and carries one trial from capture to its logged row.

        Raises:
            VitroError: after the row is complete, when the cell needs a person before the next trial.
            KeyboardInterrupt: after the row is complete, when a person stopped the trial.
        """
        trial = Trial(surface, seed)
        with self._console.stage("stage") as line:
            trial.scene = self._world.stage(surface, seed, objects)
            line.detail = trial.scene.summary
        trial.id = self._begin_row(trial)
        fatal: BaseException | None = None
        try:
            fatal = self._drive(trial)
        except BaseException as error:
            self._hold(trial)
            by_hand = isinstance(error, KeyboardInterrupt)
            trial.end(Outcome.INTERRUPTED, Reason.OPERATOR if by_hand else Reason.CRASH, repr(error))
            raise
        finally:
            self._finish_row(trial)
        if fatal is not None:
            raise fatal
        return trial

    def _drive(self, trial: Trial) -> BaseException | None:
        """Walks the machine through the trial; the error that ends the session, if one did."""
        machine = TrialMachine(trial)
        machine.advance()
        fatal: BaseException | None = None
        while machine.stage != "log":
            stage = machine.stage
            try:
                self._run_stage(stage, trial)
                if stage == "approve" and not trial.approved:
                    machine.refuse()
                else:
                    machine.advance()
            except MotionStopped:
                trial.end(Outcome.INTERRUPTED, Reason.OPERATOR, "stopped by the operator")
                fatal = KeyboardInterrupt()
                machine.break_off()
            except VitroError as error:
                if machine.is_moving:
                    blocked = isinstance(error, TrackingError)
                    trial.end(Outcome.INTERRUPTED, Reason.TRACKING if blocked else Reason.ARM, str(error))
                    fatal = error
                    machine.break_off()
                else:
                    trial.end(Outcome.REFUSED, _reason(stage, error), str(error))
                    fatal = error if isinstance(error, FATAL) else None
                    if fatal is None:
                        self._console.error(error)
                    machine.refuse()
        return fatal

    def _run_stage(self, stage: str, trial: Trial) -> None:
        started_s = time.monotonic()
        try:
            with self._console.stage(stage, waits=stage == "approve") as line:
                line.detail = self._stages[stage](trial)
        finally:
            trial.stages_s[stage] = round(time.monotonic() - started_s, 3)

    def _capture(self, trial: Trial) -> str:
        trial.frame = frame = self._world.camera.read(FRAME_TIMEOUT_S)
        return f"{frame.source} {frame.serial}, frame {frame.number}"

    def _locate(self, trial: Trial) -> str:
        detail = self._pipeline.locate(trial)
        assert trial.view is not None and trial.frame is not None
        if trial.view.source != "tags":
            raise CalibrationError(
                "No AprilTag of the cell is in view, so the arms do not know where the table is.",
                "Uncover the tags, or check their ids and sizes in the cell's YAML; without tags use dry-run.",
            )
        check_cell(
            self._pipeline.cell,
            trial.frame.serial,
            camera_shift(trial.view, self._pipeline.cell),
            real=self._world.is_real,
        )
        trial.may_move = self._world.camera.is_live
        return detail

    def _approve(self, trial: Trial) -> str:
        folder = save_pictures(trial, self._folder(trial))
        self._show(trial)
        assert trial.id is not None
        # What is about to move is on disk before it moves: a crash must not take it along.
        self._store.note(trial.id, **trial.notes())
        if self._assume_yes:
            trial.approved = True
            return "by --yes"
        answer = self._console.ask_key(
            f"Move the {trial.plan.arm if trial.plan else '?'} arm? Preview in {folder}.",
            {"y": "move", "n": "skip this scene", "q": "quit"},
        )
        if answer == "q":
            raise KeyboardInterrupt
        trial.approved = answer == "y"
        if not trial.approved:
            trial.end(Outcome.REFUSED, Reason.OPERATOR, "the operator said no")
        return "by key" if trial.approved else "refused by key"

    def _execute(self, trial: Trial) -> str:
        assert trial.plan is not None
        trial.pick = pick = Pick()
        arm = self._world.arms[trial.plan.arm]
        with self._motion(arm):
            grasp_and_lift(trial.plan, arm, pick, self._interrupts.should_stop)
        lag_rad = max(report.worst_lag_rad for report in pick.tracking.values())
        final_rad = max(report.final_error_rad for report in pick.tracking.values())
        return f"{arm.name} arm, worst lag {lag_rad * 57.3:.2f}°, settled within {final_rad * 57.3:.2f}°"

    def _verify(self, trial: Trial) -> str:
        assert trial.pick is not None
        trial.verification = verification = verify(trial.pick)
        if verification.held:
            trial.end(Outcome.SUCCESS)
        else:
            trial.end(Outcome.FAILURE, verification.reason, verification.detail)
        return f"{'held' if verification.held else verification.reason}: {verification.detail}"

    def _clear(self, trial: Trial) -> str:
        assert trial.plan is not None and trial.pick is not None
        arm = self._world.arms[trial.plan.arm]
        with self._motion(arm):
            clear_away(trial.plan, arm, trial.pick, self._interrupts.should_stop)
        return "over the bin, opened, parked"

    def _hold(self, trial: Trial) -> str:
        """Tells every arm to stay where it is; an arm that cannot hear is named, the others still hold."""
        deaf = []
        for arm in self._world.arms.values():
            try:
                arm.hold()
            except ArmError as error:
                deaf.append(f"{arm.name}: {error.cause}")
        return f"not reached: {'; '.join(deaf)}" if deaf else "all arms hold"

    @contextmanager
    def _motion(self, arm: Arm) -> Iterator[None]:
        self._interrupts.emergency = arm.stop
        try:
            yield
        finally:
            self._interrupts.emergency = None

    def _joints(self) -> ArmJoints:
        return {name: arm.state().joints_rad for name, arm in self._world.arms.items()}

    def _begin_row(self, trial: Trial) -> int:
        """Commits the row before anything can move; a crash from here on leaves it `interrupted`."""
        choices = self._pipeline.choices
        assert trial.scene is not None
        id = self._store.begin(
            trial.surface,
            self._pipeline.estimator.name,
            choices.detector,
            choices.planner,
            cell=self._pipeline.cell.name,
            world=self._world.name,
            seed=trial.seed,
            scene={"objects": list(trial.scene.objects)},
        )
        self._begun.append(id)
        return id

    def _finish_row(self, trial: Trial) -> None:
        assert trial.id is not None and trial.outcome is not None
        trial.verdict = self._world.verdict()
        self._store.note(trial.id, **trial.notes())
        self._store.finish(
            trial.id,
            trial.outcome,
            trial.reason,
            detail=trial.message,
            verified=trial.verification.held if trial.verification else None,
            simulator_verdict=trial.verdict.success if trial.verdict else None,
            stages_s=trial.stages_s,
            metric=trial.metric_summary(),
        )
        save_pictures(trial, self._folder(trial))
        self._show(trial)

    def _show(self, trial: Trial) -> None:
        if self._page is None:
            return
        try:
            joints = self._joints()
        except ArmError:
            joints = {}  # the page shows the arms where they were last heard of
        self._page.show(trial, joints)

    def _folder(self, trial: Trial) -> Path:
        return home() / "trials" / f"{trial.id:05d}"


def _reason(stage: str, error: VitroError) -> Reason:
    """What a refusal is called: the part that failed where the error says so, else the stage's own."""
    if isinstance(error, ArmError):
        return Reason.ARM
    return Reason.CAMERA if isinstance(error, CameraError) else REASONS[stage]
