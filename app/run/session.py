"""Trials in a world: drives the state machine, one stage a state, and keeps the log true."""

import time

from app.console import Console
from app.interrupts import Interrupts
from app.run.live_page import LivePage
from app.run.live_stages import LiveStages
from app.run.pick import MotionStopped
from app.run.pipeline import Pipeline
from app.run.state_machine import TrialMachine
from app.run.trial import Trial
from app.run.trial_log import TrialLog
from core.errors import (
    ArmError,
    CalibrationError,
    CameraError,
    ConfigurationError,
    TrackingError,
    TrialError,
    VitroError,
)
from hardware.world import World
from trials.outcome import Outcome, Reason
from trials.store import TrialStore

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
#: Errors and stages after which another trial makes no sense: the cell itself needs a person.
FATAL_ERRORS = (CameraError, ArmError, CalibrationError, ConfigurationError, TrialError)
FATAL_STAGES = ("capture", "locate")


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
        begun: list[int] | None = None,
        page: LivePage | None = None,
    ) -> None:
        """`begun` collects the ids of the trials, so that the caller can report even on a crash."""
        self._world = world
        self._console = console
        self._log = TrialLog(store, world, pipeline, console, begun)
        self._live = LiveStages(world, pipeline, self._log, console, interrupts, assume_yes, page)
        self._stages = self._live.by_state()

    def run_trial(self, surface: str, seed: int, objects: int) -> Trial:
        """Lays a scene and carries one trial from capture to its logged row.

        Raises:
            VitroError: after the row is complete, when the cell needs a person before the next trial.
            KeyboardInterrupt: after the row is complete, when a person stopped the trial.
        """
        trial = Trial(surface, seed)
        self._await_scene()
        with self._console.stage("stage") as line:
            scene = self._world.stage(surface, seed, objects)
            line.detail = scene.summary
        trial.id = self._log.begin(trial, scene)
        try:
            fatal = self._drive(trial)
        except BaseException as error:
            self._live.hold(trial)
            by_hand = isinstance(error, KeyboardInterrupt)
            trial.end(Outcome.INTERRUPTED, Reason.OPERATOR if by_hand else Reason.CRASH, repr(error))
            raise
        finally:
            self._log.finish(trial)
            self._live.show(trial)
        if fatal is not None:
            raise fatal
        return trial

    def _await_scene(self) -> None:
        """On a real cell a person lays the scene: nothing begins before his hands are out, --yes or not."""
        if self._world.is_real:
            answer = self._console.ask_key("Lay the scene, hands out of the cell.", {"y": "ready", "q": "quit"})
            if answer == "q":
                raise KeyboardInterrupt

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
                trial.faults.append(f"{stage}: stopped by the operator")
                fatal = KeyboardInterrupt()
                machine.break_off()
            except VitroError as error:
                trial.faults.append(f"{stage}: {error}")
                if machine.is_moving:
                    blocked = isinstance(error, TrackingError)
                    trial.end(Outcome.INTERRUPTED, Reason.TRACKING if blocked else Reason.ARM, str(error))
                    fatal = error
                    machine.break_off()
                else:
                    trial.end(Outcome.REFUSED, _reason(stage, error), str(error))
                    fatal = error if isinstance(error, FATAL_ERRORS) or stage in FATAL_STAGES else None
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


def _reason(stage: str, error: VitroError) -> Reason:
    """What a refusal is called: the part that failed where the error says so, else the stage's own."""
    if isinstance(error, ArmError):
        return Reason.ARM
    return Reason.CAMERA if isinstance(error, CameraError) else REASONS[stage]
