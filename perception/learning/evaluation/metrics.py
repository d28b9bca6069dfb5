"""Sums over pixels from which every metric follows, and which add up over frames and clips.

Depth (Eigen, Puhrsch and Fergus, 2014; thresholds of the DKT paper, arXiv 2512.23705): REL is the mean of
|d - t| / t, RMSE the root of the mean of (d - t)^2, delta_x the share with max(d / t, t / d) < x.
A pixel without an answer is a miss for delta; REL, RMSE and the median are over those that have one,
and coverage says how many have. Normals: the angle between answer and truth, a missing one being 180 deg.
Jitter: the standard deviation of a pixel's depth over frames in which nothing moves.
Confidence: the probability that an answer holds as the estimator says it, beside the share of answers that held.
The calibration error is the mean over pixels of |said - true|, either being the mean of the pixel's bin (Naeini,
Cooper and Hauskrecht, 2015).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.regions import things_of

THRESHOLDS = (1.05, 1.10, 1.25)
ANGLES_DEG = (11.25, 22.5, 30.0)
#: Errors are binned by their logarithm, bins 2.3 % wide from 10 um to 10 m; the last takes what is more.
_MM_EDGES = np.geomspace(0.01, 10_000, 601)
_DEG_EDGES = np.linspace(0, 180, 1801)
#: Poses that differ by less [m, or unitless rotation] are one place; true depth by less [m]: nothing moved.
SAME_PLACE, SAME_DEPTH_M = 1e-6, 1e-4
#: Bins of equal width of the confidence that is said.
CONFIDENCE_BINS = 10

Array = NDArray[np.float64]
#: pixels, answered, sum of relative errors, of squared errors [m^2], hits for each threshold; then the bins.
_DEPTH_SUMS = 4 + len(THRESHOLDS)
#: pixels, sum of angles [deg], hits for each angle; then the bins.
_ANGLE_SUMS = 2 + len(ANGLES_DEG)


@dataclass(frozen=True)
class Metrics(ABC):
    """values: (length,) sums, of which those over two regions, frames or clips add up."""

    values: Array
    length: ClassVar[int]

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros(cls.length))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.values + other.values)

    @property
    def pixels(self) -> int:
        return int(self.values[0])

    def compute(self) -> dict[str, float]:
        """The metrics by name, shares in 0..1, NaN where there is nothing."""
        return {name: float(value) for name, value in self.compute_all(self.values).items()}

    @staticmethod
    @abstractmethod
    def compute_all(values: Array) -> dict[str, Array]:
        """The same of many sums (..., length) at once."""


@dataclass(frozen=True)
class DepthMetrics(Metrics):
    """rel, rmse_cm, delta_1.05 ..., median_mm, coverage."""

    length = _DEPTH_SUMS + len(_MM_EDGES) - 1

    @classmethod
    def of(cls, depth_m: NDArray, truth_m: NDArray, region: NDArray[np.bool_]) -> Self:
        """Of the pixels of a region whose truth is known; all three (H, W), NaN: none."""
        known = region & np.isfinite(truth_m)
        d, t = depth_m[known].astype(np.float64), truth_m[known].astype(np.float64)
        answered = np.isfinite(d) & (d > 0)
        pixels, d, t = len(d), d[answered], t[answered]
        error_m, ratio = np.abs(d - t), np.maximum(d / t, t / d)
        hits = [np.count_nonzero(ratio < x) for x in THRESHOLDS]
        sums = np.array([pixels, len(d), (error_m / t).sum(), (error_m**2).sum(), *hits], np.float64)
        return cls(np.concatenate([sums, _mm_bins(error_m)]))

    @staticmethod
    def compute_all(values: Array) -> dict[str, Array]:
        pixels, answered, relative, square_m2, *hits = np.moveaxis(values[..., :_DEPTH_SUMS], -1, 0)
        return {
            "rel": _ratio(relative, answered),
            "rmse_cm": 100 * np.sqrt(_ratio(square_m2, answered)),
            **{f"delta_{x:.2f}": _ratio(own, pixels) for x, own in zip(THRESHOLDS, hits, strict=True)},
            "median_mm": _median(values[..., _DEPTH_SUMS:], _MM_EDGES),
            "coverage": _ratio(answered, pixels),
        }


@dataclass(frozen=True)
class NormalMetrics(Metrics):
    """mean_deg, median_deg, within_11.25 ..."""

    length = _ANGLE_SUMS + len(_DEG_EDGES) - 1

    @classmethod
    def of(cls, normals: NDArray, truth: NDArray, region: NDArray[np.bool_]) -> Self:
        """Of unit normals (H, W, 3), NaN: none, on the pixels of a region (H, W) whose truth is known."""
        known = region & np.isfinite(truth).all(axis=-1)
        cosine = np.sum(normals[known].astype(np.float64) * truth[known], axis=-1)
        angle = np.degrees(np.arccos(np.clip(np.where(np.isfinite(cosine), cosine, -1), -1, 1)))
        hits = [np.count_nonzero(angle < x) for x in ANGLES_DEG]
        sums = np.array([len(angle), angle.sum(), *hits], np.float64)
        return cls(np.concatenate([sums, np.histogram(angle, _DEG_EDGES)[0]]))

    @staticmethod
    def compute_all(values: Array) -> dict[str, Array]:
        pixels, total_deg, *hits = np.moveaxis(values[..., :_ANGLE_SUMS], -1, 0)
        return {
            "mean_deg": _ratio(total_deg, pixels),
            "median_deg": _median(values[..., _ANGLE_SUMS:], _DEG_EDGES),
            **{f"within_{x:g}": _ratio(own, pixels) for x, own in zip(ANGLES_DEG, hits, strict=True)},
        }


@dataclass(frozen=True)
class JitterMetrics(Metrics):
    """jitter_mm: the median over pixels, at least 0.01 as the bins begin there. values: pixels, then their bins."""

    length = len(_MM_EDGES)

    @classmethod
    def of(cls, deviation_m: NDArray, region: NDArray[np.bool_]) -> Self:
        """Of the standard deviation (H, W) [m] of each pixel of a region, NaN: none."""
        own_m = deviation_m[region & np.isfinite(deviation_m)].astype(np.float64)
        return cls(np.concatenate([[float(len(own_m))], _mm_bins(own_m)]))

    @staticmethod
    def compute_all(values: Array) -> dict[str, Array]:
        return {"jitter_mm": _median(values[..., 1:], _MM_EDGES)}


class JitterMeter:
    """Gathers a film's depth for as long as its camera and its scene stand still.

    Frame by frame (Welford, 1962): pixels without an answer in a frame count in those that have one.
    """

    def __init__(self) -> None:
        self._first: DatasetFrame | None = None
        self._is_still = True
        self._frames = 0
        self._answers: NDArray[np.float64] = np.empty(0)
        self._mean_m: NDArray[np.float64] = np.empty(0)
        self._square_m2: NDArray[np.float64] = np.empty(0)

    def add(self, frame: DatasetFrame, depth_m: NDArray[np.float32]) -> None:
        """Takes the metric depth (H, W) [m] of the next frame, NaN: none."""
        if self._first is None:
            self._first = frame
            self._answers, self._mean_m, self._square_m2 = (np.zeros(depth_m.shape) for _ in range(3))
        earlier, pose = self._first, frame.T_world_camera
        self._is_still = bool(
            self._is_still
            and earlier.T_world_camera is not None
            and pose is not None
            and np.abs(earlier.T_world_camera - pose).max() <= SAME_PLACE
            and np.allclose(earlier.depth_m, frame.depth_m, rtol=0, atol=SAME_DEPTH_M, equal_nan=True)
        )
        if not self._is_still:
            return
        self._frames += 1
        answered = np.isfinite(depth_m)
        self._answers += answered
        off_m = np.where(answered, depth_m - self._mean_m, 0.0)
        self._mean_m += off_m / np.maximum(self._answers, 1)
        self._square_m2 += off_m * np.where(answered, depth_m - self._mean_m, 0.0)

    def metrics(self) -> dict[str, JitterMetrics]:
        """By region: `objects`, and those of glass and mirrors; none where something moved or one frame is all."""
        if self._first is None or not self._is_still or self._frames < 2:
            return {}
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation_m = np.sqrt(self._square_m2 / (self._answers - 1))
        deviation_m[self._answers < 2] = np.nan
        return {name: JitterMetrics.of(deviation_m, mask) for name, mask in things_of(self._first).items()}


@dataclass(frozen=True)
class ConfidenceMetrics(Metrics):
    """said, true, share (of the pixels), calibration_error; said_0, true_0, share_0 of the first bin, and so on.

    values: pixels of each bin of what is said; then the sums of what they say; then how many of them held.
    """

    length = 3 * CONFIDENCE_BINS

    @classmethod
    def of(cls, said: NDArray, held: NDArray[np.bool_], region: NDArray[np.bool_]) -> Self:
        """Of confidences (H, W) in 0..1, NaN: none, and whether the answers held, on the pixels of a region."""
        known = region & np.isfinite(said)
        p, held = said[known].astype(np.float64), held[known]
        bins = np.clip((CONFIDENCE_BINS * p).astype(int), 0, CONFIDENCE_BINS - 1)
        sums = [np.bincount(bins, weights, CONFIDENCE_BINS) for weights in (None, p, held)]
        return cls(np.concatenate(sums).astype(np.float64))

    @property
    def pixels(self) -> int:
        return int(self.values[:CONFIDENCE_BINS].sum())

    @staticmethod
    def compute_all(values: Array) -> dict[str, Array]:
        pixels, said, held = np.moveaxis(values.reshape(*values.shape[:-1], 3, CONFIDENCE_BINS), -2, 0)
        total = pixels.sum(-1)
        found = {
            "said": _ratio(said.sum(-1), total),
            "true": _ratio(held.sum(-1), total),
            "share": _ratio(total, total),
            "calibration_error": _ratio(np.abs(said - held).sum(-1), total),
        }
        for k in range(CONFIDENCE_BINS):
            found[f"said_{k}"] = _ratio(said[..., k], pixels[..., k])
            found[f"true_{k}"] = _ratio(held[..., k], pixels[..., k])
            found[f"share_{k}"] = _ratio(pixels[..., k], total)
        return found


def _mm_bins(errors_m: Array) -> Array:
    return np.histogram(np.clip(1000 * errors_m, _MM_EDGES[0], _MM_EDGES[-1]), _MM_EDGES)[0]


def _ratio(part: Array, whole: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _median(bins: Array, edges: Array) -> Array:
    """(...,) where half of the count of bins (..., N) lies below, a bin's entries being spread evenly over it."""
    sums = np.cumsum(bins, axis=-1)
    half = sums[..., -1:] / 2
    k = np.argmax(sums >= half, axis=-1)[..., None]
    own = np.take_along_axis(bins, k, -1)
    below = np.take_along_axis(sums, k, -1) - own
    share = _ratio(half - below, own)[..., 0]
    k = k[..., 0]
    return edges[k] + share * (edges[k + 1] - edges[k])
