"""Relative depth made metric: a robust fit of scale and shift to what is known to be the table."""

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from core.threads import one_blas_thread
from perception.depth_types import Kind, MetricDepth, RelativeDepth, TableView
from perception.table.anchors import TABLE, Anchors, find_anchors
from perception.table.correction import TableCorrection, apply_correction, find_correction

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
    `metric` needs no fit, and its error at the anchors is reported and never refused. Then
    `perception.table.correction` is used where it helps; a sensor's own depth stays as it is.

    Raises:
        PerceptionError: the answer is unusable (shape, NaN, inf), the anchors are too few or span too
            little depth, or the fit is poor (`MAX_RESIDUAL_MM`, `MAX_LEFT_OUT_MM`) or inverted.
    """
    _demand_values(relative, frame)
    anchors = find_anchors(relative, view, frame)
    if relative.kind == "metric":
        return _keep_metres(relative, view, anchors)
    _demand_anchors(anchors, relative)
    is_inverse = relative.kind == "disparity"
    a, b = _fit(anchors, is_inverse)
    if not a > 0:
        raise PerceptionError(
            f"{relative.estimator} has near and far the wrong way round (fitted scale {a:.3g}).",
            "Try another estimator; if it is always so, its `kind` is declared wrongly.",
        )
    depth_m = to_metres(relative.values, relative.kind, a, b)
    correction = _correction(anchors, depth_m)
    depth_m = apply_correction(depth_m, correction)
    residual_mm = _map_error_mm(anchors, depth_m)
    left_out = correction.tags_mm if correction.note.used else _errors_left_out_mm(anchors, is_inverse)
    _demand_residual(residual_mm, left_out, relative)
    fit = (a, b, residual_mm, left_out, len(anchors))
    return MetricDepth(depth_m, *fit, view.source, relative.estimator, relative.confidence, correction.note)


def to_metres(values: NDArray[np.float32], kind: Kind, scale: float, shift: float) -> NDArray[np.float32]:
    """Depth [m] of an estimator's answer by a fitted scale and shift, NaN where that is behind or too far."""
    if kind == "metric":
        return np.where(values > 0, values, np.nan).astype(np.float32)
    return _metric(values, scale, shift, kind == "disparity").astype(np.float32)


def _keep_metres(relative: RelativeDepth, view: TableView, anchors: Anchors) -> MetricDepth:
    depth_m = to_metres(relative.values, relative.kind, 1.0, 0.0)
    if not np.isfinite(depth_m).any():
        raise PerceptionError(f"{relative.estimator} gives no depth at all.", "Check the camera's depth stream.")
    correction = None if relative.is_sensor else _correction(anchors, depth_m)
    if correction is not None:
        depth_m = apply_correction(depth_m, correction)
    ids = np.unique(anchors.tag[anchors.tag >= 0])
    per_tag = {int(id_): _map_error_mm(anchors.where(anchors.tag == id_), depth_m) for id_ in ids}
    per_tag |= {} if correction is None else correction.tags_mm
    per_tag |= {tag.id: float("nan") for tag in view.tags if tag.id not in per_tag}
    fit = (1.0, 0.0, _map_error_mm(anchors, depth_m), per_tag, len(anchors))
    note = None if correction is None else correction.note
    return MetricDepth(depth_m, *fit, view.source, relative.estimator, relative.confidence, note)


def _correction(anchors: Anchors, depth_m: NDArray[np.float32]) -> TableCorrection:
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


def _fit(anchors: Anchors, is_inverse: bool) -> tuple[float, float]:
    """Scale and shift: a consensus start, then Tukey's reweighting of the errors in metres."""
    target = 1 / anchors.depth_m if is_inverse else anchors.depth_m
    # d z = z^2 d(1/z): with this weight errors of disparity count in metres.
    to_metres = anchors.depth_m**2 if is_inverse else np.ones(len(anchors))
    weight = _balance(anchors)
    a, b = _consensus(anchors.relative, target, to_metres, weight)
    for _ in range(12):
        error_m = to_metres * (target - a * anchors.relative - b)
        sigma = max(1.4826 * _weighted_median(np.abs(error_m), weight), _SIGMA_FLOOR_M)
        tukey = np.clip(1 - (error_m / (_TUKEY_SIGMAS * sigma)) ** 2, 0, None) ** 2
        a, b = _line(anchors.relative, target, weight * tukey * to_metres**2)
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


def _line(x: NDArray, y: NDArray, weight: NDArray) -> tuple[float, float]:
    """Weighted least squares of y = a x + b."""
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    a = np.sum(weight * (x - mean_x) * (y - mean_y)) / np.sum(weight * (x - mean_x) ** 2)
    return float(a), float(mean_y - a * mean_x)


def _weighted_median(values: NDArray, weight: NDArray) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum())])


def _metric(values: NDArray, a: float, b: float, is_inverse: bool) -> NDArray[np.float64]:
    fitted = a * values.astype(float) + b
    if is_inverse:
        with np.errstate(divide="ignore"):
            fitted = np.where(fitted > 1 / FARTHEST_M, 1 / fitted, np.nan)
    return np.where(fitted > 0, fitted, np.nan)


def _error_mm(anchors: Anchors, depth_m: NDArray) -> float:
    """Median error [mm] of depths (N,) at the anchors, NaN without any; what has no depth is a miss."""
    if not len(anchors):
        return float("nan")
    return 1000 * float(np.median(np.nan_to_num(np.abs(depth_m - anchors.depth_m), nan=FARTHEST_M)))


def _map_error_mm(anchors: Anchors, depth_m: NDArray[np.float32]) -> float:
    """`_error_mm` of a map (H, W) [m]."""
    return _error_mm(anchors, anchors.of(depth_m))


def _errors_left_out_mm(anchors: Anchors, is_inverse: bool) -> dict[int, float]:
    """Per tag, the error at it of a fit that knows neither it nor the table around it."""
    ids = np.unique(anchors.tag[anchors.tag >= 0])
    errors = {}
    for id_ in ids if len(ids) > 1 else []:
        a, b = _fit(anchors.where(anchors.near != id_), is_inverse)
        own = anchors.where(anchors.tag == id_)
        errors[int(id_)] = _error_mm(own, _metric(own.relative, a, b, is_inverse))
    return errors
