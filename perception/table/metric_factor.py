"""Depth that is metric already, held against the table that the tags show: it needs no scale, or a small one, or is
something else than metres."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import ContradictionError
from core.image import RgbdImage
from perception.depth_types import RelativeDepth, TableView
from perception.table.anchors import TABLE, Anchors, find_anchors
from perception.table.units import FLIPS, along_axis, nearest_unit_m, ray_lengths, refuse_normalised, unit_of

Frame = TypeVar("Frame", bound=RgbdImage)

#: A factor nearer to one is no error: a D435 and the tags agree to 0.3 % on 80 rendered scenes.
LEAST_FACTOR = 0.004
#: A depth camera that is off by more is not off but another thing: units, alignment, a wrong file.
LARGEST_FACTOR = 0.1
#: What a factor may leave at the tags, in the median of them [m]: noise leaves 2 mm. Where depth scatters on each tag,
#: as in small pictures, twice that scatter, up to the second number.
MAX_LEFT_M, MAX_LEFT_NOISY_M = 0.006, 0.02
#: What a factor may leave at the worst tag [m], where depth is corrected by it: noise leaves 4.3 mm.
MAX_WORST_M = 0.008
#: A sensor's depth lies about a tag's paper within this [m], in the median: within 4.3 mm on 84 rendered pictures.
MAX_SCATTER_M = 0.01
#: By so many rows depth may lie off colour, looked for every so many; where it does, no factor is left and the errors
#: at the tags are this share of the factor's at most: never so of 64 right pictures times 0.975 and 1.025.
_MOST_ROWS, _ROWS_STEP, _BETTER = 40, 5, 0.5
#: A tag counts with so many pixels of depth.
_LEAST_PX = 12


@dataclass(frozen=True)
class _Fit:
    """factor: what makes depth the tags', in their median. left_m, worst_m, scatter_m: the median tag's and the worst's
    error with it, and how far the errors on a tag lie from their median; worst_m is 0 of a model, which may bend."""

    factor: float
    left_m: float
    worst_m: float
    scatter_m: float

    @property
    def agrees(self) -> bool:
        """Whether depth lies along the table; one that is to be corrected, at every tag."""
        noise_m = min(2 * self.scatter_m, MAX_LEFT_NOISY_M)
        is_right = abs(self.factor - 1) <= LEAST_FACTOR
        return self.left_m <= max(MAX_LEFT_M, noise_m) and (is_right or self.worst_m <= max(MAX_WORST_M, noise_m))


def metric_factor(metric: RelativeDepth, anchors: Anchors) -> float:
    """What metric depth must be multiplied with to agree with the tags: 1 where it does, or where none has depth.

    Raises:
        ContradictionError: no factor near one makes it agree; it names what the numbers are likely to be.
    """
    fit = _fit(anchors, anchors.relative, metric.is_sensor)
    if fit is None:
        return 1.0
    if abs(fit.factor - 1) <= LARGEST_FACTOR and fit.agrees:
        if metric.is_sensor:
            _refuse_noise(metric, fit)
            _refuse_shifted(metric, anchors, fit)
        return 1.0 if abs(fit.factor - 1) <= LEAST_FACTOR else fit.factor
    refuse_normalised(metric.values)
    raise _contradiction(metric, anchors, fit)


def sensor_factor(frame: RgbdImage, view: TableView) -> float:
    """What a frame's own depth must be multiplied with to agree with the tags.

    Raises:
        ContradictionError: as `metric_factor`.
    """
    if not np.isfinite(frame.depth_m).any():
        return 1.0
    sensor = RelativeDepth(frame.depth_m, "metric", "The depth of this picture", is_sensor=True)
    anchors = find_anchors(sensor, view, frame)
    try:
        return metric_factor(sensor, anchors)
    except ContradictionError:
        straight = _fit(anchors, anchors.of(along_axis(frame)), is_sensor=True)
        if straight is not None and straight.agrees and abs(straight.factor - 1) <= LARGEST_FACTOR:
            raise ray_lengths() from None
        raise


def corrected(frames: Sequence[Frame], view: TableView) -> tuple[Frame, ...]:
    """The frames with their own depth times the view's factor."""
    if view.sensor_factor == 1:
        return tuple(frames)
    return tuple(replace(one, depth_m=one.depth_m * np.float32(view.sensor_factor)) for one in frames)


def _fit(anchors: Anchors, depth_m: NDArray, is_sensor: bool = False) -> _Fit | None:
    """The factor of depth (N,) at the anchors, by the tags alone: paper is no mirror. None: fewer than two have any."""
    seen = np.isfinite(depth_m) & (depth_m > 0) & (anchors.tag != TABLE)
    tags = [own for id_ in np.unique(anchors.tag[seen]) if (own := seen & (anchors.tag == id_)).sum() >= _LEAST_PX]
    if len(tags) < 2:
        return None
    factor = float(np.median([np.median(anchors.depth_m[own] / depth_m[own]) for own in tags]))
    errors_m = [factor * depth_m[own] - anchors.depth_m[own] for own in tags]
    left_m = [float(abs(np.median(error_m))) for error_m in errors_m]
    scatter_m = [np.median(np.abs(error_m - np.median(error_m))) for error_m in errors_m]
    return _Fit(factor, float(np.median(left_m)), max(left_m) if is_sensor else 0.0, float(np.median(scatter_m)))


def _refuse_noise(metric: RelativeDepth, fit: _Fit) -> None:
    """Raises a ContradictionError for depth that is right in the median alone."""
    if fit.scatter_m > MAX_SCATTER_M:
        raise ContradictionError(
            f"{metric.estimator} scatters by {1000 * fit.scatter_m:.0f} mm on the flat paper of each tag: it is noise, "
            "or of too few levels.",
            f"A depth camera scatters by less than {1000 * MAX_SCATTER_M:.0f} mm here: see how this depth was stored.",
        )


def _refuse_shifted(metric: RelativeDepth, anchors: Anchors, fit: _Fit) -> None:
    """Raises a ContradictionError where rows of depth that lie off colour's explain a factor, and better: a table that
    is seen from the side gets nearer from row to row."""
    if abs(fit.factor - 1) <= LEAST_FACTOR:
        return
    for rows in sorted(range(-_MOST_ROWS, _MOST_ROWS + 1, _ROWS_STEP), key=abs):
        moved = _fit(anchors, anchors.of(np.roll(metric.values, -rows, axis=0)), is_sensor=True)
        if moved is None or abs(moved.factor - 1) > 1.5 * LEAST_FACTOR:
            continue
        if moved.left_m + moved.worst_m < _BETTER * (fit.left_m + fit.worst_m):
            where = f"some {abs(rows)} rows {'below' if rows > 0 else 'above'} colour"
            raise ContradictionError(
                f"{metric.estimator} lies {where}: moved so, it is on the table without a factor of {fit.factor:.3f}.",
                "Align depth to this colour camera, and see that both were cut and resized alike.",
            )


def _contradiction(metric: RelativeDepth, anchors: Anchors, fit: _Fit) -> ContradictionError:
    """By the likeliest cause: a unit, the reciprocal, a flipped image, or depth of another camera."""
    name = metric.estimator
    table_m, found_m = float(np.median(anchors.depth_m)), float(np.nanmedian(anchors.relative))
    told = f"{name} has the table at {found_m:.4g} m where the tags have it at {table_m:.2f} m"
    if fit.agrees:
        return _other_unit(told, fit.factor)
    inverse = _fit(anchors, 1 / anchors.relative)
    if inverse is not None and inverse.agrees:
        return ContradictionError(
            f"{told}, near and far the wrong way round: it is disparity (1/depth).", "Give 1 / it."
        )
    for how, flip in FLIPS.items():
        flipped = _fit(anchors, anchors.of(metric.values[flip]), metric.is_sensor)
        if flipped is not None and flipped.agrees and abs(flipped.factor - 1) <= LARGEST_FACTOR:
            return ContradictionError(f"{told}: depth is {how} against colour.", "Turn it as the colour image is.")
    return ContradictionError(
        f"{told}, and no factor makes it lie along the table ({1000 * fit.left_m:.0f} mm are left at the tags).",
        "Align depth to this colour camera, and see that both are of one moment and that the intrinsics are colour's.",
    )


def _other_unit(told: str, factor: float) -> ContradictionError:
    """Of depth that lies along the table with a factor: what its unit is, also of whole numbers read as millimetres."""
    if unit := unit_of(factor):
        scale = nearest_unit_m(factor)
        return ContradictionError(
            f"{told}: its numbers are {unit}, not metres.",
            f'Multiply it by {scale:.3g} (in a frame folder: "depth_scale": {scale:.3g} in intrinsics.json).',
            scale,
        )
    told, scale = f"{told}: a factor of {factor:.4g}", nearest_unit_m(0.001 * factor)
    remedy = "Check its unit, the tags' sizes and places in the cell file, and the intrinsics."
    if unit := unit_of(0.001 * factor):
        told += f": whole numbers that were read as millimetres are {unit}"
        remedy = (
            f'If so, say it: "depth_scale": {scale:.3g} in intrinsics.json. If not: {remedy[0].lower()}{remedy[1:]}'
        )
    return ContradictionError(f"{told}.", remedy, 1000 * scale if unit else factor)
