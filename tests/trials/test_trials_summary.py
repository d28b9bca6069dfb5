"""What a log of trials adds up to."""

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from tests.support.trial_rows import row
from trials.record import Outcome, Reason, TrialRecord
from trials.store import TrialStore
from trials.summary import PAPER, Proportion, counts, summarise


def record(**changes: object) -> TrialRecord:
    return row(**({"outcome": Outcome.SUCCESS} | changes))


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (16, 20), (0, 20), (20, 20), (37, 200)])
def test_intervals_are_wilsons(hits: int, of: int) -> None:
    reference = binomtest(hits, of).proportion_ci(method="wilson")
    assert Proportion(hits, of).interval == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_nothing_counted_says_nothing() -> None:
    assert Proportion(0, 0).rate is None
    assert Proportion(0, 0).interval == (0.0, 1.0)


def test_trials_that_people_or_equipment_ended_do_not_count_but_are_told() -> None:
    log = [
        record(verified=True, simulator_verdict=True),
        record(verified=True, simulator_verdict=False),
        record(outcome=Outcome.FAILURE, reason=Reason.EMPTY, verified=False, simulator_verdict=False),
        record(outcome=Outcome.REFUSED, reason=Reason.NO_GRASP, simulator_verdict=False),
        record(outcome=Outcome.INTERRUPTED, reason=Reason.TRACKING, simulator_verdict=False),
        record(outcome=Outcome.REFUSED, reason=Reason.OPERATOR),
        record(outcome=Outcome.INTERRUPTED, reason=Reason.CRASH),
        record(outcome=None),
        record(surface="diffuse"),
    ]
    diffuse, reflective = summarise(log)
    assert (diffuse.surface, diffuse.success, diffuse.simulated.of) == ("diffuse", Proportion(1, 1), 0)
    assert reflective.success == Proportion(2, 5)
    assert reflective.simulated == Proportion(1, 5)
    assert reflective.agreement == Proportion(2, 3)
    assert reflective.excluded == 3
    assert sum(map(counts, log)) == 6


def attempt(verified: bool | None, simulator_verdict: bool | None) -> dict:
    return {"verified": verified, "simulator_verdict": simulator_verdict}


def test_success_at_the_first_attempt_and_within_all_are_told_apart() -> None:
    second = record(
        attempts=2,
        verified=True,
        simulator_verdict=True,
        first_outcome=Outcome.FAILURE,
        first_simulator_verdict=False,
        notes={"attempts": [attempt(False, False), attempt(True, True)]},
    )
    stopped = record(
        attempts=2,
        outcome=Outcome.INTERRUPTED,
        reason=Reason.OPERATOR,
        first_outcome=Outcome.FAILURE,
        first_simulator_verdict=True,
        simulator_verdict=True,
        notes={"attempts": [attempt(False, True), attempt(None, False)]},
    )
    (summary,) = summarise([record(verified=True, simulator_verdict=True), second, stopped])
    assert (summary.first, summary.first_simulated) == (Proportion(1, 3), Proportion(2, 3))
    assert (summary.success, summary.simulated) == (Proportion(2, 2), Proportion(2, 2))
    assert summary.agreement == Proportion(3, 3)
    assert (summary.attempts, summary.excluded) == (2, 1)


def test_of_several_objects_those_lifted_count_of_those_laid_once_a_scene_has_ended() -> None:
    lifted = record(verified=True, objects=2, scene_key=5, id=1)
    ended = record(verified=True, objects=2, scene_key=5, id=2, notes={"later": {"scene_ended": "empty"}})
    again = record(verified=True, objects=2, scene_key=6, id=3, notes={"later": {"scene_ended": "empty"}})
    (by_machine,) = summarise([lifted, ended, again])
    assert (by_machine.success, by_machine.cleared) == (Proportion(3, 3), Proportion(3, 4))


def test_the_papers_numbers_cover_every_surface() -> None:
    assert all(set(rates) == {"translucent", "reflective", "diffuse"} for rates in PAPER.values())


def test_the_database_counts_as_the_rule_says(log: str) -> None:
    store = TrialStore(log)
    for world in ("hardware", "digital cell"):
        for outcome in Outcome:
            for reason in Reason:
                trial = store.begin(row(world=world))
                store.update(replace(trial, outcome=outcome, reason=reason))
    store.begin(row())
    by_rule = [each.trial.id for each in store.labelled() if counts(each.trial)]
    assert [each.trial.id for each in store.labelled(is_unconfirmed=True)] == by_rule
