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

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trials.record import Reason
from trials.report.trial_arrays import Ints, TrialArrays
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
        self.stands = self._standing()

    @cached_property
    def replaced(self) -> NDArray[np.bool_]:
        return self.counts & ~self.stands

    @cached_property
    def _scene(self) -> Ints:
        """(N,) one number a campaign, surface and scene; outside of a campaign a scene is told by its key."""
        arrays = self.arrays
        place = arrays.campaigns * max(len(self._surfaces), 1) + self._surface
        return (place << _SCENES) + arrays.scenes

    @cached_property
    def _layings(self) -> tuple[Ints, Ints, Ints]:
        """The order in which rows of one scene and estimator lie together; in that order each row's group, and its
        laying: a group's rows from one first pick to the next."""
        group = self._scene * max(len(self._estimators), 1) + self._estimator
        order = np.argsort(group, kind="stable")
        new = np.diff(group[order], prepend=-1) != 0
        return order, np.cumsum(new) - 1, np.cumsum(new | (self.arrays.picks[order] == 1)) - 1

    def _standing(self) -> NDArray[np.bool_]:
        order, group, laying = self._layings
        counts, in_campaign = self.counts[order], self.arrays.campaigns[order] > 0
        last = np.full(len(order), -1)
        last[group[counts]] = laying[counts]  # of several, the last is kept
        kept = counts & (~in_campaign | (laying == last[group]))
        rows = np.flatnonzero(kept)
        pick = laying[rows] * (int(self.arrays.picks.max(initial=0)) + 1) + self.arrays.picks[order][rows]
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
        arrays, mine = self.arrays, self._of(estimator, surface)
        stands = self.stands & mine
        firsts = stands & (arrays.picks == 1)
        confirmed = arrays.each(lambda known: known.is_confirmed).astype(bool)
        success, unfinished = self._cleared(mine)
        return SurfaceRate(
            surface,
            estimator,
            success=success,
            first=Proportion(int((firsts & self.succeeded & (arrays.attempts == 1)).sum()), int(firsts.sum())),
            trials=int(stands.sum()),
            unconfirmed=int((stands & ~confirmed).sum()),
            excluded=int((mine & ~self.counts).sum()),
            replaced=int((mine & self.replaced).sum()),
            unfinished=unfinished,
            objects=int(arrays.objects[mine].max(initial=1)),
        )

    def causes(self, estimator: str, surface: str = "") -> dict[str, int]:
        """Why trials that stand failed, and how often, the most frequent first; `unconfirmed` where nobody said."""
        mine = self._of(estimator, surface) & self.stands & ~self.succeeded
        often = np.bincount(self.arrays.kinds[mine], minlength=len(self.arrays.examples))
        found: dict[str, int] = {}
        for kind in np.flatnonzero(often):
            cause = self.arrays.examples[kind].cause
            found[cause] = found.get(cause, 0) + int(often[kind])
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def first_picks(self, estimator: str, surface: str = "", campaign: int | None = None) -> FirstPicks:
        arrays = self.arrays
        wanted = self._of(estimator, surface) & self.stands & (arrays.picks == 1)
        if campaign is not None:
            wanted &= arrays.campaigns == campaign
        rows = np.flatnonzero(wanted)
        keys = np.where(arrays.campaigns[rows] > 0, self._scene[rows], -arrays.ids[rows] - 1)
        order = np.argsort(keys, kind="stable")
        return FirstPicks(keys[order], self.succeeded[rows][order], arrays.ids[rows][order])

    def _of(self, estimator: str, surface: str) -> NDArray[np.bool_]:
        arrays = self.arrays
        return arrays.each(
            lambda known: known.trial.estimator == estimator and surface in ("", known.trial.surface)
        ).astype(bool)

    def _cleared(self, mine: NDArray[np.bool_]) -> tuple[Proportion, int]:
        """Objects lifted of those laid in finished scenes; how many scenes with trials that stand are unfinished."""
        order, _, laying = self._layings
        rows = np.flatnonzero(mine[order])
        if not len(rows):
            return Proportion(0, 0), 0
        at = order[rows]
        _, scene = np.unique(laying[rows], return_inverse=True)
        scenes = int(scene.max()) + 1
        laid = np.zeros(scenes, dtype=np.int64)
        np.maximum.at(laid, scene, self.arrays.objects[at])
        lifted = np.bincount(scene, self.stands[at] & self.succeeded[at], scenes).astype(np.int64)
        stand = np.bincount(scene, self.stands[at], scenes) > 0
        lost = self.arrays.each(lambda known: known.trial.reason is Reason.TRACKING).astype(bool)
        ended = np.bincount(scene, self.arrays.ended[at] | lost[at], scenes) > 0
        finished = stand & ((ended & (laid > 0)) | (laid == 1))
        cleared = Proportion(int(np.minimum(lifted, laid)[finished].sum()), int(laid[finished].sum()))
        return cleared, int((stand & ~finished).sum())


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
