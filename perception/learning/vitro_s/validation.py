"""How good vitro-s is on clips it has not seen, and how far its own word for it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.estimators.vitro_s.model import DENSITIES_PX_M, TOLERANCE_M, UNCALIBRATED, VitroS, working_intrinsics
from perception.learning.datasets.base import DatasetClip
from perception.learning.training.validation import Progress
from perception.learning.vitro_s.samples import KnownFrame, sensed
from perception.pictures import Image, turbo

#: Bins of confidence in which what is right is counted; object pixels kept of a picture.
BINS, KEPT = 20, 4000
_PICTURES = 6


@dataclass(frozen=True)
class Scores:
    """Medians over pixels of |depth error| [mm] and shares within 5 %, where the truth is known."""

    frames: int
    hard_mm: float
    hard_within_5: float
    ordinary_mm: float
    table_mm: float

    def describe(self, step: int) -> str:
        hard, ordinary, table = (
            f"{mm:.1f} mm" if np.isfinite(mm) else "(none seen)"
            for mm in (self.hard_mm, self.ordinary_mm, self.table_mm)
        )
        return (
            f"step {step}, {self.frames} held-out frames: glass and metal {hard} median, "
            f"{100 * self.hard_within_5:.1f} % within 5 %; ordinary objects {ordinary}, table {table}"
        )


@dataclass(frozen=True)
class Validation:
    """confidence (N,): what the network gave pixels of objects; is_right (N,): whether it held. Of frames alone that
    are as fine as those it works on: coarser ones are harder than what a camera shows it."""

    scores: Scores
    confidence: NDArray[np.float32]
    is_right: NDArray[np.bool_]


def validate(model: VitroS, clips: Sequence[DatasetClip], progress: Progress, is_thorough: bool = False) -> Validation:
    """Shows the model every clip's first frame, or thoroughly all: colour, and every second time a guessed sensor."""
    rng = np.random.default_rng(0)
    frames = [(clip, i) for clip in clips for i in range(len(clip) if is_thorough else 1)]
    errors: dict[str, list[NDArray]] = {"hard": [], "ordinary": [], "table": []}
    within, confidence, is_right = [], [], []
    for number, (clip, i) in enumerate(frames):
        frame = KnownFrame.of(clip.frame(i))
        sensor_m = None
        if number % 2:
            sensor_m = sensed(rng, frame.depth_m, frame.behind_m, frame.transparent, frame.specular)
        seen = model.see(frame.color, frame.intrinsics, frame.table, sensor_m)
        error_m = np.abs(seen.depth_m - frame.depth_m)
        known, hard = np.isfinite(error_m), frame.transparent | frame.specular
        on_table = ~frame.object_ & (np.abs(frame.table.depth(frame.intrinsics.rays()) - frame.depth_m) < 0.002)
        for kind, mask in (("hard", hard), ("ordinary", frame.object_ & ~hard), ("table", on_table)):
            errors[kind].append(error_m[known & mask])
        within.append((error_m < 0.05 * frame.depth_m)[known & hard])
        # Whether the network sees it made smaller, as it does what a camera shows.
        smallest = working_intrinsics(frame.intrinsics, frame.table, min(DENSITIES_PX_M))
        is_fine = smallest.width < frame.intrinsics.width
        rows = rng.permutation(np.flatnonzero(known & frame.object_ & is_fine))[:KEPT]
        confidence.append(seen.confidence.ravel()[rows])
        is_right.append((error_m < TOLERANCE_M).ravel()[rows])
        progress(number + 1, len(frames))
    joined = (np.concatenate(own) for own in errors.values())
    hard_mm, ordinary_mm, table_mm = (float(np.median(own) * 1000) if len(own) else np.nan for own in joined)
    share = np.concatenate(within)
    scores = Scores(len(frames), hard_mm, float(share.mean()) if len(share) else np.nan, ordinary_mm, table_mm)
    return Validation(scores, np.concatenate(confidence), np.concatenate(is_right))


def calibrate(validation: Validation) -> NDArray[np.float64]:
    """(2, N) rising: what the network says, and how often it was so (isotonic regression over equal bins)."""
    from scipy.optimize import isotonic_regression

    if len(validation.confidence) < 10 * BINS:
        return UNCALIBRATED
    order = np.argsort(validation.confidence)
    said = np.array([part.mean() for part in np.array_split(validation.confidence[order], BINS)], float)
    true = np.array([part.mean() for part in np.array_split(validation.is_right[order], BINS)], float)
    rising = isotonic_regression(true).x
    return np.stack([np.concatenate([[0.0], said, [1.0]]), np.concatenate([[0.0], rising, [rising[-1]]])])


def validation_picture(model: VitroS, clips: Sequence[DatasetClip]) -> Image:
    """Colour, true depth, prediction and confidence, a clip a row."""
    import cv2

    rows = []
    for clip in clips[:_PICTURES]:
        frame = KnownFrame.of(clip.frame(0))
        seen = model.see(frame.color, frame.intrinsics, frame.table)
        truth = 1 / frame.depth_m
        low, high = np.nanpercentile(truth, [1, 99])
        shares = [(disparity - low) / max(high - low, 1e-6) for disparity in (truth, 1 / seen.depth_m)]
        greys = [(np.nan_to_num(own).clip(0, 1) * 255).astype(np.uint8) for own in (*shares, seen.confidence)]
        rows.append(np.hstack([cv2.resize(tile, (320, 192)) for tile in (frame.color, *map(turbo, greys))]))
    return np.asarray(np.vstack(rows), np.uint8)
