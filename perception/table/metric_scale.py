"""Relative depth made metric: a robust fit of scale and shift to what is known to be the table."""

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from core.threads import one_blas_thread
from perception.depth_types import Kind, MetricDepth, RelativeDepth, TableView
from perception.table.anchors import TABLE, Anchors, find_anchors
from perception.table.correction import TableCorrection, apply_correction, find_correction
from perception.table.metric_factor import metric_factor

#: Fewer anchors than this say nothing.
MIN_ANCHORS = 300
#: Anchors must span this much depth (2nd to 98th percentile), else scale and shift cannot be told apart.
MIN_SPREAD_MM = 80.0
#: Largest median error at the anchors, and largest median over the tags of the error of one left out.
MAX_RESIDUAL_MM = 10.0
MAX_LEFT_OUT_MM = 20.0

#: Errors beyond this count as something else than table (Tukey), never tighter than the floor.
_TUKEY_SIGMAS, _SIGMA_FLOOR_M = 4.0, 0.001
_DEPTH_BINS = 8
#: Most weight is the tags', whose paper no estimator mistakes for a mirror image; the rest the table's.
_TAG_SHARE = 0.6
#: Farther than any table: such disparities are noise around zero.
FARTHEST_M = 20.0


@one_blas_thread()
def fit_metric(relative: RelativeDepth, view: TableView, frame: RgbdImage) -> MetricDepth:
    """Scales an estimator's answer by the table's anchors, and takes out what bends slowly over the table.

    Kind `disparity` fits 1/z = a d + b, kind `depth` z = a d + b, both to least error in metres; kind
    `metric` takes a small factor where the tags ask for one (`perception.table.metric_factor`). Then
    `perception.table.correction` is used where it helps; a sensor's own depth is not bent.

    Raises:
        PerceptionError: the answer is unusable (shape, NaN, inf), the anchors are too few or span too
            little depth, the fit is poor (`MAX_RESIDUAL_MM`, `MAX_LEFT_OUT_MM`) or inverted, or metric
            depth contradicts the tags.
    """
    _demand_values(relative, frame)
    anchors, is_metric = find_anchors(relative, view, frame), relative.kind == "metric"
    if not is_metric:
        _demand_anchors(anchors, relative)
    a, b = (metric_factor(relative, anchors), 0.0) if is_metric else _fit(anchors, relative.kind)
    if not a > 0:
        raise PerceptionError(
            f"{relative.estimator} has near and far the wrong way round (fitted scale {a:.3g}).",
            "Try another estimator; if it is always so, its `kind` is declared wrongly.",
        )
    depth_m = to_metres(relative.values, relative.kind, a, b)
    if is_metric and not np.isfinite(depth_m).any():
        raise PerceptionError(f"{relative.estimator} gives no depth at all.", "Check the camera's depth stream.")
    correction = None if relative.is_sensor else _find_correction(anchors, depth_m)
    if correction is not None:
        depth_m = apply_correction(depth_m, correction)
    error_m = anchors.of(depth_m) - anchors.depth_m
    residual_mm = median_mm(error_m)
    tags_mm = {} if correction is None else correction.tags_mm
    ids = [int(id_) for id_ in np.unique(anchors.tag[anchors.tag >= 0])]
    if is_metric:
        tags_mm = {id_: median_mm(error_m[anchors.tag == id_]) for id_ in ids} | tags_mm
        tags_mm |= {tag.id: float("nan") for tag in view.tags if tag.id not in tags_mm}
    else:
        if correction is None or not correction.note.used:
            tags_mm = {id_: _error_left_out_mm(anchors, id_, relative.kind) for id_ in ids if len(ids) > 1}
        _demand_residual(residual_mm, tags_mm, relative)
    fit, note = (a, b, residual_mm, tags_mm, len(anchors)), None if correction is None else correction.note
    return MetricDepth(depth_m, *fit, view.source, relative.estimator, relative.confidence, note, relative.objects)


def to_metres(values: NDArray, kind: Kind, scale: float, shift: float) -> NDArray:
    """Depth [m] of an estimator's answer by a fitted scale and shift, NaN where that is behind or too far."""
    depth_m = values * scale if kind == "metric" else scale * values.astype(float) + shift
    if kind == "disparity":
        with np.errstate(divide="ignore"):
            depth_m = np.where(depth_m > 1 / FARTHEST_M, 1 / depth_m, np.nan)
    return np.where(depth_m > 0, depth_m, np.nan).astype(values.dtype)


def median_mm(errors_m: NDArray) -> float:
    """Median size [mm] of errors (N,) [m], NaN without any; where there is no depth (NaN) is a miss."""
    if not len(errors_m):
        return float("nan")
    return 1000 * float(np.median(np.nan_to_num(np.abs(errors_m), nan=FARTHEST_M)))


def _find_correction(anchors: Anchors, depth_m: NDArray[np.float32]) -> TableCorrection:
    """What the anchors say of depth (H, W) [m], where it has any."""
    found_m = anchors.of(depth_m).astype(float)
    seen = np.isfinite(found_m)
    height, width = depth_m.shape
    return find_correction(anchors.where(seen), 1 / found_m[seen], (height, width))


def _demand_values(relative: RelativeDepth, frame: RgbdImage) -> None:
    values, shape = relative.values, frame.color.shape[:2]
    if values.shape != shape:
        problem = f"depth of shape {values.shape} for an image of shape {shape}"
    elif relative.confidence is not None and relative.confidence.shape != shape:
        problem = f"confidence of shape {relative.confidence.shape} for an image of shape {shape}"
    elif np.isinf(values).any():
        problem = f"infinite depth on {int(np.isinf(values).sum())} pixels"
    elif not np.isfinite(values).any():
        problem = "no depth at all"
    else:
        return
    remedy = (
        "Look at the sensor: its cover, its range (0.3 to 3 m), the depth stream of this recording."
        if relative.is_sensor
        else "Capture again; if it stays, try another --estimator (raw: the sensor's own depth)."
    )
    raise PerceptionError(f"{relative.estimator} gives {problem}.", remedy)


def _demand_anchors(anchors: Anchors, relative: RelativeDepth) -> None:
    if len(anchors) < MIN_ANCHORS:
        raise PerceptionError(
            f"Only {len(anchors)} pixels of known depth carry an answer of {relative.estimator} "
            f"({MIN_ANCHORS} needed).",
            "Uncover the tags and the table between them.",
        )
    near_m, far_m = np.percentile(anchors.depth_m, [2, 98])
    spread_mm = 1000 * (far_m - near_m)
    if spread_mm < MIN_SPREAD_MM:
        raise PerceptionError(
            f"The pixels of known depth span only {spread_mm:.0f} mm of it ({MIN_SPREAD_MM:.0f} mm needed): "
            "scale and shift cannot be told apart.",
            "Uncover tags nearer to and farther from the camera, or tilt the camera against the table.",
        )
    if np.ptp(anchors.relative) <= 1e-6 * max(1.0, float(np.abs(anchors.relative).max())):
        raise PerceptionError(f"{relative.estimator} sees the table as flat: one value everywhere.", "Capture again.")


def _demand_residual(residual_mm: float, left_out: dict[int, float], relative: RelativeDepth) -> None:
    worst = f"per tag left out: {', '.join(f'{id_}: {mm:.0f} mm' for id_, mm in left_out.items())}"
    cause = f"The depth of {relative.estimator} does not fit the table: {residual_mm:.1f} mm median error"
    remedy = "Capture again with even light, check that the tags lie flat, or try another estimator."
    if not residual_mm <= MAX_RESIDUAL_MM:
        raise PerceptionError(f"{cause}, {MAX_RESIDUAL_MM:.0f} mm accepted ({worst}).", remedy)
    if left_out and not np.median(list(left_out.values())) <= MAX_LEFT_OUT_MM:
        raise PerceptionError(f"{cause}, but tags left out of the fit are missed ({worst}).", remedy)


def _fit(anchors: Anchors, kind: Kind) -> tuple[float, float]:
    """Scale and shift: a consensus start, then least squares with Tukey's reweighting of the errors in metres."""
    x, y = anchors.relative, 1 / anchors.depth_m if kind == "disparity" else anchors.depth_m
    # d z = z^2 d(1/z): with this weight errors of disparity count in metres.
    to_m = anchors.depth_m**2 if kind == "disparity" else np.ones(len(anchors))
    balance = _balance(anchors)
    a, b = _consensus(x, y, to_m, balance)
    for _ in range(12):
        error_m = to_m * (y - a * x - b)
        order = np.argsort(np.abs(error_m))
        middle = np.searchsorted(np.cumsum(balance[order]), 0.5 * balance.sum())
        sigma = max(1.4826 * np.abs(error_m[order][middle]), _SIGMA_FLOOR_M)
        weight = balance * np.clip(1 - (error_m / (_TUKEY_SIGMAS * sigma)) ** 2, 0, None) ** 2 * to_m**2
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        a = float(np.sum(weight * (x - mean_x) * (y - mean_y)) / np.sum(weight * (x - mean_x) ** 2))
        b = float(mean_y - a * mean_x)
    return a, b


def _balance(anchors: Anchors) -> NDArray[np.float64]:
    """Weights that sum to 1: tags against table, each tag alike, and near table like far table."""
    on_table = anchors.tag == TABLE
    weight = np.zeros(len(anchors))
    ids = np.unique(anchors.tag[~on_table])
    has_both = len(ids) > 0 and bool(on_table.any())
    for id_ in ids:
        own = anchors.tag == id_
        weight[own] = (_TAG_SHARE if has_both else 1.0) / (len(ids) * own.sum())
    if on_table.any():
        depth_m = anchors.depth_m[on_table]
        edges = np.linspace(depth_m.min(), depth_m.max(), _DEPTH_BINS + 1)[1:-1]
        bins = np.digitize(depth_m, edges)
        # The root keeps a sliver of table at the far end from weighing like a full strip.
        share = 1 / np.sqrt(np.bincount(bins, minlength=_DEPTH_BINS)[bins])
        weight[on_table] = ((1 - _TAG_SHARE) if has_both else 1.0) * share / share.sum()
    return weight


def _consensus(relative: NDArray, target: NDArray, to_metres: NDArray, weight: NDArray) -> tuple[float, float]:
    """The line through two of the anchors with the least (weighted median) error in metres."""
    rng = np.random.default_rng(0)
    picks = rng.choice(len(relative), size=(300, 2), p=weight / weight.sum())
    rise = relative[picks[:, 1]] - relative[picks[:, 0]]
    steep = np.abs(rise) > 1e-6 * np.ptp(relative)
    if not steep.any():
        return 0.0, float(np.average(target, weights=weight))
    slopes = (target[picks[steep, 1]] - target[picks[steep, 0]]) / rise[steep]
    shifts = target[picks[steep, 0]] - slopes * relative[picks[steep, 0]]
    sample = rng.choice(len(relative), size=min(1500, len(relative)), p=weight / weight.sum())
    errors_m = to_metres[sample] * np.abs(target[sample] - np.outer(slopes, relative[sample]) - shifts[:, None])
    best = int(np.argmin(np.median(errors_m, axis=1)))
    return float(slopes[best]), float(shifts[best])


def _error_left_out_mm(anchors: Anchors, id_: int, kind: Kind) -> float:
    """The error at a tag of a fit that knows neither it nor the table around it."""
    a, b = _fit(anchors.where(anchors.near != id_), kind)
    own = anchors.where(anchors.tag == id_)
    return median_mm(to_metres(own.relative, kind, a, b) - own.depth_m)
