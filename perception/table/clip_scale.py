"""One scale and shift for a whole clip, which a video model promises: fitted on a few of its frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import CalibrationError, ContradictionError, PerceptionError
from core.image import RgbdImage
from perception.depth_types import Kind, MetricDepth, RelativeDepth, TableView
from perception.table.anchors import Anchors, find_anchors
from perception.table.metric_scale import fit_metric, median_mm, to_metres

#: Relative values between which the frames' lines are compared (percentiles of all maps).
_LOW, _HIGH = 10, 90


@dataclass(frozen=True)
class ScaledFrame:
    """A frame that was fitted on its own: number in the clip, its scale and shift, and what the clip's do to it.

    residual_mm: median error at its anchors with the clip's scale and shift. drift_mm: median distance
    there between the clip's depth and that by its own fit.
    """

    number: int
    scale: float
    shift: float
    residual_mm: float
    drift_mm: float


@dataclass(frozen=True)
class ClipScale:
    """1/z = scale * d + shift for disparity, z = scale * d + shift for depth, z = scale * d for metric, over a clip."""

    scale: float
    shift: float
    anchor_source: str
    frames: tuple[ScaledFrame, ...]
    #: Why others that were looked at could not be fitted, by frame number.
    refused: dict[int, str]


def fit_clip(
    numbers: Sequence[int],
    frames: Sequence[RgbdImage],
    maps: Sequence[RelativeDepth],
    locate: Callable[[RgbdImage], TableView],
) -> ClipScale:
    """The line that is the median of the frames' own lines, each fitted where `locate` sees the table.

    At a low and a high relative value, the median over the frames of what their lines say there: a
    median of scales and one of shifts would be of no line.

    Raises:
        ContradictionError: a frame's depth, or a metric map, contradicts the tags.
        PerceptionError: no frame can be fitted, with the first one's reason.
    """
    fits: dict[int, tuple[Anchors, Kind, MetricDepth]] = {}
    refused: dict[int, str] = {}
    for number, frame, relative in zip(numbers, frames, maps, strict=True):
        try:
            view = locate(frame)
            own = fit_metric(relative, view, frame)
            fits[number] = find_anchors(relative, view, frame), relative.kind, own
        except ContradictionError:
            raise
        except (PerceptionError, CalibrationError) as error:
            refused[number] = error.cause
    if not fits:
        raise PerceptionError(
            next(iter(refused.values()), "There is no frame to fit."),
            "If the cell's tags or the bare table are out of view, record them, with depth, and name the cell with "
            "--cell; if they are in view, this estimator's answer is at fault.",
        )
    scale, shift = _median_line([own for *_, own in fits.values()], maps)
    scaled = tuple(_scaled_frame(number, *fit, scale, shift) for number, fit in fits.items())
    source = next(own.anchor_source for *_, own in fits.values())
    return ClipScale(scale, shift, source, scaled, refused)


def _scaled_frame(
    number: int, anchors: Anchors, kind: Kind, own: MetricDepth, scale: float, shift: float
) -> ScaledFrame:
    values = anchors.relative.astype(np.float32)
    by_clip_m = to_metres(values, kind, scale, shift)
    drift_m = by_clip_m - to_metres(values, kind, own.scale, own.shift)
    return ScaledFrame(number, own.scale, own.shift, median_mm(by_clip_m - anchors.depth_m), median_mm(drift_m))


def _median_line(fits: Sequence[MetricDepth], maps: Sequence[RelativeDepth]) -> tuple[float, float]:
    low, high = np.percentile(np.concatenate([m.values[np.isfinite(m.values)] for m in maps]), [_LOW, _HIGH])
    if not high > low:
        low, high = low, low + 1.0
    at_low = np.median([fit.scale * low + fit.shift for fit in fits])
    at_high = np.median([fit.scale * high + fit.shift for fit in fits])
    scale = float((at_high - at_low) / (high - low))
    return scale, float(at_low - scale * low)
