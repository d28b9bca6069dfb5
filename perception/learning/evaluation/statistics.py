"""From clips to a table's numbers: means over clips or over pixels, their intervals, and ranks."""

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from perception.learning.evaluation.metrics import Metrics

RESAMPLES = 1000
LEVEL = 0.95
#: Metrics of which more is better.
HIGHER_IS_BETTER = frozenset(
    ("delta_1.05", "delta_1.10", "delta_1.25", "coverage", "within_11.25", "within_22.5", "within_30")
)

Array = NDArray[np.float64]
#: Metric: (value, low, high), the interval NaN where there are fewer than two clips.
Summary = dict[str, tuple[float, float, float]]


def summarise(clips: Sequence[Metrics], pooled: bool, seed: int) -> Summary:
    """Every metric over clips, with a bootstrap interval over clips.

    pooled: over all of their pixels together; else every clip counts alike, as the paper's tables average.
    """
    clips = [clip for clip in clips if clip.pixels]
    if not clips:
        return {}
    rows, compute_all = np.stack([clip.values for clip in clips]), clips[0].compute_all
    own = np.stack(list(compute_all(rows).values()), -1)

    def statistic(counts: Array) -> Array:
        """Metrics (R, M) of R draws, in which counts (R, clips) says how often each clip is."""
        if pooled:
            return np.stack(list(compute_all(counts @ rows).values()), -1)
        known = np.isfinite(own)
        # A clip that an estimator failed at has no REL, and counts in the shares.
        return (counts @ np.where(known, own, 0)) / np.where(counts @ known > 0, counts @ known, np.nan)

    value = statistic(np.ones((1, len(rows))))[0]
    low, high = _interval(statistic, len(rows), seed)
    numbers = np.stack([value, low, high], -1).tolist()
    return {name: (v, lo, hi) for name, (v, lo, hi) in zip(compute_all(rows), numbers, strict=True)}


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


def _interval(statistic: Callable[[Array], Array], clips: int, seed: int) -> tuple[Array, Array]:
    """Percentile bootstrap (Efron, 1979) over clips: frames of one clip are no independent draws."""
    from scipy.stats import DegenerateDataWarning, bootstrap

    if clips < 2:
        none = np.full(statistic(np.ones((1, clips))).shape[1], np.nan)
        return none, none

    def drawn(places: NDArray[np.int64], axis: int) -> Array:
        counts = np.apply_along_axis(np.bincount, axis, places, minlength=clips)
        return statistic(np.atleast_2d(np.moveaxis(counts, axis, -1)).astype(np.float64)).T

    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        # Clips that are all alike have an interval of no width, which is no cause for concern.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            (np.arange(clips),),
            drawn,
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    return np.ravel(found.confidence_interval.low), np.ravel(found.confidence_interval.high)
