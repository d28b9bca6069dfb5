"""What a session tells of itself as it goes, to whoever listens: the operator's page, a trial's recording."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.question import Question, Reply
    from app.run.trial import Trial
    from calibration.hand_eye import BoardView
    from calibration.result import CellCalibration
    from core.errors import VitroError
    from hardware.arms.trajectory import JointTrajectory
    from trials.label import Label
    from trials.record import TrialRecord

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageBegin:
    name: str


@dataclass(frozen=True)
class StageEnd:
    """seconds: of wall clock. detail: the line that the console shows, empty where it failed."""

    name: str
    seconds: float
    detail: str
    failed: bool = False


@dataclass(frozen=True)
class ErrorTold:
    """A failure as people are told it."""

    cause: str
    remedy: str


@dataclass(frozen=True)
class QuestionOpen:
    question: "Question"


@dataclass(frozen=True)
class QuestionEnd:
    """answer: None where nobody gave one: the asking was broken off."""

    question: "Question"
    answer: "Reply | None"


@dataclass(frozen=True)
class Explanation:
    """A word for who sees a trial for the first time. about: the stage, or the thing, that it explains."""

    about: str
    text: str


@dataclass(frozen=True)
class PictureTold:
    """A picture (H, W, 3) uint8 to be looked at now, besides those of a trial's stages."""

    title: str
    picture: "NDArray[np.uint8]"


@dataclass(frozen=True)
class SessionProgress:
    """How far a session or campaign has come. text: as "trial 2 of 6", with whatever else tells where one is.
    is_practice: nothing of it is kept."""

    text: str
    done: int
    of: int
    is_practice: bool = False


@dataclass(frozen=True)
class TrialBegin:
    """A trial whose row is on disk; what is told from here on is of it, though one before may still carry its object
    away. folder: where its files will lie. estimator_shown: what people are shown for the
    estimator's name, where it is not to be known yet."""

    record: "TrialRecord"
    folder: Path
    estimator_shown: str = ""


@dataclass(frozen=True)
class TrialChange:
    """What is known of the trial by now: told whenever a stage has added to it."""

    trial: "Trial"


@dataclass(frozen=True)
class MotionBegin:
    """From here to `MotionEnd` the arm of this name may move; of two that move at once: "left and right"."""

    arm: str


@dataclass(frozen=True)
class MotionEnd:
    arm: str


@dataclass(frozen=True)
class PhaseBegin:
    """A motion of a plan is sent from here on. phase: a `Phase`."""

    arm: str
    phase: str


@dataclass(frozen=True)
class TrialEnd:
    """The row is complete. record: as it is on disk."""

    record: "TrialRecord"


@dataclass(frozen=True)
class MoveProposed:
    """A motion that the gate passed and that awaits approval. has_board: the arm's hand holds the calibration's."""

    arm: str
    motion: "JointTrajectory"
    has_board: bool


@dataclass(frozen=True)
class BoardLook:
    """A picture (H, W, 3) uint8 of the board in a hand, to be a view of it or to be refused."""

    arm: str
    color: "NDArray[np.uint8]"


@dataclass(frozen=True)
class ViewRefused:
    """A proposed view that was not reached, or of which nothing was kept, and why."""

    arm: str
    refusal: "VitroError"


@dataclass(frozen=True)
class ViewsChange:
    """The views of an arm that are kept by now, of so many wanted."""

    arm: str
    views: tuple["BoardView", ...]
    wanted: int


@dataclass(frozen=True)
class CalibrationSolved:
    """What the views came to, its touch test done where nothing forbids it. accepted: None: that is asked still.

    report: the page for the lab book, empty where none was written.
    """

    calibration: "CellCalibration"
    accepted: bool | None = None
    report: Path | None = None


@dataclass(frozen=True)
class CampaignEnd:
    """The campaign of this id has reached its budget: its results may be seen."""

    campaign: int


@dataclass(frozen=True)
class LabelChange:
    """A label was given (`undone` None) or taken back."""

    label: "Label"


Event = (
    StageBegin
    | StageEnd
    | ErrorTold
    | QuestionOpen
    | QuestionEnd
    | Explanation
    | PictureTold
    | SessionProgress
    | TrialBegin
    | TrialChange
    | MotionBegin
    | MotionEnd
    | PhaseBegin
    | TrialEnd
    | LabelChange
    | CampaignEnd
    | MoveProposed
    | BoardLook
    | ViewRefused
    | ViewsChange
    | CalibrationSolved
)
Listener = Callable[[Event], None]


class Events:
    """Passes what happens to every listener, in order, on the thread on which it happens: a listener must be quick."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Does nothing where it does not listen."""
        self._listeners = [one for one in self._listeners if one != listener]

    def tell(self, event: Event) -> None:
        """A listener that fails hears no more: what an arm does depends on none of them."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _log.exception("a listener failed and hears no more")
                self.remove(listener)
