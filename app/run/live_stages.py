"""The stages of a trial that need a world: capture, approval, motion, verification, holding."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from app.console import Console
from app.interrupts import Interrupts
from app.run.live_page import LivePage
from app.run.pick import MotionStopped, Pick, clear_away, grasp_and_lift, verify
from app.run.pipeline import ArmJoints, Pipeline
from app.run.trial import Trial
from app.run.trial_log import TrialLog
from calibration.cell_check import check_cell
from core.errors import ArmError, CalibrationError
from hardware.arms.arm import Arm
from hardware.world import World
from perception.table.locate import camera_shift
from trials.outcome import Outcome, Reason

#: Longest wait for a picture [s of the camera's clock].
FRAME_TIMEOUT_S = 1.0
#: A scene seen longer ago than this [s] may have changed under the person's hands: it is looked at again.
PLAN_VALID_S = 90.0
#: Every arm must still stand where the gate took it to stand.
MOVED_RAD = np.deg2rad(1.0)


class LiveStages:
    """One method a state of `TrialMachine`; each returns a line for the console."""

    def __init__(
        self,
        world: World,
        pipeline: Pipeline,
        log: TrialLog,
        console: Console,
        interrupts: Interrupts,
        assume_yes: bool,
        page: LivePage | None,
    ) -> None:
        self._world = world
        self._pipeline = pipeline
        self._log = log
        self._console = console
        self._interrupts = interrupts
        self._assume_yes = assume_yes
        self._page = page

    def by_state(self) -> dict[str, Callable[[Trial], str]]:
        """The stage that each state of the machine runs."""
        return {
            "capture": self.capture,
            "locate": self.locate,
            "estimate": self._pipeline.estimate,
            "scale": self._pipeline.scale,
            "detect": lambda trial: self._pipeline.detect(trial, self._joints()),
            "plan": self.plan,
            "approve": self.approve,
            "execute": self.execute,
            "verify": self.verify,
            "clear": self.clear,
            "fault": self.hold,
        }

    def capture(self, trial: Trial) -> str:
        *trial.earlier, frame = (self._world.camera.read(FRAME_TIMEOUT_S) for _ in range(self._pipeline.choices.clip))
        trial.frame = frame
        trial.seen_s = time.monotonic()
        return f"{frame.source} {frame.serial}, frame {frame.number}"

    def locate(self, trial: Trial) -> str:
        detail = self._pipeline.locate(trial)
        assert trial.view is not None and trial.frame is not None
        if trial.view.source != "tags":
            raise CalibrationError(
                "No AprilTag of the cell is in view, so the arms do not know where the table is.",
                "Uncover the tags, or check their ids and sizes in the cell's YAML; without tags use dry-run.",
            )
        shift = camera_shift(trial.view, self._pipeline.cell)
        check_cell(self._pipeline.cell, trial.frame.serial, shift, real=self._world.is_real)
        trial.may_move = self._world.camera.is_live
        return detail

    def plan(self, trial: Trial) -> str:
        trial.planned_from = self._joints()
        return self._pipeline.plan(trial, trial.planned_from)

    def approve(self, trial: Trial) -> str:
        """Puts on disk what is about to move, then asks."""
        folder = self._log.note(trial)
        self.show(trial)
        if self._assume_yes:
            trial.approved = True
            return "by --yes"
        assert trial.plan is not None
        answer = self._console.ask_key(
            f"Move the {trial.plan.arm} arm? Preview in {folder}.",
            {"y": "move", "n": "skip this scene", "q": "quit"},
        )
        if answer == "q":
            raise KeyboardInterrupt
        age_s = time.monotonic() - trial.seen_s
        if answer == "n":
            trial.end(Outcome.REFUSED, Reason.OPERATOR, "the operator said no")
            return "refused by key"
        if age_s > PLAN_VALID_S:
            trial.end(Outcome.REFUSED, Reason.OPERATOR, f"approved {age_s:.0f} s after the picture: too late")
            return f"too late: the picture is {age_s:.0f} s old and the scene may have changed; nothing moves"
        trial.approved = True
        return "by key"

    def execute(self, trial: Trial) -> str:
        assert trial.plan is not None
        self._require_unmoved(trial)
        trial.pick = pick = Pick()
        arm = self._world.arms[trial.plan.arm]
        with self._motion(arm):
            grasp_and_lift(trial.plan, arm, pick, self._interrupts.should_stop)
        lag_rad = max(report.worst_lag_rad for report in pick.tracking.values())
        final_rad = max(report.final_error_rad for report in pick.tracking.values())
        return f"{arm.name} arm, worst lag {np.rad2deg(lag_rad):.2f}°, settled within {np.rad2deg(final_rad):.2f}°"

    def verify(self, trial: Trial) -> str:
        assert trial.pick is not None
        trial.verification = verification = verify(trial.pick)
        if verification.held:
            trial.end(Outcome.SUCCESS)
        else:
            trial.end(Outcome.FAILURE, verification.reason, verification.detail)
        return f"{'held' if verification.held else verification.reason}: {verification.detail}"

    def clear(self, trial: Trial) -> str:
        assert trial.plan is not None and trial.pick is not None
        arm = self._world.arms[trial.plan.arm]
        with self._motion(arm):
            clear_away(trial.plan, arm, trial.pick, self._interrupts.should_stop)
        return "over the bin, opened, parked"

    def hold(self, trial: Trial) -> str:
        """Tells every arm to stay where it is; an arm that cannot hear is named, the others still hold."""
        deaf = []
        for arm in self._world.arms.values():
            try:
                arm.hold()
            except ArmError as error:
                deaf.append(f"{arm.name}: {error.cause}")
        return f"not reached: {'; '.join(deaf)}" if deaf else "all arms hold"

    def show(self, trial: Trial) -> None:
        """Draws the trial on the live page, where there is one."""
        if self._page is None:
            return
        try:
            joints = self._joints()
        except ArmError:
            joints = {}  # the page shows the arms where they were last heard of
        self._page.show(trial, joints)

    def _require_unmoved(self, trial: Trial) -> None:
        """All arms, the resting one too, still stand where the gate took them to stand."""
        for name, joints_rad in self._joints().items():
            moved_rad = float(np.abs(joints_rad - trial.planned_from[name]).max())
            if not moved_rad <= MOVED_RAD:
                raise ArmError(
                    f"The {name} arm moved {np.rad2deg(moved_rad):.1f}° since the plan was checked; nothing is sent.",
                    "Keep hands off the arms, then start the trial again.",
                )

    @contextmanager
    def _motion(self, arm: Arm) -> Iterator[None]:
        """A stretch in which Ctrl-C means: stop the arm. A wish that came too late for it still ends the trial."""
        self._interrupts.emergency = arm.stop
        try:
            yield
        finally:
            self._interrupts.emergency = None
        if self._interrupts.should_stop():
            raise MotionStopped

    def _joints(self) -> ArmJoints:
        return {name: arm.state().joints_rad for name, arm in self._world.arms.items()}
