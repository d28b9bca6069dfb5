"""What a person (or, in the digital cell, the simulator) says a trial came to."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from trials.record import Outcome, TrialRecord

#: Who labels in the digital cell when nobody is asked.
SIMULATOR = "simulator"


class LabelValue(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    INVALID = "invalid"  # says nothing about the system: kept, shown, left out of every rate by this rule


class FailureReason(StrEnum):
    """Why a trial failed or is invalid, in a person's judgement; the value begins with its group."""

    MISSED = "perception: missed"
    HALLUCINATED = "perception: hallucinated"
    DEPTH_BIAS = "perception: depth bias"
    WRONG_MASK = "perception: wrong mask"
    NO_GRASP = "grasp: none"
    BAD_POSE = "grasp: bad pose"
    UNREACHABLE = "planning: IK"
    PLANNED_COLLISION = "planning: collision"
    TIMEOUT = "planning: timeout"
    COLLISION = "execution: collision"
    TRACKING = "execution: tracking"
    EMERGENCY_STOP = "execution: e-stop"
    EMPTY = "contact: empty"
    SLIP_ON_CLOSE = "contact: slip on close"
    SLIP_ON_LIFT = "contact: slip on lift"
    BROKE = "contact: broke"
    SETUP = "invalid: setup"
    OPERATOR = "invalid: operator"
    HARDWARE = "invalid: hardware"

    @property
    def group(self) -> str:
        return self.value.partition(":")[0]


#: One key each, at the terminal and on the page, in the order of `FailureReason`.
REASON_KEYS = dict(zip("mhdwgpkctxrealibsoz", FailureReason, strict=True))


@dataclass(frozen=True, kw_only=True)
class Label:
    """One row of the labels' history; the newest of a trial that is not `undone` counts. Rows are never deleted.

    by: an operator's name, or `simulator`. undone: when it was taken back, None while it stands.
    """

    id: int = 0
    trial: int
    value: LabelValue
    reason: FailureReason | None = None
    note: str = ""
    by: str = ""
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    undone: datetime | None = None


@dataclass(frozen=True)
class LabelledTrial:
    """A trial with the label that counts, None while nobody has confirmed anything."""

    trial: TrialRecord
    label: Label | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.label is not None

    @property
    def is_called_invalid(self) -> bool:
        """Whether a label says so; the rule may without one."""
        return self.label is not None and self.label.value is LabelValue.INVALID

    @property
    def suggested(self) -> LabelValue:
        """What width and effort, or the reason of an early end, speak for."""
        from trials.summary import counts

        if self.trial.outcome is Outcome.SUCCESS:
            return LabelValue.SUCCESS
        return LabelValue.FAILURE if counts(self.trial) else LabelValue.INVALID

    @property
    def value(self) -> LabelValue:
        """What the trial counts as: its label; unconfirmed, a failure, unless the rule leaves it out."""
        if self.label is not None:
            return self.label.value
        return LabelValue.INVALID if self.suggested is LabelValue.INVALID else LabelValue.FAILURE

    @property
    def counts(self) -> bool:
        return self.value is not LabelValue.INVALID

    @property
    def is_success(self) -> bool:
        return self.value is LabelValue.SUCCESS

    @property
    def cause(self) -> str:
        """Why it failed or does not count: the label's reason, else the machine's; empty for a success."""
        if self.is_success:
            return ""
        return str((self.label.reason if self.label and self.label.reason else self.trial.reason) or "unconfirmed")
