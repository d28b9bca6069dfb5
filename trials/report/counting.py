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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trials.arrays.trial_arrays import Ints, TrialArrays
from trials.record import Reason
from trials.statistics.comparison import PairedCounts
from trials.statistics.proportion import Proportion

_SCENES = 32  # bits


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
    """A log's trials with what each counts as. stands, replaced, counts, succeeded: (N,) in the log's order."""

    def __init__(self, arrays: TrialArrays) -> None:
        self.arrays = arrays
        self.counts = arrays.each(lambda known: known.counts).astype(bool)
        self.succeeded = arrays.each(lambda known: known.is_success).astype(bool)
        self._surfaces, self._estimators = arrays.surfaces, arrays.estimators
        self._surface = arrays.each(lambda known: self._surfaces.index(known.trial.surface))
        self._estimator = arrays.each(lambda known: self._estimators.index(known.trial.estimator))
        self._laying = np.empty(len(arrays), dtype=np.int64)
        self.stands = self._standing()

    @cached_property
    def replaced(self) -> NDArray[np.bool_]:
        return self.counts & ~self.stands

    @cached_property
    def _rows(self) -> dict[tuple[str, str], Ints]:
        """Estimator and surface -> the places of their trials, in the log's order."""
        pairs = [(estimator, surface) for estimator in self._estimators for surface in self._surfaces]
        pair = self._estimator * len(self._surfaces) + self._surface
        order = np.argsort(pair.astype(np.int16), kind="stable")
        ends = np.cumsum(np.bincount(pair, minlength=len(pairs)))
        return dict(zip(pairs, np.split(order, ends[:-1]), strict=True))

    def _of(self, estimator: str, surface: str) -> Ints:
        return self._rows.get((estimator, surface), np.empty(0, np.int64))

    @cached_property
    def _places(self) -> int:
        """How many pairs of a surface and a campaign there may be."""
        return len(self._surfaces) * (int(self.arrays.campaigns.max(initial=0)) + 1)

    @cached_property
    def _scene(self) -> Ints:
        """(N,) one number a campaign, surface and scene; outside of a campaign a scene is told by its key."""
        arrays = self.arrays
        place = arrays.campaigns * max(len(self._surfaces), 1) + self._surface
        return (place << _SCENES) + arrays.scenes

    def _standing(self) -> NDArray[np.bool_]:
        """Numbers layings too: a scene's and estimator's rows from one first pick to the next."""
        of_estimator = self._scene + ((self._estimator * self._places) << _SCENES)
        order = np.argsort(of_estimator, kind="stable")
        new, picks = np.diff(of_estimator[order], prepend=-1) != 0, self.arrays.picks[order]
        group, laying = np.cumsum(new) - 1, np.cumsum(new | (picks == 1)) - 1
        self._laying[order] = laying
        counts, in_campaign = self.counts[order], self.arrays.campaigns[order] > 0
        last = np.full(len(order), -1)
        last[group[counts]] = laying[counts]  # of several, the last is kept
        rows = np.flatnonzero(counts & (~in_campaign | (laying == last[group])))
        pick = laying[rows] * (int(picks.max(initial=0)) + 1) + picks[rows]
        together = np.argsort(pick, kind="stable")
        is_last = np.diff(pick[together], append=-1) != 0
        stands = np.zeros(len(order), dtype=bool)
        stands[order[rows[together[is_last]]]] = True
        return stands

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
        rates = [self._rates.get((estimator, one)) or self._rate(estimator, one) for one in of]
        return _sum(surface, estimator, rates)

    @cached_property
    def _rates(self) -> dict[tuple[str, str], SurfaceRate]:
        return {pair: self._rate(*pair) for pair in self._rows}

    def _rate(self, estimator: str, surface: str) -> SurfaceRate:
        arrays, rows = self.arrays, self._of(estimator, surface)
        stands = rows[self.stands[rows]]
        firsts = stands[arrays.picks[stands] == 1]
        success, unfinished = self._cleared(rows)
        return SurfaceRate(
            surface,
            estimator,
            success=success,
            first=Proportion(int((self.succeeded[firsts] & (arrays.attempts[firsts] == 1)).sum()), len(firsts)),
            trials=len(stands),
            unconfirmed=int((~self._confirmed[stands]).sum()),
            excluded=int((~self.counts[rows]).sum()),
            replaced=int(self.replaced[rows].sum()),
            unfinished=unfinished,
            objects=int(arrays.objects[rows].max(initial=1)),
        )

    @cached_property
    def _confirmed(self) -> NDArray[np.bool_]:
        return self.arrays.each(lambda known: known.is_confirmed).astype(bool)

    @cached_property
    def _lost(self) -> NDArray[np.bool_]:
        return self.arrays.each(lambda known: known.trial.reason is Reason.TRACKING).astype(bool)

    def causes(self, estimator: str, surface: str) -> dict[str, int]:
        """Why trials that stand failed, and how often, the most frequent first; `unconfirmed` where nobody said."""
        rows = self._of(estimator, surface)
        failed = rows[self.stands[rows] & ~self.succeeded[rows]]
        often = np.bincount(self.arrays.kinds[failed], minlength=len(self.arrays.examples))
        found: dict[str, int] = {}
        for kind in np.flatnonzero(often):
            cause = self.arrays.examples[kind].cause
            found[cause] = found.get(cause, 0) + int(often[kind])
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def first_picks(self, estimator: str, surface: str = "", campaign: int | None = None) -> FirstPicks:
        arrays, of = self.arrays, (surface,) if surface else self._surfaces
        rows = np.concatenate([np.empty(0, np.int64), *(self._of(estimator, one) for one in of)])
        wanted = self.stands[rows] & (arrays.picks[rows] == 1)
        if campaign is not None:
            wanted &= arrays.campaigns[rows] == campaign
        rows = rows[wanted]
        keys = np.where(arrays.campaigns[rows] > 0, self._scene[rows], -arrays.ids[rows] - 1)
        order = np.argsort(keys, kind="stable")
        return FirstPicks(keys[order], self.succeeded[rows][order], arrays.ids[rows][order])

    def _cleared(self, rows: Ints) -> tuple[Proportion, int]:
        """Of an estimator's and surface's rows: objects lifted of those laid in finished scenes; how many scenes with
        trials that stand are unfinished."""
        if not len(rows):
            return Proportion(0, 0), 0
        scene = self._laying[rows] - self._laying[rows].min()
        scenes = int(scene.max()) + 1
        stands = self.stands[rows]
        laid = np.zeros(scenes, dtype=np.int64)
        np.maximum.at(laid, scene, self.arrays.objects[rows])
        lifted = np.bincount(scene, stands & self.succeeded[rows], scenes).astype(np.int64)
        stand = np.bincount(scene, stands, scenes) > 0
        ended = np.bincount(scene, self.arrays.ended[rows] | self._lost[rows], scenes) > 0
        finished = stand & ((ended & (laid > 0)) | (laid == 1))
        cleared = Proportion(int(np.minimum(lifted, laid)[finished].sum()), int(laid[finished].sum()))
        return cleared, int((stand & ~finished).sum())


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
