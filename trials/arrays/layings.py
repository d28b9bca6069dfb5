"""Scenes that were laid for an estimator, and which of their trials stand."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trials.arrays.trial_arrays import Ints, TrialArrays

_SCENES = 32  # bits


@dataclass(frozen=True, eq=False)
class Layings:
    """A laying is a scene's and estimator's trials from one first pick to the next.

    order (N,): the trials' places by campaign, pair of estimator and surface, and scene. begins (M,): where in it each
    laying does. numbers (N,): each trial's laying. stands (N,): whether it counts and nothing later replaced it.
    """

    order: Ints
    begins: Ints
    numbers: Ints
    stands: NDArray[np.bool_]

    def often(self, rows: NDArray[np.bool_]) -> Ints:
        """(M,) how many of these trials (N,) each laying has."""
        return np.bincount(self.numbers[rows], minlength=len(self.begins))


def scene_numbers(arrays: TrialArrays, place: Ints, places: int) -> Ints:
    """(N,) one number a campaign, place of so many, and scene, in this order: nearly the log's, so that sorting is
    quick. Outside of a campaign a scene is told by its key."""
    return ((arrays.campaigns * max(places, 1) + place) << _SCENES) + arrays.scenes


def find_layings(arrays: TrialArrays, counts: NDArray[np.bool_], pair: Ints, pairs: int) -> Layings:
    """Args:
    counts (N,): whether a trial counts at all.
    pair (N,): its estimator and surface, as one of so many `pairs`.
    """
    scene = scene_numbers(arrays, pair, pairs)
    order = np.argsort(scene, kind="stable")
    is_new, picks = np.diff(scene[order], prepend=-1) != 0, arrays.picks[order]
    begins = is_new | (picks == 1)
    group, laying = np.cumsum(is_new) - 1, np.cumsum(begins) - 1
    counts, in_campaign = counts[order], arrays.campaigns[order] > 0
    last = np.full(len(order), -1)
    last[group[counts]] = laying[counts]  # of several, the last is kept
    rows = np.flatnonzero(counts & (~in_campaign | (laying == last[group])))
    pick = laying[rows] * (int(picks.max(initial=0)) + 1) + picks[rows]
    together = np.argsort(pick, kind="stable")
    is_last = np.diff(pick[together], append=-1) != 0
    stands, numbers = np.zeros(len(order), dtype=bool), np.empty(len(order), dtype=np.int64)
    stands[order[rows[together[is_last]]]] = True
    numbers[order] = laying
    return Layings(order, np.flatnonzero(begins), numbers, stands)
