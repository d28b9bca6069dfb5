"""The person at the cell, who lays scenes, approves motions and stops them."""

import getpass
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.console import Console
from app.events import MotionBegin, MotionEnd
from app.interrupts import Interrupts
from app.page.live_page import LivePage
from app.question import Question, Reply
from app.run.look import PLAN_VALID_S
from core.errors import ArmError, ConfigurationError
from grasping.execution import MotionStopped
from hardware.arms.arm import Arm
from trials.label import SIMULATOR

_STOPPING = "stopping along the path, then holding; once more is an EMERGENCY STOP, in which an arm sinks"


@dataclass(frozen=True)
class Approval:
    """Whether a plan may be carried out; line: for the console; refusal: for the log, why not."""

    given: bool
    line: str
    refusal: str = ""


@dataclass
class Operator:
    """Asked by the console and the page, heard by Ctrl-C. assume_yes: whatever passed the gate is approved, and nobody
    is asked what a trial came to. name: who labels, by default the login name. skips_arm_check: has arms move that
    were not compared with the picture."""

    console: Console
    interrupts: Interrupts
    assume_yes: bool = False
    name: str = ""
    page: LivePage | None = None
    skips_arm_check: bool = False

    def __post_init__(self) -> None:
        self.name = self.name.strip() or _login_name()
        if self.name == SIMULATOR:
            raise ConfigurationError(f"{SIMULATOR!r} labels trials itself.", "Choose another name with --operator.")

    def await_scene(self) -> None:
        """Nothing begins before the person's hands are out of a real cell, whatever else is approved.

        Raises:
            KeyboardInterrupt: he quits.
        """
        self.ask("Lay the scene, the bin empty, hands out of the cell.", {"y": "ready", "q": "quit"}, "scene")

    def approve(
        self, arm: str, folder: Path, checked_s: float, beside: str = "", shown: Sequence[Sequence[str]] = ()
    ) -> Approval:
        """Whether the arm may move, and with it the one `beside` that carries an object to the bin.

        Args:
            shown: the arms that show themselves to the camera before: those at once, one after the other.
            folder: where the trial's pictures are.
            checked_s: when (time.monotonic) the gate checked the plan.

        Raises:
            KeyboardInterrupt: the person quits.
        """
        if self.assume_yes:
            return Approval(True, "by --yes")
        no = f"{arm} waits, {beside} carries alone" if beside else "skip this scene"
        choices = {"y": "move", "n": no, "q": "quit"}
        while_ = f", while the {beside} one carries to the bin" if beside else ""
        first = f"First {_showing(shown)} to the camera, high above the table. " if shown else ""
        text = f"Move the {arm} arm{while_}? {first}Preview in {folder}."
        reply = self.reply(Question(text, choices, "approve"))
        age_s = time.monotonic() - checked_s
        if reply.key != "y":
            return Approval(False, f"refused by {reply.by}", "the operator said no")
        if age_s > PLAN_VALID_S:
            line = f"too late: the plan is {age_s:.0f} s old; nothing moves"
            return Approval(False, line, f"approved {age_s:.0f} s after the plan: too late")
        return Approval(True, f"by {reply.by}")

    @contextmanager
    def motion(self, *arms: Arm) -> Iterator[None]:
        """A stretch in which Ctrl-C means: stop these arms.

        Raises:
            MotionStopped: a wish that came too late for the last motion still ends the trial.
        """
        events, names = self.console.events, " and ".join(arm.name for arm in arms)
        self.interrupts.emergency = lambda: _stop_all(arms)
        self.interrupts.acknowledge = lambda: self.console.say(f"    [yellow]![/] {_STOPPING}")
        try:
            events.tell(MotionBegin(names))
            yield
        finally:
            self.interrupts.emergency = self.interrupts.acknowledge = None
            events.tell(MotionEnd(names))
        if self.interrupts.should_stop():
            raise MotionStopped

    def ask(self, question: str, choices: dict[str, str], subject: str = "") -> str:
        """The key that was given as an answer; raises as `reply`."""
        return self.reply(Question(question, choices, subject)).key

    def reply(self, question: Question) -> Reply:
        """The first answer, by key or on the page; `q` quits.

        Raises:
            KeyboardInterrupt: it was `q`.
        """
        reply = self.console.ask(question)
        if reply.key == "q":
            raise KeyboardInterrupt
        return reply


def _showing(arms: Sequence[Sequence[str]]) -> str:
    """In words: which arms show themselves, all of a group at once."""
    if len(arms) == len(arms[0]) == 1:
        return f"the {arms[0][0]} arm shows itself"
    groups = [f"the {' and the '.join(group)} arm{' at once' if len(group) > 1 else ''}" for group in arms]
    return f"{', then '.join(groups)} show themselves"


def _stop_all(arms: Sequence[Arm]) -> None:
    """One that cannot hear leaves no other unstopped."""
    deaf: list[ArmError] = []
    for arm in arms:
        try:
            arm.stop()
        except ArmError as error:
            deaf.append(error)
    if deaf:
        raise deaf[0]


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user of no name
        return "operator"
