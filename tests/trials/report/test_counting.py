"""What counts, and as what."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from core.errors import TrialError
from tests.support.drawn.campaigns import add, campaign, log_campaign
from tests.support.trial_rows import TrialStore, row, sql
from trials.arrays.blocks import read_arrays
from trials.arrays.reading import packed_rows
from trials.label import FailureReason, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.report.comparisons import match_scenes
from trials.report.counting import CountedTrials, SurfaceRate
from trials.statistics.comparison import PairedCounts
from trials.statistics.proportion import Proportion
from trials.table import trials

SUCCESS, FAILURE, INVALID = LabelValue


def counted(store: TrialStore, of: int | None = None) -> CountedTrials:
    return CountedTrials(read_arrays(store, of))


def rate(store: TrialStore, estimator: str = "raw", surface: str = "reflective") -> SurfaceRate:
    return counted(store).rate(estimator, surface)


def test_a_trial_counts_as_its_label_says_and_as_a_failure_until_somebody_does(store: TrialStore) -> None:
    add(store, SUCCESS)
    add(store, FAILURE, outcome=Outcome.SUCCESS, reason=Reason.NONE)
    add(store, outcome=Outcome.SUCCESS, reason=Reason.NONE)
    add(store, INVALID, FailureReason.SETUP)
    add(store, outcome=Outcome.INTERRUPTED, reason=Reason.CRASH)
    store.begin(row())
    found = rate(store)
    assert (found.success, found.trials, found.unconfirmed, found.excluded) == (Proportion(1, 3), 3, 1, 3)


def test_what_counts_is_what_the_label_of_each_trial_says_of_it(store: TrialStore) -> None:
    """The arrays against `LabelledTrial`, one by one."""
    log_campaign(store, campaign(estimators=("raw", "vitro-s"), scenes=12))
    add(store, outcome=Outcome.REFUSED, reason=Reason.NO_GRASP)
    for world in ("hardware", DIGITAL_CELL):
        add(store, outcome=Outcome.INTERRUPTED, reason=Reason.ARM, world=world)
    store.undo(3)
    known, found = store.labelled(), counted(store)
    assert found.arrays.ids.tolist() == [one.trial.id for one in known]
    assert found.counts.tolist() == [one.counts for one in known]
    assert found.succeeded.tolist() == [one.is_success for one in known]
    kinds = [found.arrays.examples[kind] for kind in found.arrays.kinds]
    assert [kind.cause for kind in kinds] == [one.cause for one in known]


def test_a_server_counts_as_a_file_does(log: str) -> None:
    with TrialStore(log) as store:
        of = store.add_campaign(campaign(estimators=("50 % raw", "vitro-s")))
        for scene, says in enumerate((SUCCESS, FAILURE, INVALID)):
            for estimator in of.estimators:
                add(store, says, campaign=of.id, scene_number=scene, estimator=estimator)
        last = add(store, SUCCESS, estimator="vitro-s", objects=3, seed=2**31 - 1)
        store.annotate(last.id, scene_ended="empty")
        add(store, estimator="vitro-s", objects=3)
        found = counted(store)
        assert [rate.success for rate in found.rates()] == [Proportion(1, 2), Proportion(2, 5)]
        assert found.rates()[1].unfinished == 1
        one, other = (found.first_picks(name, campaign=of.id) for name in of.estimators)
        assert match_scenes(one, other)[0] == PairedCounts(both=1, neither=1)


def test_the_newest_label_that_stands_counts(store: TrialStore) -> None:
    trial = add(store, FAILURE, FailureReason.EMPTY).id
    label = store.labels(trial)[0]
    store.label(replace(label, value=SUCCESS, reason=None))
    assert rate(store).success == Proportion(1, 1)
    store.undo(trial)
    assert rate(store).success == Proportion(0, 1)
    assert counted(store).causes("raw", "reflective") == {"contact: empty": 1}


def test_a_scene_that_was_laid_again_replaces_the_earlier_one_in_a_campaign_alone(store: TrialStore) -> None:
    of = store.add_campaign(campaign()).id
    for says in (FAILURE, INVALID, SUCCESS, INVALID):
        add(store, says, campaign=of, scene_number=4)
    found = rate(store)
    assert (found.success, found.replaced, found.excluded) == (Proportion(1, 1), 1, 2)
    add(store, FAILURE, seed=4)
    add(store, FAILURE, seed=4)
    assert rate(store).success == Proportion(1, 3)


def test_of_scenes_of_several_objects_the_cleared_objects_count(store: TrialStore) -> None:
    of = store.add_campaign(campaign()).id
    pick: Any = {"campaign": of, "objects": 3}
    for number, says in enumerate((SUCCESS, FAILURE, SUCCESS, FAILURE, FAILURE), start=1):
        last = add(store, says, pick=number, scene_number=0, **pick)
    store.annotate(last.id, scene_ended="failures in a row")
    add(store, SUCCESS, pick=1, scene_number=1, **pick)  # this scene is not worked on to its end
    add(store, SUCCESS, campaign=of, scene_number=2)
    found = rate(store)
    assert (found.success, found.unfinished, found.first) == (Proportion(3, 4), 1, Proportion(3, 3))


def test_a_scene_begun_anew_after_a_crash_counts_from_its_new_first_pick_on(store: TrialStore) -> None:
    of = store.add_campaign(campaign()).id
    pick: Any = {"campaign": of, "objects": 2, "scene_number": 7}
    add(store, SUCCESS, pick=1, **pick)
    add(store, outcome=Outcome.INTERRUPTED, reason=Reason.CRASH, pick=2, **pick)
    add(store, FAILURE, pick=1, **pick)
    last = add(store, SUCCESS, pick=2, **pick)
    store.annotate(last.id, scene_ended="empty")
    found = rate(store)
    assert (found.success, found.first, found.replaced, found.excluded) == (Proportion(1, 2), Proportion(0, 1), 1, 1)


def test_a_pick_made_again_in_the_same_scene_replaces_that_pick_alone(store: TrialStore) -> None:
    of = store.add_campaign(campaign()).id
    pick: Any = {"campaign": of, "objects": 2, "scene_number": 7}
    add(store, SUCCESS, pick=1, **pick)
    add(store, outcome=Outcome.INTERRUPTED, reason=Reason.CRASH, pick=2, **pick)
    last = add(store, SUCCESS, pick=2, **pick)
    store.annotate(last.id, scene_ended="empty")
    found = rate(store)
    assert (found.success, found.replaced, found.excluded) == (Proportion(2, 2), 0, 1)


def test_scenes_that_two_stations_clear_at_once_are_told_apart_by_their_keys(store: TrialStore) -> None:
    for pick in (1, 2):
        for key in (71, 72):
            last = add(store, SUCCESS, pick=pick, scene_key=key, objects=2)
            if pick == 2:
                store.annotate(last.id, scene_ended="empty")
    found = rate(store)
    assert (found.success, found.first) == (Proportion(4, 4), Proportion(2, 2))
    assert (found.replaced, found.unfinished) == (0, 0)


def test_rows_older_than_the_keys_of_scenes_are_told_apart_by_their_seed(store: TrialStore) -> None:
    for seed in (3, 4):
        for pick in (1, 2):
            last = add(store, SUCCESS, pick=pick, seed=seed, objects=2)
        store.annotate(last.id, scene_ended="empty")
    assert rate(store).success == Proportion(4, 4)


def test_a_scene_of_unknown_size_counts_once_its_end_has_told_it(store: TrialStore) -> None:
    picks = [add(store, SUCCESS, pick=pick, scene_key=9, objects=0).id for pick in (1, 2)]
    assert (rate(store).success, rate(store).unfinished) == (Proportion(0, 0), 1)
    look = add(store, pick=3, scene_key=9, objects=0, outcome=Outcome.REFUSED, reason=Reason.TABLE_EMPTY).id
    store.annotate(look, scene_ended="nothing more is seen")
    store.count_objects([*picks, look], 2)
    found = rate(store)
    assert (found.success, found.trials, found.excluded, found.unfinished) == (Proportion(2, 2), 2, 1, 0)


def test_what_is_counted_is_read_from_an_index_alone(store: TrialStore) -> None:
    """A million rows are counted in a second, for none of them is looked at."""
    query = packed_rows([["reflective"], ["raw"]]).where(trials.c.id.between(5, 9)).order_by(trials.c.id)
    text = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    plan = sql(store.where, f"EXPLAIN QUERY PLAN {text}")
    assert ["COVERING INDEX trials_counted" in row[-1] for row in plan] == [True]


def test_success_after_the_first_attempt_is_none_at_the_first_try(store: TrialStore) -> None:
    add(store, SUCCESS, attempts=2)
    add(store, SUCCESS)
    found = rate(store)
    assert (found.success, found.first) == (Proportion(2, 2), Proportion(1, 2))


def test_matched_are_first_picks_of_the_same_scene_of_one_campaign(store: TrialStore) -> None:
    of, other = store.add_campaign(campaign()).id, store.add_campaign(campaign(name="another")).id
    said = {0: (SUCCESS, FAILURE), 1: (SUCCESS, SUCCESS), 2: (FAILURE, FAILURE), 3: (FAILURE, SUCCESS)}
    for scene, pair in said.items():
        for estimator, says in zip(("raw", "vitro-s"), pair, strict=True):
            add(store, says, campaign=of, scene_number=scene, estimator=estimator)
    parted = [(1, 2), (7, 8)]
    add(store, SUCCESS, campaign=of, scene_number=5, estimator="raw")
    add(store, INVALID, campaign=of, scene_number=5, estimator="vitro-s")
    add(store, FAILURE, campaign=other, scene_number=5, estimator="vitro-s")
    add(store, SUCCESS, campaign=of, scene_number=6, estimator="raw")
    add(store, FAILURE, campaign=of, scene_number=6, estimator="vitro-s", surface="diffuse")
    add(store, FAILURE, seed=0, estimator="vitro-s")
    found = counted(store)
    counts, ids = match_scenes(found.first_picks("raw"), found.first_picks("vitro-s"))
    assert counts == PairedCounts(both=1, first=1, second=1, neither=1)
    assert sorted(map(tuple, ids.tolist())) == parted


def test_one_campaign_is_read_alone(store: TrialStore) -> None:
    of = log_campaign(store, campaign(surfaces=("reflective", "diffuse"), scenes=3)).id
    add(store, SUCCESS, surface="diffuse")
    known = store.labelled()
    assert read_arrays(store, campaign=of).ids.tolist() == [one.trial.id for one in known if one.trial.campaign == of]
    assert len(read_arrays(store, campaign=99)) == 0


def test_nothing_logged_counts_as_nothing(store: TrialStore) -> None:
    found = counted(store)
    assert found.rates() == ()
    assert found.rate("raw").success == Proportion(0, 0)
    assert match_scenes(found.first_picks("raw"), found.first_picks("vitro-s"))[0] == PairedCounts()


def test_rows_edited_into_what_no_trial_is_are_refused(store: TrialStore, tmp_path: Path) -> None:
    add(store, SUCCESS)
    sql(tmp_path / "trials.db", "UPDATE trials SET outcome = 'splendid'")
    with pytest.raises(TrialError, match="edited"):
        counted(store)


def test_counting_keeps_no_writer_waiting(store: TrialStore, tmp_path: Path) -> None:
    add(store, SUCCESS)
    with store.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM trials").scalar()
        with TrialStore(tmp_path / "trials.db") as station:
            add(station, SUCCESS)
    assert rate(store).trials == 2
