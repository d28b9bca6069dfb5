"""A table is cleared until nothing is left, or until it does not get better."""

from pathlib import Path

import pytest

from app.clear_table import clear_table, cycle_s, summarise_clearing
from app.console import Console
from app.run.live_trial import LiveTrial
from app.run.options import ClearOptions
from core.errors import ArmError
from grasping.execution import Execution, Lift
from tests.support.quick_cell import QuickCell
from tests.support.trial_rows import row
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.store import TrialStore


class Told(Console):
    """Keeps its result."""

    def __init__(self) -> None:
        super().__init__(is_quiet=True)
        self.told: dict = {}

    def result(self, value: dict) -> None:
        self.told = value


@pytest.mark.slow
def test_every_object_goes_into_the_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    console, cells = Told(), []

    def open_world(cell, _, seed):
        cells.append(QuickCell(cell, seed))
        return cells[0]

    options = ClearOptions(
        surface="diffuse", estimator="oracle", camera="sim", objects=2, seed=21, yes=True, headless=True
    )
    assert clear_table(options, console, open_world) == 0
    cleared = console.told["clearing"]
    assert (cleared["laid"], cleared["left"], cleared["cleared"], cleared["ended"]) == (2, 0, 2, "empty")
    assert cleared["picks"] == 2 and cleared["picks_per_hour"] > 0
    assert cells[0]._physics.objects_left() == 0
    with TrialStore(tmp_path / "trials.db") as store:
        rows = store.list()
    assert [one.pick for one in rows] == [1, 2]
    # What the arm moved takes the cell's time, several seconds, however fast it was simulated.
    assert all(one.notes["motion_s"] > 4 for one in rows)


@pytest.mark.slow
@pytest.mark.parametrize("ends", [KeyboardInterrupt(), ArmError("The left arm is silent.", "Power it.")])
def test_what_was_picked_is_told_whatever_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: BaseException
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    console, lift, begun = Told(), LiveTrial._lift, []

    def stop_in_the_second(live: LiveTrial, execution: Execution) -> Lift:
        begun.append(live)
        if len(begun) == 2:
            raise ends
        return lift(live, execution)

    monkeypatch.setattr(LiveTrial, "_lift", stop_in_the_second)
    options = ClearOptions(
        surface="diffuse", estimator="oracle", camera="sim", objects=2, seed=21, yes=True, headless=True
    )
    with pytest.raises(type(ends)):
        clear_table(options, console, lambda cell, _, seed: QuickCell(cell, seed))
    cleared = console.told["clearing"]
    assert (cleared["lifted"], cleared["picks"], cleared["left"], cleared["still_seen"]) == (1, 2, 1, 1)
    (pick,) = cleared["not_picked"]
    assert pick["trial"] == console.told["trials"][-1] and pick["reason"]


def test_why_the_last_picks_lifted_nothing_is_told_and_a_look_at_an_empty_table_is_no_pick() -> None:
    lifted = row(outcome=Outcome.SUCCESS, id=1, notes={"objects_seen": 2})
    failed = row(outcome=Outcome.REFUSED, id=2, reason=Reason.NO_PLAN, detail="Too far.", notes={"objects_seen": 1})
    cleared = summarise_clearing([lifted, failed], laid=None, left=None)
    assert cleared.still_seen == 1
    assert cleared.not_picked == ({"trial": 2, "reason": Reason.NO_PLAN, "detail": "Too far."},)
    look = row(outcome=Outcome.REFUSED, id=2, reason=Reason.TABLE_EMPTY, notes={"objects_seen": 0})
    cleared = summarise_clearing([lifted, look], laid=None, left=None)
    assert (cleared.picks, cleared.attempts, cleared.still_seen, cleared.not_picked) == (1, 1, 0, ())


def test_the_pace_counts_motion_and_thought_of_every_attempt() -> None:
    stages = {"capture": 4.0, "estimate": 1.0, "plan": 0.5, "execute": 9.0}
    notes = {"attempts": [{"motion_s": 6.0}, {"motion_s": 8.0}], "motion_s": 8.0}
    twice = row(stages_s=stages, notes=notes, world=DIGITAL_CELL, attempts=2)
    assert cycle_s(twice) == pytest.approx(15.5)
    assert cycle_s(row(stages_s=stages, notes={"motion_s": 6.0}, world="hardware")) == pytest.approx(11.5)


def test_what_fell_off_or_was_never_lifted_is_not_cleared() -> None:
    lifted = row(outcome=Outcome.SUCCESS, simulator_verdict=True, notes={"motion_s": 8.5}, world=DIGITAL_CELL)
    lost = row(outcome=Outcome.FAILURE, reason=Reason.SLIP, simulator_verdict=False, notes={"motion_s": 8.5})
    cleared = summarise_clearing([lifted, lost], laid=3, left=1)
    assert (cleared.cleared, cleared.lifted, cleared.left) == (1, 1, 1)
    assert cleared.picks_per_hour == pytest.approx(3600 / 17)
    # One that was lifted and fell out of the bin again is on the table still.
    assert summarise_clearing([lifted, lifted], laid=2, left=1).cleared == 1
    assert summarise_clearing([lifted], laid=None, left=None).cleared == 1
