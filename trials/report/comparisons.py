"""Estimators compared by their first picks: on matched scenes where there are any, else as independent samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from core.report.words import counted
from trials.arrays.trial_arrays import Ints
from trials.campaign import Campaign
from trials.report.counting import CountedTrials, FirstPicks
from trials.statistics.comparison import PairedCounts, RateTest, barnard, holm, mcnemar


@dataclass(frozen=True)
class PickSample:
    """What is compared, and what it is called."""

    name: str
    picks: FirstPicks


@dataclass(frozen=True)
class RateComparison:
    """Two samples on one surface, or on all where it is empty.

    corrected_p: Holm's over all that were made together. parted (M, 2): matched scenes that one got right and the other
    not, as the ids of their trials. unmatched: first picks of each that no scene of the other answers, left out.
    """

    surface: str
    first: str
    second: str
    test: RateTest
    corrected_p: float
    # An array neither equals another in one word nor hashes.
    parted: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64), compare=False)
    unmatched: tuple[int, int] = (0, 0)


def compare_pairs(
    counted: CountedTrials, campaign: int | None, surfaces: Sequence[str], names: Sequence[str]
) -> tuple[RateComparison, ...]:
    """Every later one of the estimators with every earlier one, on each of the surfaces; Holm's correction is over all
    of them."""
    samples = {
        surface: [PickSample(name, counted.first_picks(name, surface, campaign)) for name in names]
        for surface in surfaces
    }
    pairs = [(surface, *pair) for surface in surfaces for pair in combinations(samples[surface], 2)]
    return with_holm([found for surface, one, other in pairs if (found := compare(surface, other, one))])


def compare(surface: str, first: PickSample, second: PickSample) -> RateComparison | None:
    """Not corrected yet; None where one of them has no first pick that stands."""
    one, other = first.picks, second.picks
    if not len(one.keys) or not len(other.keys):
        return None
    names = surface, first.name, second.name
    counts, parted = match_scenes(one, other)
    if not counts.scenes or _has_own(one) or _has_own(other):
        test = barnard(one.share, other.share)
        return RateComparison(*names, test, test.p)
    test = mcnemar(counts)
    unmatched = len(one.keys) - counts.scenes, len(other.keys) - counts.scenes
    return RateComparison(*names, test, test.p, parted, unmatched)


def match_scenes(first: FirstPicks, second: FirstPicks) -> tuple[PairedCounts, Ints]:
    """Over the scenes that both attempted; and, (M, 2), the ids of the trials in which they part."""
    place = np.minimum(np.searchsorted(second.keys, first.keys), max(len(second.keys) - 1, 0))
    at_first = np.flatnonzero(second.keys[place] == first.keys) if len(second.keys) else place[:0]
    at_first = at_first[first.keys[at_first] >= 0]
    at_second = place[at_first]
    one, other = first.succeeded[at_first], second.succeeded[at_second]
    parted: Any = one != other
    counts = PairedCounts(
        both=int((one & other).sum()),
        first=int((one & ~other).sum()),
        second=int((~one & other).sum()),
        neither=int((~one & ~other).sum()),
    )
    return counts, np.stack([first.ids[at_first][parted], second.ids[at_second][parted]], axis=1)


def with_holm(comparisons: Sequence[RateComparison]) -> tuple[RateComparison, ...]:
    """With Holm's correction over all of them."""
    p_values = holm([comparison.test.p for comparison in comparisons])
    return tuple(replace(one, corrected_p=p) for one, p in zip(comparisons, p_values, strict=True))


def _has_own(picks: FirstPicks) -> bool:
    """Whether some were made outside of a campaign, where nothing is laid alike."""
    return bool((picks.keys < 0).any())


def is_complete(counted: CountedTrials, campaign: Campaign) -> bool:
    """Whether every planned scene was attempted, by a trial that stands, by every estimator."""
    return all(
        len(counted.first_picks(name, surface, campaign.id).keys) >= campaign.scenes
        for surface in campaign.surfaces
        for name in campaign.estimators
    )


def caveats(campaign: Campaign | None, complete: bool) -> tuple[str, ...]:
    """Why p values describe and prove nothing; empty where they may be taken at their word."""
    if campaign is None:
        return ("the trials are of no one campaign: no budget was fixed before the first of them",)
    found = ["the campaign is exploratory: it was begun so, or changed since"] * campaign.is_exploratory
    looks = [str(look.get("trials", "?")) for look in campaign.looks]
    if looks:
        logged = f"{', '.join(looks)} trial{'' if looks == ['1'] else 's'}"
        found.append(
            f"results were looked at {counted(len(looks), 'time')} before the budget was reached, with "
            f"{logged} logged: who may stop at a good moment finds p < 0.05 more often than once in twenty"
        )
    if not complete:
        found.append("the budget is not reached yet")
    return tuple(found)
