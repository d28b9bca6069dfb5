"""After each trial: what it came to, as a person says, or in the digital cell the simulator when nobody is asked."""

from dataclasses import replace

from app.events import LabelChange
from app.labels.suggestion import Suggestion, doubt, fits, suggest
from app.question import Question, Reply
from app.run.operator import Operator
from app.run.trial_log import TrialLog
from core.errors import VitroError
from trials.label import REASON_KEYS, SIMULATOR, FailureReason, Label, LabelValue
from trials.record import Outcome, TrialRecord
from trials.summary import counts

CHOICES = {
    "y": "as suggested",
    "s": "success",
    "f": "failure",
    "i": "invalid",
    "n": "note",
    "u": "undo last",
    "l": "later",
    "q": "quit",
}
_VALUES = {"s": LabelValue.SUCCESS, "f": LabelValue.FAILURE, "i": LabelValue.INVALID}
LATER = "python main.py trials label"


class Labelling:
    """Asks the operator and commits what he says; until then a trial stays unconfirmed, which counts as no success."""

    def __init__(self, operator: Operator, log: TrialLog) -> None:
        self._operator, self._log = operator, log
        self._console = operator.console

    def label(self, record: TrialRecord) -> None:
        """Labels a trial that has ended. One that a person skipped or equipment ended is invalid by rule: nobody is
        asked.

        Raises:
            KeyboardInterrupt: the person quits; the trial stays unconfirmed.
        """
        if not counts(record):
            return
        if not self._operator.assume_yes:
            self.ask(record)
        elif record.simulator_verdict is not None:
            value = LabelValue.SUCCESS if record.simulator_verdict else LabelValue.FAILURE
            own = suggest(record)
            reason = own.reason if value is own.value else None
            self._commit(Label(trial=record.id, value=value, reason=reason, by=SIMULATOR))

    def label_unasked(self, record: TrialRecord) -> None:
        """What a run leaves of a success that it ends with: the simulator's label where it would label, else the way to
        give one, for unconfirmed it counts as a failure."""
        if record.outcome is not Outcome.SUCCESS:
            return
        if self._operator.assume_yes and record.simulator_verdict is not None:
            self.label(record)
        else:
            self._leave(record)

    def ask(self, record: TrialRecord, note: str = "") -> None:
        """Asks until the trial is labelled, or left for later. Raises as `label`."""
        suggestion = suggest(record)
        while True:
            question = _question(record, suggestion, note, self._before(record) is not None)
            reply = self._operator.reply(question)
            note = reply.text or note
            if reply.key == "n":
                note = self._operator.reply(Question("Note:", {}, "note", takes_text=True)).text
            elif reply.key == "u":
                self._undo(record)
            elif reply.key == "l":
                self._leave(record)
                return
            elif (label := self._label(record, suggestion, reply)) is not None:
                self._commit(replace(label, note=note))
                return

    def _leave(self, record: TrialRecord) -> None:
        self._console.say(f"    unconfirmed, a failure until it is: {LATER} {record.id}")

    def _label(self, record: TrialRecord, suggestion: Suggestion, reply: Reply) -> Label | None:
        """What was said, with its reason; None where the person went back instead of giving one."""
        value, reason = _VALUES.get(reply.key, suggestion.value), None
        if value is not LabelValue.SUCCESS:
            reason = suggestion.reason if reply.key == "y" and suggestion.reason else self._reason(value)
            if reason is None:
                return None
        return Label(trial=record.id, value=value, reason=reason, by=self._operator.name)

    def _reason(self, value: LabelValue) -> FailureReason | None:
        keys = {key: reason for key, reason in REASON_KEYS.items() if fits(reason, value)}
        choices = {key: str(reason) for key, reason in keys.items()} | {"-": "back"}
        return keys.get(self._operator.reply(Question(f"Why {value}?", choices, "reason")).key)

    def _before(self, record: TrialRecord) -> int | None:
        """The trial before in this session."""
        return max((id for id in self._log.ids if id < record.id), default=None)

    def _undo(self, record: TrialRecord) -> None:
        """Takes back the label of the trial before in this session and asks for it anew."""
        before = self._before(record)
        if before is None:  # no key says so
            return
        try:
            label = self._log.undo_label(before)
        except VitroError as error:
            self._console.error(error)
            return
        self._console.say(f"    trial {label.trial}: {label.value} by {label.by} taken back")
        self._console.events.tell(LabelChange(label))
        self.ask(self._log.get(label.trial), label.note)

    def _commit(self, label: Label) -> None:
        """A label that the disk does not take is told; the trial stays unconfirmed."""
        try:
            record = self._log.get(label.trial)
            label = self._log.label(label)
        except VitroError as error:
            self._console.error(error)
            return
        self._console.events.tell(LabelChange(label))
        words = [str(label.value), f"({label.reason})" if label.reason else "", f"by {label.by}", label.note]
        self._console.say(f"    trial {label.trial}: {' '.join(filter(None, words))}")
        if against := doubt(record, label.value):
            self._console.say(f"    [yellow]![/] {against}")


def _question(record: TrialRecord, suggestion: Suggestion, note: str, has_before: bool) -> Question:
    """has_before: whether there is a trial before it whose label can be taken back."""
    said = f"{suggestion.line}?{f' Note: {note}.' if note else ''}"
    choices = CHOICES | {"y": f"{CHOICES['y']}: {suggestion.value}"}
    if not has_before:
        del choices["u"]
    return Question(f"Trial {record.id}, {said}", choices, "label", enter="y", trial=record.id)
