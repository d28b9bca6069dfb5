"""What counts, and as what: the rules by which a log of trials becomes rates.

- A trial counts as its label says; while nobody has confirmed it, as a failure (`LabelledTrial.value`). What is invalid
  by rule is left out, and shown.
- In a campaign a scene that was laid again for the same estimator replaces the earlier one, from its first pick on;
  of a pick made again in the same scene the last counts. Outside of campaigns every scene stands for itself.
- Success is objects lifted of objects laid, over the scenes that were worked on to their end: where one object is
  laid, successful trials of the trials that count.
- First try is the first attempt of a scene's first pick.
- Scenes are matched where in one campaign several estimators attempted the same one; compared are their first picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trials.arrays.layings import find_layings, scene_numbers
from trials.arrays.trial_arrays import Ints, TrialArrays
from trials.record import Reason
from trials.statistics.proportion import Proportion


@dataclass(frozen=True)
class SurfaceRate:
    """One estimator on one surface, or on all of them.

    success: see above; `first` at the first try. trials: those that stand; of them, unconfirmed ones. excluded: those
    that are invalid. replaced: those of scenes that were laid again. unfinished: scenes not worked on to their end.
    objects: the most that a scene held.
    """

    surface: str
    estimator: str
    success: Proportion
    first: Proportion
    trials: int
    unconfirmed: int
    excluded: int
    replaced: int
    unfinished: int
    objects: int


@dataclass(frozen=True)
class FirstPicks:
    """One estimator's first picks that stand, by scene: keys sorted, one a scene. In a campaign equal keys are scenes
    laid alike; keys below 0 are scenes outside of any, each its own."""

    keys: Ints
    succeeded: NDArray[np.bool_]
    ids: Ints

    @property
    def share(self) -> Proportion:
        return Proportion(int(self.succeeded.sum()), len(self.keys))


class CountedTrials:
    """A log's trials with what each counts as. stands, replaced, counts, succeeded: (N,) in the log's order.

    layings: of its scenes.
    """

    def __init__(self, arrays: TrialArrays) -> None:
        self.arrays = arrays
        self.counts = arrays.each(lambda known: known.counts).astype(bool)
        self.succeeded = arrays.each(lambda known: known.is_success).astype(bool)
        self._surfaces, self._estimators = arrays.surfaces, arrays.estimators
        pairs = [(estimator, surface) for estimator in self._estimators for surface in self._surfaces]
        self._pairs = {pair: place for place, pair in enumerate(pairs)}
        self._pair = arrays.each(lambda known: self._pairs[known.trial.estimator, known.trial.surface])
        self.layings = find_layings(arrays, self.counts, self._pair, len(pairs))
        self.stands = self.layings.stands

    @cached_property
    def replaced(self) -> NDArray[np.bool_]:
        return self.counts & ~self.stands

    def standing(self, campaign: int) -> int:
        """How many of a campaign's trials stand."""
        often = self._standing_of_campaigns
        return int(often[campaign]) if campaign < len(often) else 0

    @cached_property
    def _standing_of_campaigns(self) -> Ints:
        return np.bincount(self.arrays.campaigns[self.stands])

    def rates(self) -> tuple[SurfaceRate, ...]:
        """By surface and estimator, in alphabetical order."""
        return tuple(
            rate
            for surface in self._surfaces
            for estimator in self._estimators
            if (rate := self.rate(estimator, surface)).trials or rate.excluded
        )

    def rate(self, estimator: str, surface: str = "") -> SurfaceRate:
        """Of one estimator on one surface; without one, on all of them together."""
        of = (surface,) if surface else self._surfaces
        return _sum(surface, estimator, [self._rate(estimator, one) for one in of])

    def _rate(self, estimator: str, surface: str) -> SurfaceRate:
        pair = self._pairs.get((estimator, surface))
        if pair is None:
            return SurfaceRate(surface, estimator, Proportion(0, 0), Proportion(0, 0), 0, 0, 0, 0, 0, 1)
        kinds, of, cleared = self._kinds, self._kinds.pair == pair, self._cleared
        return SurfaceRate(
            surface,
            estimator,
            success=Proportion(int(cleared.lifted[pair]), int(cleared.laid[pair])),
            first=Proportion(int(kinds.at_first_try[of & kinds.succeeded].sum()), int(kinds.first[of].sum())),
            trials=int(kinds.standing[of].sum()),
            unconfirmed=int(kinds.standing[of & ~kinds.confirmed].sum()),
            excluded=int(kinds.all[of & ~kinds.counts].sum()),
            replaced=int((kinds.all - kinds.standing)[of & kinds.counts].sum()),
            unfinished=int(cleared.unfinished[pair]),
            objects=int(cleared.most[pair]),
        )

    @cached_property
    def _kinds(self) -> "_KindCounts":
        examples, first = self.arrays.examples, self.stands & (self.arrays.picks == 1)

        def often(rows: NDArray[np.bool_]) -> Ints:
            return np.bincount(self.arrays.kinds[rows], minlength=len(examples))

        return _KindCounts(
            pair=np.array([self._pairs[one.trial.estimator, one.trial.surface] for one in examples], np.int64),
            counts=np.array([one.counts for one in examples], bool),
            succeeded=np.array([one.is_success for one in examples], bool),
            confirmed=np.array([one.is_confirmed for one in examples], bool),
            all=np.bincount(self.arrays.kinds, minlength=len(examples)),
            standing=often(self.stands),
            first=often(first),
            at_first_try=often(first & (self.arrays.attempts == 1)),
        )

    def of(self, estimator: str, surface: str) -> NDArray[np.bool_]:
        """(N,) whose trials are theirs."""
        return self._pair == self._pairs.get((estimator, surface), -1)

    def causes(self, estimator: str, surface: str) -> dict[str, int]:
        """Why trials that stand failed, and how often, the most frequent first; `unconfirmed` where nobody said."""
        kinds, found = self._kinds, dict[str, int]()
        failed = (kinds.pair == self._pairs.get((estimator, surface), -1)) & ~kinds.succeeded & (kinds.standing > 0)
        for kind in np.flatnonzero(failed):
            cause = self.arrays.examples[kind].cause
            found[cause] = found.get(cause, 0) + int(kinds.standing[kind])
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def first_picks(self, estimator: str, surface: str = "", campaign: int | None = None) -> FirstPicks:
        arrays, of = self.arrays, (surface,) if surface else self._surfaces
        rows = np.concatenate([np.empty(0, np.int64), *(self._firsts(estimator, one, campaign) for one in of)])
        keys = np.where(arrays.campaigns[rows] > 0, self._matched_scene[rows], -arrays.ids[rows] - 1)
        order = np.argsort(keys, kind="stable")
        return FirstPicks(keys[order], self.succeeded[rows][order], arrays.ids[rows][order])

    def _firsts(self, estimator: str, surface: str, campaign: int | None) -> Ints:
        """The places of those first picks that stand, campaign after campaign."""
        pair = self._pairs.get((estimator, surface))
        if pair is None:
            return np.empty(0, np.int64)
        rows, campaigns = self._first_rows[pair]
        return rows if campaign is None else rows[slice(*np.searchsorted(campaigns, (campaign, campaign + 1)))]

    @cached_property
    def _first_rows(self) -> list[tuple[Ints, Ints]]:
        """Of each pair the places of its first picks that stand, and their campaigns, which are sorted."""
        order = self.layings.order
        rows = order[(self.stands & (self.arrays.picks == 1))[order]]
        pair = self._pair[rows]
        rows = rows[np.argsort(pair.astype(np.int16), kind="stable")]
        ends = np.cumsum(np.bincount(pair, minlength=len(self._pairs)))
        return [(of_pair, self.arrays.campaigns[of_pair]) for of_pair in np.split(rows, ends[:-1])]

    @cached_property
    def _matched_scene(self) -> Ints:
        surfaces = max(len(self._surfaces), 1)
        return scene_numbers(self.arrays, self._pair % surfaces, surfaces)

    @cached_property
    def _cleared(self) -> "_Cleared":
        """Of the scenes that were worked on to their end; unfinished are those of the others that have trials that
        stand."""
        pairs, order, begins = len(self._pairs), self.layings.order, self.layings.begins

        often = self.layings.often
        pair, objects = self._pair[order[begins]], self.arrays.objects[order]
        laid = np.maximum.reduceat(objects, begins) if len(begins) else objects
        lost = self.arrays.each(lambda known: known.trial.reason is Reason.TRACKING).astype(bool)
        has_ended = (often(self.arrays.ended | lost) > 0) & (laid > 0)
        stand = often(self.stands) > 0
        finished = stand & (has_ended | (laid == 1))
        lifted = np.minimum(often(self.stands & self.succeeded), laid)
        return _Cleared(
            lifted=np.bincount(pair[finished], lifted[finished], pairs).astype(np.int64),
            laid=np.bincount(pair[finished], laid[finished], pairs).astype(np.int64),
            unfinished=np.bincount(pair[stand & ~finished], minlength=pairs),
            most=np.array([laid[pair == place].max(initial=1) for place in range(pairs)], np.int64),
        )


@dataclass(frozen=True, eq=False)
class _KindCounts:
    """Each (K,): what a kind of trials is, and how many of it there are, stand, are first picks that stand, and of
    these first attempts. pair: of estimator and surface."""

    pair: Ints
    counts: NDArray[np.bool_]
    succeeded: NDArray[np.bool_]
    confirmed: NDArray[np.bool_]
    all: Ints
    standing: Ints
    first: Ints
    at_first_try: Ints


@dataclass(frozen=True, eq=False)
class _Cleared:
    """Each a number a pair of estimator and surface: objects lifted, objects laid, scenes unfinished, the most objects
    that a scene held."""

    lifted: Ints
    laid: Ints
    unfinished: Ints
    most: Ints


def _sum(surface: str, estimator: str, rates: Sequence[SurfaceRate]) -> SurfaceRate:
    """Of several surfaces, where a scene is of one."""

    def both(of: Sequence[Proportion]) -> Proportion:
        return Proportion(sum(one.hits for one in of), sum(one.of for one in of))

    return SurfaceRate(
        surface,
        estimator,
        success=both([rate.success for rate in rates]),
        first=both([rate.first for rate in rates]),
        trials=sum(rate.trials for rate in rates),
        unconfirmed=sum(rate.unconfirmed for rate in rates),
        excluded=sum(rate.excluded for rate in rates),
        replaced=sum(rate.replaced for rate in rates),
        unfinished=sum(rate.unfinished for rate in rates),
        objects=max([rate.objects for rate in rates], default=1),
    )
