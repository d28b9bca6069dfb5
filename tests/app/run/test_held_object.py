"""What the log tells of a hand whose effort reads low: it opens in the air for nobody who is not there to catch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.run.held_object import empty_hands
from app.run.operator import Operator
from app.run.trial_log import TrialLog
from core.errors import ArmError
from hardware.arms.arm import ArmState
from hardware.robot.description import PARK_JOINTS
from tests.support.trial_rows import row
from trials.record import Outcome, Reason, TrialRecord
from trials.store import TrialStore

OPERATOR = Operator(Console(is_quiet=True), Interrupts(), assume_yes=True)


class WeakHand:
    """Fingers 30 mm apart that report to press on nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def state(self) -> ArmState:
        return ArmState(PARK_JOINTS, 0.03, 0.0, enabled=True, stopped=False, faults=(), stamp_s=0.0)

    def grip(self, width_m: float, force_n: float) -> ArmState:
        raise AssertionError("it opened in the air")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TrialStore]:
    with TrialStore(tmp_path / "trials.db") as store:
        yield store


def log(store: TrialStore, arm: str, outcome: Outcome, stages_s=None, **notes) -> TrialRecord:
    begun = store.begin(row(cell="lab", world="hardware"))
    reason = Reason.NONE if outcome is Outcome.SUCCESS else Reason.ARM
    ended = replace(
        begun, outcome=outcome, reason=reason, stages_s=stages_s or {}, notes={"plan": {"arm": arm}} | notes
    )
    return store.update(ended)


def begin(store: TrialStore, hands: tuple[str, ...] = ("left", "right")) -> None:
    world = SimpleNamespace(is_real=True, arms={name: WeakHand(name) for name in hands})
    empty_hands(world, OPERATOR, dict.fromkeys(hands, 0.07), TrialLog(store).newest("lab", "hardware"))  # type: ignore[arg-type]


def test_a_hand_that_carried_while_the_other_reached_is_asked_about_too(store: TrialStore) -> None:
    carrying = log(store, "left", Outcome.SUCCESS, faults=["clear: the right arm's feedback is lost"])
    log(store, "right", Outcome.INTERRUPTED, overlap={"reached_beside": carrying.id})
    for hand in ("left", "right"):
        with pytest.raises(ArmError, match=f"{hand} gripper may hold something"):
            begin(store, (hand,))


def test_a_process_that_died_on_the_way_to_the_bin_leaves_a_hand_that_is_asked_about(store: TrialStore) -> None:
    log(store, "left", Outcome.SUCCESS)
    with pytest.raises(ArmError, match="left gripper may hold something"):
        begin(store)


def test_nobody_is_asked_about_what_was_let_go_of(store: TrialStore) -> None:
    log(store, "left", Outcome.INTERRUPTED)  # whose object a person took before the next
    log(store, "left", Outcome.SUCCESS, {"clear": 4.0})
    begin(store)
