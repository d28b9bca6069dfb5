"""Rows whose notes somebody edited by hand are counted by what else they say."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from tests.support.drawn.campaigns import add
from tests.support.trial_rows import TrialError, TrialStore, sql
from trials.arrays.blocks import read_arrays
from trials.report.counting import CountedTrials
from trials.report.label_summary import summarise_counted
from trials.summary import summarise

SAID = (None, False, True)
#: What tells of no attempts.
NOTES = (
    '{"attempts": "x"}',
    '{"attempts": null}',
    '{"attempts": 3}',
    '{"attempts": {"verified": true}}',
    '{"attempts": []}',
    '{"later": "x"}',
    "[]",
    "3",
    "null",
)
ATTEMPT = '{"verified": true, "simulator_verdict": true}'


@pytest.fixture
def store(log: str) -> Iterator[TrialStore]:
    """A log of trials of two attempts, of whatever both may say of the last."""
    with TrialStore(log) as opened:
        for own, seen in product(SAID, SAID):
            add(opened, attempts=2, objects=3, verified=own, simulator_verdict=seen)
        yield opened


def edit(log: str, notes: str, trial: int | None = None) -> None:
    where = "" if trial is None else f" WHERE id = {trial}"
    sql(log, f"UPDATE trials SET notes = ?{where}", notes)


@pytest.mark.parametrize("notes", [*NOTES, "{oops", ""])
def test_notes_that_tell_of_no_attempts_leave_the_rows_verdicts(store: TrialStore, log: str, notes: str) -> None:
    rows = store.list()
    if "://" in log and notes not in NOTES:
        pytest.skip("a server takes nothing but JSON")
    edit(log, notes)
    found = read_arrays(store)
    said = [(row.verified, row.simulator_verdict) for row in rows]
    assert found.judged.tolist() == [None not in both for both in said]
    assert found.agreed.tolist() == [None not in both and both[0] == both[1] for both in said]
    assert not found.ended.any()
    assert [one.agreement for one in summarise_counted(CountedTrials(found))] == [
        one.agreement for one in summarise(replace(row, notes={}) for row in rows)
    ]


def test_of_a_list_what_is_no_attempt_says_nothing(store: TrialStore, log: str) -> None:
    edit(log, f'{{"attempts": [1, "x", null, [2], {{}}, {ATTEMPT}]}}')
    found = read_arrays(store)
    assert set(found.judged.tolist()) == set(found.agreed.tolist()) == {1}


def test_one_row_that_cannot_be_read_leaves_the_others_as_they_are_and_is_named(store: TrialStore, log: str) -> None:
    edit(log, f'{{"attempts": [{ATTEMPT}, {ATTEMPT}], "later": {{"scene_ended": "empty"}}}}')
    damaged = store.list()[4].id
    edit(log, '{"attempts": "x"}' if "://" in log else "{oops", damaged)
    found = read_arrays(store)
    others = found.ids != damaged
    assert (found.judged[others] == 2).all() and found.ended[others].all() and not found.ended[~others].any()
    with pytest.raises(TrialError, match=f"Trial {damaged} in"):
        list(store.each_labelled())
