"""Which trials stand, and what their scenes came to."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest

from trials.arrays.trial_arrays import ReadTrials, TrialArrays, TrialKind, arrays_of
from trials.label import LabelledTrial
from trials.record import Reason
from trials.report.counting import CountedTrials
from trials.statistics.proportion import Proportion


@pytest.mark.parametrize("seed", range(20))
def test_any_history_counts_as_its_trials_looked_at_one_by_one_do(seed: int) -> None:
    """The rules of `trials.report.counting`, in plain words of Python."""
    arrays = _drawn_arrays(np.random.default_rng(seed))
    found, layings = CountedTrials(arrays), _layings(arrays)
    stands = sorted(row for laying in layings for row in laying.stands)
    assert np.flatnonzero(found.stands).tolist() == stands
    assert np.flatnonzero(found.replaced).tolist() == sorted(set(np.flatnonzero(found.counts)) - set(stands))
    for estimator in arrays.estimators:
        for surface in (*arrays.surfaces, ""):
            of = [one for one in layings if one.estimator == estimator and surface in ("", one.surface)]
            finished = [one for one in of if one.stands and (one.laid == 1 or (one.has_ended and one.laid > 0))]
            told = found.rate(estimator, surface)
            lifted = [min(sum(bool(found.succeeded[row]) for row in one.stands), one.laid) for one in finished]
            assert told.success == Proportion(sum(lifted), sum(one.laid for one in finished))
            assert told.unfinished == sum(bool(one.stands) for one in of) - len(finished)
            assert told.objects == max([1, *(one.laid for one in of)])
            firsts = [row for one in of for row in one.stands if arrays.picks[row] == 1]
            at_first_try = [row for row in firsts if found.succeeded[row] and arrays.attempts[row] == 1]
            assert told.first == Proportion(len(at_first_try), len(firsts))
            assert told.trials == sum(len(one.stands) for one in of)
            for campaign in (None, 0, 1, 2, 7):
                wanted = [row for row in firsts if campaign in (None, arrays.campaigns[row])]
                picks = found.first_picks(estimator, surface, campaign)
                assert sorted(picks.ids) == sorted(arrays.ids[wanted])
                assert (np.diff(picks.keys) > 0).all()
    for campaign in (0, 1, 2, 7):
        assert found.standing(campaign) == sum(arrays.campaigns[row] == campaign for row in stands)


class _Laying(NamedTuple):
    estimator: str
    surface: str
    stands: list[int]
    laid: int
    has_ended: bool


def _drawn_arrays(draw: np.random.Generator) -> TrialArrays:
    """Scenes that are laid again, worked on by turns, left unfinished, or outside of any campaign."""
    said = (("", ""), ("success", ""), ("failure", ""), ("invalid", "invalid: setup"))
    ends = (("success", ""), ("failure", "slip"), ("interrupted", "tracking"), ("interrupted", "crash"), ("", ""))
    names = product("ab", "xyz")
    kinds = [TrialKind(where, name, "", *end, *label) for where, name in names for end in ends for label in said]
    count = int(draw.integers(1, 120))
    ranges = {
        "campaign": (0, 3),
        "scene": (0, 4),
        "pick": (1, 4),
        "objects": (0, 4),
        "attempts": (1, 3),
        "judged": (0, 1),
        "agreed": (0, 1),
    }
    columns = {name: draw.integers(*ends, count) for name, ends in ranges.items()}
    columns |= {"id": np.arange(1, count + 1), "kind": draw.integers(0, len(kinds), count)}
    return arrays_of([ReadTrials(columns | {"ended": draw.random(count) < 0.3}, kinds)])


def _layings(arrays: TrialArrays) -> list[_Laying]:
    scenes: dict[tuple[Any, ...], list[list[int]]] = {}
    for row, kind in enumerate(arrays.kinds):
        known = arrays.examples[kind].trial
        layings = scenes.setdefault(
            (known.estimator, known.surface, arrays.campaigns[row] > 0, arrays.campaigns[row], arrays.scenes[row]), []
        )
        if not layings or arrays.picks[row] == 1:
            layings.append([])
        layings[-1].append(row)
    return [
        _Laying(
            estimator,
            surface,
            _standing(arrays, rows) if not in_campaign or rows is _last_that_counts(arrays, layings) else [],
            max(int(arrays.objects[row]) for row in rows),
            any(arrays.ended[row] or _trial(arrays, row).trial.reason is Reason.TRACKING for row in rows),
        )
        for (estimator, surface, in_campaign, *_), layings in scenes.items()
        for rows in layings
    ]


def _last_that_counts(arrays: TrialArrays, layings: list[list[int]]) -> list[int] | None:
    return next((rows for rows in reversed(layings) if any(_trial(arrays, row).counts for row in rows)), None)


def _standing(arrays: TrialArrays, rows: list[int]) -> list[int]:
    """Of each pick the last that counts."""
    return list({int(arrays.picks[row]): row for row in rows if _trial(arrays, row).counts}.values())


def _trial(arrays: TrialArrays, row: int) -> LabelledTrial:
    return arrays.examples[arrays.kinds[row]]
