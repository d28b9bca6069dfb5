"""What the machine would say of a trial, for a person to confirm."""

from dataclasses import dataclass

from trials.label import FailureReason, LabelledTrial, LabelValue
from trials.record import Outcome, Reason, TrialRecord

#: What a person would most likely call what the machine saw; of the other reasons a person alone can tell.
LIKELY = {
    Reason.NO_GRASP: FailureReason.NO_GRASP,
    Reason.NO_PLAN: FailureReason.UNREACHABLE,
    Reason.TRACKING: FailureReason.TRACKING,
    Reason.EMPTY: FailureReason.EMPTY,
    Reason.SLIP: FailureReason.SLIP_ON_LIFT,
    Reason.OPERATOR: FailureReason.OPERATOR,
    Reason.CAMERA: FailureReason.HARDWARE,
    Reason.ARM: FailureReason.HARDWARE,
    Reason.EQUIPMENT: FailureReason.HARDWARE,
}


@dataclass(frozen=True)
class Suggestion:
    """value, reason: as the machine sees it; reason is None for a success, and where it cannot tell.

    words: what it tells that from, as "held: 50.4 mm, 1.00 N·m".
    """

    value: LabelValue
    reason: FailureReason | None
    words: str

    @property
    def line(self) -> str:
        """As "held: 50.4 mm, 1.00 N·m → success"."""
        return f"{self.words} → {self.value}{f' ({self.reason})' if self.reason else ''}"


def suggest(record: TrialRecord) -> Suggestion:
    """From the gripper's width and effort, or from what ended the trial before."""
    value = LabelledTrial(record).suggested
    reason = None if value is LabelValue.SUCCESS else LIKELY.get(record.reason)
    # In the digital cell the arm's faults are the system's: what they are called elsewhere would be no failure.
    reason = reason if reason and fits(reason, value) else None
    return Suggestion(value, reason, f"{_state(record)}{_measures(record)}")


def doubt(record: TrialRecord, value: LabelValue) -> str:
    """What speaks against a label, for who gives it; empty where nothing does."""
    if value is not LabelValue.SUCCESS or record.outcome not in (Outcome.INTERRUPTED, Outcome.REFUSED):
        return ""
    why = f" ({record.reason})" if record.reason else ""
    return (
        f"trial {record.id} was {record.outcome}{why}, yet counts as a success now: trials undo {record.id} if not so"
    )


def fits(reason: FailureReason, value: LabelValue) -> bool:
    """Whether a trial may be a failure, or invalid, for this reason."""
    return (reason.group == "invalid") is (value is LabelValue.INVALID)


def _state(record: TrialRecord) -> str:
    return "held" if record.verified else str(record.reason or record.outcome or "unfinished")


def _measures(record: TrialRecord) -> str:
    said = [f"{record.width_m * 1000:.1f} mm"] if record.width_m is not None else []
    said += [f"{record.effort_nm:.2f} N·m"] if record.effort_nm is not None else []
    return f": {', '.join(said)}" if said and record.verified is not None else ""
