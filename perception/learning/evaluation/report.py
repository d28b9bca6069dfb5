"""Results of clips as tables: by protocol and region, with the paper's rows where they are of the same kind.

The DKT paper (arXiv 2512.23705): its Table I is ClearPose and TransPhy3D-Test, Table II DREDS (STD-CatKnown and
STD-CatNovel), Table V normals on ClearPose. Only numbers that were found are here: DKT's own rows, not those of the
methods that it compares.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from perception.learning.evaluation.evaluate import ClipResult, tolerance_m
from perception.learning.evaluation.metrics import CONFIDENCE_BINS, Metrics
from perception.learning.evaluation.regions import FAMILY
from perception.learning.evaluation.tables import RANKED, Columns, ResultRow, ResultTable, Summary

_TITLES = {
    "aligned": "One scale and shift a clip, fitted to the truth (the paper's protocol)",
    "used": "Metric depth as the cell makes it",
    "sensor": "Scale and shift fitted to the sensor outside the glass",
    "normals": "Normals",
    "jitter": "Standard deviation of metric depth over frames, camera and scene still",
    "confidence": "Confidence in metric depth, as it is said and as it proves true",
}
#: Regions in the order of their tables.
_REGIONS = {
    "all": "all pixels",
    "objects": "pixels of objects",
    "transparent": "transparent pixels",
    "specular": "mirror-like pixels",
    "hard": "transparent and mirror-like pixels",
    "table": "bare table",
}
#: Protocols whose metrics are not those of depth.
_COLUMNS: Mapping[str, Columns] = {"normals": "normals", "jitter": "jitter", "confidence": "confidence"}
#: The protocols in which every clip counts alike; in the others every pixel does.
_BY_CLIPS = ("aligned", "normals")

RESAMPLES, LEVEL = 1000, 0.95
#: How metrics begin of which more is better.
HIGHER_IS_BETTER = ("delta", "coverage", "within")

Array = NDArray[np.float64]
Results = Mapping[str, Sequence[ClipResult]]


def _published(columns: Columns, method: str, source: str, first: float, second: float, *shares: float) -> ResultRow:
    """As printed. Depth: REL [%], RMSE [cm], delta 1.05, 1.10, 1.25 [%]; normals: mean, median [deg], shares [%]."""
    values = (first / 100 if columns == "depth" else first, second, *(share / 100 for share in shares))
    metrics = {name: (value, nan, nan) for name, value in zip(RANKED[columns], values, strict=True)}
    return ResultRow(method, metrics, nan, published=True, note=f"the paper, {source}")


#: By protocol and data set, on all pixels.
_PAPER = {
    ("aligned", "clearpose"): (
        _published("depth", "DKT-14B", "Table I", 9.72, 14.58, 38.17, 65.50, 93.04),
        _published("depth", "DKT-1.3B (LoRA)", "its ablation", 11.17, 17.45, 33.16, 58.02, 90.65),
    ),
    ("aligned", "transphy3d"): (_published("depth", "DKT-14B", "Table I", 2.96, 19.50, 87.17, 97.09, 98.56),),
    ("aligned", "std-catknown"): (_published("depth", "DKT-14B", "Table II", 5.30, 4.96, 53.86, 84.93, 99.89),),
    ("aligned", "std-catnovel"): (_published("depth", "DKT-14B", "Table II", 5.71, 4.66, 52.12, 79.51, 99.84),),
    ("normals", "clearpose"): (_published("normals", "DKT-Normal-14B", "Table V", 26.03, 18.59, 30.06, 59.63, 70.98),),
}


def tables_of(results: Results, kind: str, name: str, seed: int) -> tuple[ResultTable, ...]:
    """results: by estimator, all of the same clips. kind, name: the data set's."""
    tables = []
    for protocol in _TITLES:
        found = {region for own in results.values() for clip in own for region in clip.metrics.get(protocol, {})}
        if "specular" not in found:
            # It and `transparent` are one where nothing is mirror-like.
            found.discard("hard")
        families = sorted(region for region in found if region.startswith(FAMILY)) if protocol == "used" else []
        for region in [*(region for region in _REGIONS if region in found), *families]:
            tables.append(_table(results, kind, name, protocol, region, seed))
    return tuple(table for table in tables if table.rows)


def _table(results: Results, kind: str, name: str, protocol: str, region: str, seed: int) -> ResultTable:
    columns = _COLUMNS.get(protocol, "depth")
    summaries = {}
    for estimator, own in results.items():
        clips = [clip.metrics[protocol][region] for clip in own if region in clip.metrics.get(protocol, {})]
        if summary := summarise(clips, protocol not in _BY_CLIPS, seed):
            summaries[estimator] = summary
    paper = _PAPER.get((protocol, name.lower() if kind == "dreds" else kind), ()) if region == "all" else ()
    # The paper's TransPhy3D-Test is another one than what is rendered here.
    ranked = paper if kind != "transphy3d" else ()
    numbers = [*summaries.values(), *(row.metrics for row in ranked)]
    places = ranks([{metric: value for metric, (value, _, _) in one.items()} for one in numbers], RANKED[columns])
    rows = []
    for (estimator, summary), rank in zip(summaries.items(), places, strict=False):
        row = ResultRow(estimator, summary, rank, note=_note(results[estimator], protocol))
        rows += _confidence_rows(row) if columns == "confidence" else [row]
    if rows and ranked:
        rows += [row.ranked(rank) for row, rank in zip(paper, places[len(summaries) :], strict=True)]
    elif rows:
        rows += [row.ranked(nan, ", other scenes") for row in paper]
    return ResultTable(f"{_TITLES[protocol]}: {_REGIONS.get(region, region)}", tuple(rows), columns)


def _confidence_rows(row: ResultRow) -> list[ResultRow]:
    """A row over all pixels, which alone has the rank, and one for each bin that has any."""
    what = f"true: within {1000 * tolerance_m():.0f} mm"
    whole = {name: row.metrics[name] for name in ("said", "true", "share", "calibration_error")}
    rows = [ResultRow(row.method, whole, row.rank, note="; ".join(filter(None, (what, row.note))))]
    for k in range(CONFIDENCE_BINS):
        bin_ = {name: row.metrics[f"{name}_{k}"] for name in ("said", "true", "share")}
        if bin_["share"][0] > 0:
            low, high = (round(100 * edge / CONFIDENCE_BINS) for edge in (k, k + 1))
            rows.append(ResultRow(f"{row.method}, {low}–{high} % sure", bin_, nan))
    return rows


def _note(clips: Sequence[ClipResult], protocol: str) -> str:
    """What did not work, and by what the table was found."""
    frames = sum(clip.frames for clip in clips)
    notes = []
    if missed := sum(len(clip.misses) for clip in clips):
        notes.append(f"{missed} of {frames} frames without an answer")
    if protocol == "used":
        if unused := sum(len(clip.unused) for clip in clips):
            notes.append(f"{unused} of {frames} refused")
        sources = {source for clip in clips for source in clip.tables}
        counts = {source: sum(clip.tables.get(source, 0) for clip in clips) for source in sorted(sources)}
        notes.append("table by " + ", ".join(f"{source} in {count}" for source, count in counts.items()))
    return "; ".join(notes)


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
            cost = -values if metric.startswith(HIGHER_IS_BETTER) else values
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
