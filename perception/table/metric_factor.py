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
from perception.table.units import FLIPS, UNITS, refuse_normalised, unit_of

Frame = TypeVar("Frame", bound=RgbdImage)

#: A factor nearer to one is no error: a D435 and the tags agree to 0.3 % on 80 rendered scenes.
LEAST_FACTOR = 0.004
#: A depth camera that is off by more is not off but another thing: units, alignment, a wrong file.
LARGEST_FACTOR = 0.1
#: What a factor may leave at the tags, in the median of them [m]: noise leaves 2 mm. Where depth scatters on each tag,
#: as in small pictures, twice that scatter, up to the second number.
MAX_LEFT_M, MAX_LEFT_NOISY_M = 0.006, 0.02
#: A tag counts with so many pixels of depth.
_LEAST_PX = 12


@dataclass(frozen=True)
class _Fit:
    """factor: what makes depth the tags', in their median. left_m, scatter_m: the median tag's error with it, and how
    far the errors on a tag lie from their median."""

    factor: float
    left_m: float
    scatter_m: float

    @property
    def agrees(self) -> bool:
        return self.left_m <= max(MAX_LEFT_M, min(2 * self.scatter_m, MAX_LEFT_NOISY_M))


def metric_factor(metric: RelativeDepth, anchors: Anchors) -> float:
    """What metric depth must be multiplied with to agree with the tags: 1 where it does, or where none has depth.

    Raises:
        ContradictionError: no factor near one makes it agree; it names what the numbers are likely to be.
    """
    fit = _fit(anchors, anchors.relative)
    if fit is None:
        return 1.0
    if abs(fit.factor - 1) <= LARGEST_FACTOR and fit.agrees:
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
    return metric_factor(sensor, find_anchors(sensor, view, frame))


def corrected(frames: Sequence[Frame], view: TableView) -> tuple[Frame, ...]:
    """The frames with their own depth times the view's factor."""
    if view.sensor_factor == 1:
        return tuple(frames)
    return tuple(replace(one, depth_m=one.depth_m * np.float32(view.sensor_factor)) for one in frames)


def _fit(anchors: Anchors, depth_m: NDArray) -> _Fit | None:
    """The factor of depth (N,) at the anchors, by the tags alone: paper is no mirror. None: fewer than two have any."""
    seen = np.isfinite(depth_m) & (depth_m > 0) & (anchors.tag != TABLE)
    tags = [own for id_ in np.unique(anchors.tag[seen]) if (own := seen & (anchors.tag == id_)).sum() >= _LEAST_PX]
    if len(tags) < 2:
        return None
    factor = float(np.median([np.median(anchors.depth_m[own] / depth_m[own]) for own in tags]))
    errors_m = [factor * depth_m[own] - anchors.depth_m[own] for own in tags]
    left_m = [abs(np.median(error_m)) for error_m in errors_m]
    scatter_m = [np.median(np.abs(error_m - np.median(error_m))) for error_m in errors_m]
    return _Fit(factor, float(np.median(left_m)), float(np.median(scatter_m)))


def _contradiction(metric: RelativeDepth, anchors: Anchors, fit: _Fit) -> ContradictionError:
    """By the likeliest cause: a unit, the reciprocal, a flipped image, or depth of another camera."""
    name = metric.estimator
    table_m, found_m = float(np.median(anchors.depth_m)), float(np.nanmedian(anchors.relative))
    told = f"{name} has the table at {found_m:.4g} m where the tags have it at {table_m:.2f} m"
    if fit.agrees:
        unit = unit_of(fit.factor)
        scale = next((one for one, name in UNITS.items() if name == unit), fit.factor)
        return ContradictionError(
            f"{told}: " + (f"its numbers are {unit}, not metres." if unit else f"a factor of {fit.factor:.4g}."),
            f'Multiply it by {scale:.3g} (in a frame folder: "depth_scale": {scale:.3g} in intrinsics.json).'
            if unit
            else "Check its unit, the tags' sizes and places in the cell file, and the intrinsics.",
            scale,
        )
    inverse = _fit(anchors, 1 / anchors.relative)
    if inverse is not None and inverse.agrees:
        return ContradictionError(
            f"{told}, near and far the wrong way round: it is disparity (1/depth).", "Give 1 / it."
        )
    for how, flip in FLIPS.items():
        flipped = _fit(anchors, anchors.of(metric.values[flip]))
        if flipped is not None and flipped.agrees and abs(flipped.factor - 1) <= LARGEST_FACTOR:
            return ContradictionError(f"{told}: depth is {how} against colour.", "Turn it as the colour image is.")
    return ContradictionError(
        f"{told}, and no factor makes it lie along the table ({1000 * fit.left_m:.0f} mm are left at the tags).",
        "Align depth to this colour camera, and see that both are of one moment and that the intrinsics are colour's.",
    )
