"""What a trial came to is what a person said; until he does it is no success, and nothing said is lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.labels.labelling import Labelling
from app.labels.suggestion import fits, suggest
from app.question import PAGE, Question, Reply
from app.run.operator import Operator
from app.run.trial_log import TrialLog
from core.errors import ConfigurationError, StorageError
from tests.support.trial_rows import row
from trials.label import REASON_KEYS, SIMULATOR, FailureReason, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason, TrialRecord
from trials.store import TrialStore

KEY_OF = {reason: key for key, reason in REASON_KEYS.items()}


class Desk:
    """A log of ended trials, and a person whose answers are written down."""

    def __init__(self, folder: Path, assume_yes: bool = False) -> None:
        self.store = TrialStore(folder / "trials.db")
        self.log = TrialLog(self.store)
        self.operator = Operator(Console(is_quiet=True), Interrupts(), assume_yes, "ada")
        self.asked: list[Question] = []

    def ended(self, **facts: object) -> TrialRecord:
        entry = self.log.begin(row())
        return self.store.update(row(id=entry.record.id, uuid=entry.record.uuid, **facts))

    def label(self, trial: TrialRecord, *replies: str | Reply) -> None:
        """Labels with these answers, in this order."""
        left = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]

        def ask(question: Question) -> Reply:
            self.asked.append(question)
            reply = left.pop(0)
            return Reply(question.enter, reply.by) if reply.key == "\n" else reply

        self.operator.console.ask = ask  # type: ignore[method-assign]
        Labelling(self.operator, self.log).label(trial)
        assert not left

    def said(self, trial: TrialRecord) -> tuple:
        """Value, reason, note and author of the label that counts."""
        (labelled,) = [one for one in self.store.labelled() if one.trial.id == trial.id]
        label = labelled.label
        return (label.value, label.reason, label.note, label.by) if label else ()


HELD = {"outcome": Outcome.SUCCESS, "verified": True, "width_m": 0.0504, "effort_nm": 1.0}
EMPTY = {"outcome": Outcome.FAILURE, "reason": Reason.EMPTY, "verified": False, "width_m": 0.001, "effort_nm": 0.02}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_enter_confirms_what_width_and_effort_say(desk: Desk) -> None:
    held, empty = desk.ended(**HELD), desk.ended(**EMPTY)
    desk.label(held, "\n")
    desk.label(empty, "y")
    assert desk.said(held) == (LabelValue.SUCCESS, None, "", "ada")
    assert [asked.choices["y"] for asked in desk.asked] == ["as suggested: success", "as suggested: failure"]
    assert desk.said(empty) == (LabelValue.FAILURE, FailureReason.EMPTY, "", "ada")
    assert "held: 50.4 mm, 1.00 N·m → success?" in desk.asked[0].text
    assert "empty grasp: 1.0 mm, 0.02 N·m → failure (contact: empty)?" in desk.asked[1].text


@pytest.mark.parametrize("reason", FailureReason)
def test_every_reason_is_one_key_after_failure_or_invalid(desk: Desk, reason: FailureReason) -> None:
    trial, is_invalid = desk.ended(**HELD), reason.group == "invalid"
    desk.label(trial, "i" if is_invalid else "f", KEY_OF[reason])
    assert desk.said(trial) == (LabelValue.INVALID if is_invalid else LabelValue.FAILURE, reason, "", "ada")
    assert set(desk.asked[1].choices.values()) - {"back"} == {
        str(one) for one in FailureReason if (one.group == "invalid") == is_invalid
    }


def test_a_note_stays_with_the_label_whichever_way_it_was_written(desk: Desk) -> None:
    first, second = desk.ended(**HELD), desk.ended(**HELD)
    desk.label(first, "n", Reply("", text="wobbled"), "s")
    desk.label(second, Reply("f", PAGE, "slid"), "-", Reply("f", PAGE), KEY_OF[FailureReason.BROKE])
    assert desk.said(first)[2] == "wobbled" and "Note: wobbled" in desk.asked[2].text
    assert desk.said(second) == (LabelValue.FAILURE, FailureReason.BROKE, "slid", "ada")


def test_undo_takes_back_the_label_before_and_asks_for_both(desk: Desk) -> None:
    first, second = desk.ended(**HELD), desk.ended(**HELD)
    desk.label(first, "s")
    desk.label(second, "u", "f", KEY_OF[FailureReason.SLIP_ON_LIFT], "s")
    assert desk.said(first)[:2] == (LabelValue.FAILURE, FailureReason.SLIP_ON_LIFT)
    assert desk.said(second)[0] is LabelValue.SUCCESS
    history = desk.store.labels(first.id)
    assert [(one.value, one.undone is None) for one in history] == [("success", False), ("failure", True)]


def test_undo_of_what_is_not_there_asks_again(desk: Desk) -> None:
    first, second = desk.ended(**HELD), desk.ended(**HELD)
    desk.label(first, "l")
    assert "u" not in desk.asked[-1].choices  # nothing came before
    desk.label(second, "u", "s")
    assert desk.said(first) == () and desk.said(second)[0] is LabelValue.SUCCESS


@pytest.mark.parametrize("key", ["l", "q"])
def test_what_is_left_for_later_stays_unconfirmed_and_is_no_success(desk: Desk, key: str) -> None:
    trial = desk.ended(**HELD)
    if key == "q":
        with pytest.raises(KeyboardInterrupt):
            desk.label(trial, key)
    else:
        desk.label(trial, key)
    (labelled,) = desk.store.labelled()
    assert not labelled.is_confirmed and labelled.value is LabelValue.FAILURE


@pytest.mark.parametrize("world", [DIGITAL_CELL, "hardware"])
@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("reason", Reason)
def test_what_is_suggested_could_be_chosen_too(world: str, outcome: Outcome, reason: Reason) -> None:
    suggestion = suggest(row(world=world, outcome=outcome, reason=reason))
    assert suggestion.reason is None or fits(suggestion.reason, suggestion.value)


def test_a_fault_of_an_arm_is_hardware_only_where_there_is_some() -> None:
    fault = row(world="hardware", outcome=Outcome.INTERRUPTED, reason=Reason.ARM)
    real, digital = suggest(fault), suggest(replace(fault, world=DIGITAL_CELL))
    assert (real.value, real.reason) == (LabelValue.INVALID, FailureReason.HARDWARE)
    assert (digital.value, digital.reason) == (LabelValue.FAILURE, None)


@pytest.mark.parametrize("reason", [Reason.OPERATOR, Reason.CAMERA, Reason.EQUIPMENT])
def test_nobody_is_asked_about_what_says_nothing_of_the_system(desk: Desk, reason: Reason) -> None:
    trial = desk.ended(outcome=Outcome.REFUSED, reason=reason)
    desk.label(trial)
    assert desk.said(trial) == () and suggest(trial).value is LabelValue.INVALID


@pytest.mark.parametrize(("verdict", "said"), [(True, "success"), (False, "failure"), (None, None)])
def test_with_yes_the_simulator_labels_and_where_there_is_none_nobody_does(
    tmp_path: Path, verdict: bool | None, said: str | None
) -> None:
    desk = Desk(tmp_path, assume_yes=True)
    trial = desk.ended(**HELD, simulator_verdict=verdict)
    desk.label(trial)
    assert not desk.asked
    assert desk.said(trial) == ((said, None, "", SIMULATOR) if said else ())


def test_nobody_labels_in_the_simulators_name() -> None:
    with pytest.raises(ConfigurationError, match="simulator"):
        Operator(Console(is_quiet=True), Interrupts(), name="simulator")


def test_a_disk_that_takes_no_label_is_told_and_the_session_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def full(*_: object) -> None:
        raise StorageError("The log cannot grow: the disk is full.", "Free space.")

    trial = desk.ended(**HELD)
    desk.operator.console.events.add(told.append)
    with monkeypatch.context() as patch:
        patch.setattr(TrialStore, "label", full)
        desk.label(trial, "s")
    assert "disk is full" in told[0].cause  # type: ignore[attr-defined]
    assert desk.said(trial) == ()
