"""From clips to a table's numbers: means over clips or over pixels, their intervals, and ranks."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from perception.evaluation.tally import AngleTally, DepthTally, Tally

RESAMPLES = 1000
LEVEL = 0.95
#: Metrics of which more is better.
HIGHER_IS_BETTER = frozenset(
    ("delta_1.05", "delta_1.10", "delta_1.25", "coverage", "within_11.25", "within_22.5", "within_30")
)

#: Metric: (value, low, high), the interval NaN where there are fewer than two clips.
Summary = dict[str, tuple[float, float, float]]


def summarise(tallies: Sequence[Tally], pooled: bool, seed: int) -> Summary:
    """Every metric over clips, with a bootstrap interval over clips.

    pooled: over all of their pixels together; else every clip counts alike, as the paper's tables average.
    """
    tallies = [tally for tally in tallies if tally.pixels]
    if not tallies:
        return {}
    rows = np.stack([tally.values for tally in tallies])
    make = type(tallies[0])
    names = list(tallies[0].metrics())

    def by_pixels(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array(list(make(rows[chosen].sum(axis=0)).metrics().values()))

    own = np.array([list(tally.metrics().values()) for tally in tallies])

    def by_clips(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        return _mean(own[chosen])

    statistic = by_pixels if pooled else by_clips
    value = statistic(np.arange(len(rows)))
    low, high = _interval(statistic, len(rows), seed)
    return {name: (float(v), float(lo), float(hi)) for name, v, lo, hi in zip(names, value, low, high, strict=True)}


def ranks(rows: Sequence[Mapping[str, float]], metrics: Sequence[str]) -> list[float]:
    """The mean over metrics of each row's rank among the rows, 1 the best; equal values share the mean of theirs.

    A metric that a row lacks ranks it last there. NaN where no row has any.
    """
    from scipy.stats import rankdata

    places = []
    for metric in metrics:
        values = np.array([row.get(metric, np.nan) for row in rows], float)
        if np.isfinite(values).any():
            cost = -values if metric in HIGHER_IS_BETTER else values
            places.append(rankdata(np.where(np.isfinite(cost), cost, np.inf)))
    return [float(rank) for rank in np.mean(places, axis=0)] if places else [float("nan")] * len(rows)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the clips that have a value; a clip that an estimator failed at has no REL, and counts in the shares."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _interval(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]], clips: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap (Efron, 1979) over clips: frames of one clip are no independent draws."""
    from scipy.stats import bootstrap

    none = np.full(len(statistic(np.arange(1))), np.nan)
    if clips < 2:
        return none, none
    found = bootstrap(
        (np.arange(clips),),
        lambda chosen: statistic(np.asarray(chosen, np.int64)),
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return np.asarray(found.confidence_interval.low), np.asarray(found.confidence_interval.high)


def total(tallies: Sequence[DepthTally | AngleTally]) -> int:
    """Pixels of known truth."""
    return sum(tally.pixels for tally in tallies)
