"""`python main.py trials label|undo`: what a trial came to, said afterwards."""

import sys

from app.console import Console
from app.interrupts import Interrupts
from app.labels.labelling import Labelling
from app.labels.suggestion import doubt, fits, suggest
from app.paths import trial_log
from app.run.operator import Operator
from app.run.trial_log import TrialLog
from app.trials.options import LabelOptions, UndoOptions
from app.trials.tables import label_words
from core.errors import ConfigurationError
from trials.label import REASON_KEYS, FailureReason, Label, LabelledTrial, LabelValue
from trials.record import TrialRecord
from trials.store import TrialStore


def label_trial(options: LabelOptions) -> int:
    """Raises:
    ConfigurationError: options that contradict each other, or nobody at a terminal to ask.
    TrialError: there is no such trial, or it runs still.
    """
    console = Console(options.as_json)
    with TrialStore(trial_log()) as store, Interrupts() as interrupts:
        operator = Operator(console, interrupts, name=options.by)
        record = store.get(options.id)
        value = _value(options)
        if value is not None:
            reason = _reason(options.reason, value, record)
            store.label(Label(trial=record.id, value=value, reason=reason, note=options.note, by=operator.name))
            if against := doubt(record, value):
                console.say(f"  [yellow]![/] {against}")
        else:
            store.demand_ended(record)
            _demand_somebody()
            Labelling(operator, TrialLog(store)).ask(record, options.note)
        known = _tell(console, store, record)
    console.result({"trial": record.id, "label": known.label, "value": known.value})
    return 0


def undo_label(options: UndoOptions) -> int:
    """Raises a TrialError where there is no such trial, or no label of it stands."""
    console = Console(options.as_json)
    with TrialStore(trial_log()) as store:
        undone = store.undo(options.id, Operator(console, Interrupts(), name=options.by).name)
        console.say(f"  taken back: trial {undone.trial}, {undone.value} by {undone.by or 'nobody'}")
        known = _tell(console, store, store.get(undone.trial))
    console.result({"undone": undone, "trial": undone.trial, "label": known.label, "value": known.value})
    return 0


def _tell(console: Console, store: TrialStore, record: TrialRecord) -> LabelledTrial:
    standing = [label for label in store.labels(record.id) if label.undone is None]
    known = LabelledTrial(record, standing[-1] if standing else None)
    console.say(f"  trial {record.id}: {label_words(known)}; counts as {known.value}")
    campaign = next((one for one in store.campaigns() if one.id == record.campaign), None)
    if campaign is not None and known.is_called_invalid and (campaign.finished or campaign.looks):
        console.say(
            f"  [yellow]![/] the results of {campaign.name} could be seen before: laid again, this scene makes the "
            "campaign exploratory; undo takes the label back"
        )
    return known


def _demand_somebody() -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "Nobody can be asked what the trial came to: standard input is not a terminal.",
            "Say it: --success, --failure --reason KEY, or --invalid --reason KEY.",
        )


def _value(options: LabelOptions) -> LabelValue | None:
    """What the options say; None where they say nothing, so that a person is asked."""
    said = [value for value in LabelValue if getattr(options, value.value)]
    if len(said) > 1:
        raise ConfigurationError(f"A trial is not {' and '.join(said)} at once.", "Give one of them.")
    if not said and options.reason:
        raise ConfigurationError("--reason alone says nothing of the trial.", "Add --failure or --invalid.")
    return said[0] if said else None


def _reason(text: str, value: LabelValue, record: TrialRecord) -> FailureReason | None:
    """The reason of a key or a name; without either the machine's own, where that fits.

    Raises:
        ConfigurationError: it names none or several, or none that fits.
    """
    own = suggest(record)
    if not text and (value is LabelValue.SUCCESS or (value is own.value and own.reason)):
        return None if value is LabelValue.SUCCESS else own.reason
    choices = {key: reason for key, reason in REASON_KEYS.items() if fits(reason, value)}
    wanted = text.strip().lower()
    found = [choices[wanted]] if wanted in choices else [each for each in choices.values() if _is_called(each, wanted)]
    if value is LabelValue.SUCCESS or len(found) != 1:
        known = ", ".join(f"{key} = {reason}" for key, reason in choices.items())
        if value is LabelValue.SUCCESS:
            raise ConfigurationError("A success has no reason.", "Leave --reason out.")
        cause = f"--reason {text!r} names no one reason." if text else f"Why trial {record.id} is {value} is not said."
        raise ConfigurationError(cause, f"Add --reason with one of: {known}.")
    return found[0]


def _is_called(reason: FailureReason, wanted: str) -> bool:
    return wanted in (reason.value.lower(), reason.value.lower().partition(": ")[2], reason.name.lower())
