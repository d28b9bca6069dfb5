"""The summary of a log by its labels is, counted from what is kept of it, what its rows say one by one."""

from random import Random

import pytest

from tests.support.drawn.campaigns import add, campaign, draw_verdicts
from trials.arrays.blocks import read_arrays
from trials.label import LabelValue
from trials.record import Outcome, Reason
from trials.report.counting import CountedTrials
from trials.report.label_summary import summarise_counted
from trials.statistics.proportion import Proportion
from trials.store import TrialStore
from trials.summary import JudgedTrial, SurfaceSummary, summarise_judged


def summaries(store: TrialStore) -> tuple[SurfaceSummary, ...]:
    return summarise_counted(CountedTrials(read_arrays(store)))


def one_by_one(store: TrialStore) -> tuple[SurfaceSummary, ...]:
    counted = CountedTrials(read_arrays(store))
    stands = dict(zip(counted.arrays.ids.tolist(), counted.stands.tolist(), strict=True))
    return summarise_judged(
        JudgedTrial(known.trial, stands[id_], stands[id_], known.is_success, stands[id_] and known.is_success)
        for known in store.each_labelled()
        for id_ in [known.trial.id]
    )


def lay(store: TrialStore, draw: Random, of: int, key: int) -> None:
    """A scene, laid for one estimator, with its picks; perhaps worked on to its end."""
    where = {"surface": draw.choice(("diffuse", "reflective")), "estimator": draw.choice(("raw", "oracle"))}
    scene = {"campaign": of, "scene_number": draw.randrange(3) if of else 0, "scene_key": key}
    objects = draw.choice((1, 2, 3))
    for pick in range(1, 1 + (1 if objects == 1 else draw.randrange(1, 5))):
        how = {"outcome": draw.choice(tuple(Outcome)), "reason": draw.choice(tuple(Reason))}
        given = {**where, **scene, **how, **draw_verdicts(draw), "objects": objects, "pick": pick}
        last = add(store, draw.choice((None, *LabelValue)), **given).id
    if objects > 1 and draw.random() < 0.7:
        store.annotate(last, scene_ended="empty")


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_the_rows_say(store: TrialStore, seed: int) -> None:
    draw, of = Random(seed), store.add_campaign(campaign(name=f"drawn {seed}")).id
    for key in range(1, 40):
        lay(store, draw, draw.choice((0, of)), key)
    found = summaries(store)
    assert found == one_by_one(store) and len(found) == 4
    assert {value for one in found for value in (one.agreement.of > 0, one.cleared.of > 0, one.excluded > 0)} == {True}


def test_what_does_not_stand_is_excluded_and_a_lift_is_what_a_person_calls_one(store: TrialStore) -> None:
    add(store, LabelValue.SUCCESS, objects=2, scene_key=5)
    ended = add(store, LabelValue.FAILURE, objects=2, scene_key=5, pick=2)
    again = add(store, LabelValue.INVALID, objects=2, scene_key=6)
    for one in (ended, again):
        store.annotate(one.id, scene_ended="empty")
    (found,) = summaries(store)
    assert (found.success, found.first, found.cleared) == (Proportion(1, 2),) * 3
    assert found.excluded == 1


def test_an_empty_log_has_no_summary(store: TrialStore) -> None:
    assert summaries(store) == ()
