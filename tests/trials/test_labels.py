"""What people say of a trial: the newest label that stands counts, and the history keeps every one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from core.errors import TrialError
from tests.support.logs.postgres import new_database
from tests.support.trial_rows import begin, finish, sql
from trials.label import SIMULATOR, FailureReason, Label, LabelValue
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore


@pytest.fixture
def store(log: str) -> TrialStore:
    return TrialStore(log)


def ended(store: TrialStore, outcome: Outcome = Outcome.SUCCESS) -> int:
    return finish(store, begin(store), outcome).id


def say(store: TrialStore, trial: int, value: LabelValue, **more: object) -> Label:
    return store.label(Label(trial=trial, value=value, by="ada", **more))


def value_of(store: TrialStore, trial: int) -> LabelValue:
    return next(labelled.value for labelled in store.labelled() if labelled.trial.id == trial)


def test_a_trial_counts_as_a_failure_until_somebody_confirms_it(store: TrialStore) -> None:
    trial = ended(store)
    (before,) = store.labelled()
    assert (before.is_confirmed, before.suggested, before.value) == (False, LabelValue.SUCCESS, LabelValue.FAILURE)
    say(store, trial, LabelValue.SUCCESS)
    (after,) = store.labelled()
    assert (after.is_confirmed, after.value) == (True, LabelValue.SUCCESS)


def test_relabelling_appends_and_undoing_steps_back_through_the_history(store: TrialStore) -> None:
    trial = ended(store)
    first = say(store, trial, LabelValue.SUCCESS)
    second = say(store, trial, LabelValue.FAILURE, reason=FailureReason.SLIP_ON_LIFT, note="slid out")
    assert value_of(store, trial) is LabelValue.FAILURE
    taken_back = store.undo(trial)
    assert taken_back.id == second.id and taken_back.undone is not None
    assert value_of(store, trial) is LabelValue.SUCCESS
    assert store.labels(trial) == (first, taken_back)
    store.undo(trial)
    assert store.labelled()[0].label is None
    with pytest.raises(TrialError, match="No label of trial"):
        store.undo(trial)
    assert len(store.labels(trial)) == 2


def test_undo_without_a_trial_takes_back_ones_own_newest_label_and_no_one_elses(store: TrialStore) -> None:
    one, two, three = ended(store), ended(store), ended(store)
    say(store, two, LabelValue.SUCCESS)
    say(store, one, LabelValue.SUCCESS)
    others = store.label(Label(trial=three, value=LabelValue.SUCCESS, by=SIMULATOR))
    assert [store.undo(by="ada").trial, store.undo(by="ada").trial] == [one, two]
    with pytest.raises(TrialError, match="No label by ada"):
        store.undo(by="ada")
    assert store.labels(three) == (others,)


def test_what_another_station_takes_back_at_this_moment_is_not_taken_back_twice(postgres: str) -> None:
    log = new_database(postgres)
    store = TrialStore(log)
    label = say(store, ended(store), LabelValue.SUCCESS)
    with psycopg.connect(log) as other, ThreadPoolExecutor() as threads:
        other.execute("UPDATE labels SET undone = now() WHERE id = %s", (label.id,))
        here = threads.submit(store.undo, by="ada")
        while not sql(log, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert not here.done()
        other.commit()
        with pytest.raises(TrialError, match="nothing to take back"):
            here.result()


def test_a_clock_that_was_set_back_puts_no_older_label_in_front(store: TrialStore) -> None:
    trial = ended(store)
    say(store, trial, LabelValue.SUCCESS)
    say(store, trial, LabelValue.INVALID, made=datetime.now(UTC) - timedelta(days=400))
    assert value_of(store, trial) is LabelValue.INVALID


def test_a_trial_in_motion_cannot_be_labelled(store: TrialStore) -> None:
    trial = begin(store)
    with pytest.raises(TrialError, match=rf"Trial {trial} in .* still running") as caught:
        say(store, trial, LabelValue.SUCCESS)
    assert "then label it" in caught.value.remedy
    store.settle(TrialRecord(**(vars(store.get(trial)) | {"outcome": Outcome.SUCCESS})))
    with pytest.raises(TrialError, match="still running"):
        say(store, trial, LabelValue.SUCCESS)
    assert store.labels(trial) == ()


def test_a_label_of_an_unknown_trial_is_refused(store: TrialStore) -> None:
    with pytest.raises(TrialError, match="no trial 9"):
        say(store, 9, LabelValue.SUCCESS)
    with pytest.raises(TrialError, match="no trial 9"):
        store.undo(9)


def test_labels_and_the_trials_they_are_asked_with_are_those_of_the_filter(store: TrialStore) -> None:
    diffuse = finish(store, begin(store, "diffuse")).id
    ended(store)
    say(store, diffuse, LabelValue.SUCCESS)
    assert [each.trial.id for each in store.labelled(surface="diffuse")] == [diffuse]
    assert store.labelled(surface="diffuse", estimator="oracle") == ()
    assert [each.is_confirmed for each in store.labelled(last=1)] == [False]
    assert store.labelled(campaign=3) == ()


def test_a_label_that_was_edited_into_none_is_named(store: TrialStore, log: str) -> None:
    label = say(store, ended(store), LabelValue.SUCCESS)
    sql(log, "UPDATE labels SET value = 'splendid'")
    with pytest.raises(TrialError, match=rf"Label {label.id} in .*splendid") as caught:
        store.labelled()
    assert f"DELETE FROM labels WHERE id = {label.id}" in caught.value.remedy
