"""Depth as an active stereo camera gets it: two infrared pictures, block matching, holes and lies.

The left eye coincides with the colour camera, so depth comes out aligned to colour. The right eye's
picture is wider on the left by the search range, as the infrared imagers of a D435 see more than its
colour camera: no blind band remains at the image's edge.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frame import Intrinsics

BASELINE_M = 0.050
PROJECTOR_X_M = 0.025
DISPARITIES = 96
BLOCK_PX = 7
FARTHEST_M = 3.0
#: Grey levels (of 255): what the exposure control aims at, a dot's peak on white at one metre, and the noise.
AMBIENT_LEVEL = 55.0
DOT_LEVEL = 60.0
READ_NOISE = 1.0
SHOT_NOISE = 0.12
#: What block matching adds to every disparity here [px], measured against a plane.
DISPARITY_BIAS_PX = 0.0


@dataclass(frozen=True)
class InfraredPair:
    """Noise-free infrared pictures, float32 grey levels: left (H, W), right (H, W + DISPARITIES)."""

    left: NDArray[np.float32]
    right: NDArray[np.float32]

    def exposed(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One exposure of both eyes, each with its own sensor noise."""
        return _noisy(self.left, rng), _noisy(self.right, rng)


def right_intrinsics(intrinsics: Intrinsics) -> Intrinsics:
    """The right eye's intrinsics: the left's, with DISPARITIES more columns on the left."""
    return replace(intrinsics, width=intrinsics.width + DISPARITIES, cx=intrinsics.cx + DISPARITIES)


def compose(
    ambient: tuple[NDArray[np.float32], NDArray[np.float32]], dots: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> InfraredPair:
    """Sums ambient light (linear RGB radiance of both eyes) and projector light under one exposure."""
    grey = [radiance.mean(-1) for radiance in ambient]
    gain = AMBIENT_LEVEL / float(np.exp(np.log(grey[0] + 1e-3).mean()))
    left, right = (gain * g + DOT_LEVEL * d for g, d in zip(grey, dots, strict=True))
    return InfraredPair(left.astype(np.float32), right.astype(np.float32))


def sense_depth(left: NDArray[np.uint8], right: NDArray[np.uint8], intrinsics: Intrinsics) -> NDArray[np.float32]:
    """Depth (H, W) [m] from an exposed pair (`InfraredPair.exposed`), NaN where matching fails."""
    import cv2

    matcher = cv2.StereoSGBM_create(
        minDisparity=0,
        numDisparities=DISPARITIES,
        blockSize=BLOCK_PX,
        P1=8 * BLOCK_PX**2,
        P2=32 * BLOCK_PX**2,
        disp12MaxDiff=1,
        uniquenessRatio=12,
        speckleWindowSize=80,
        speckleRange=2,
    )
    padded = np.pad(left, ((0, 0), (DISPARITIES, 0)))
    disparity = matcher.compute(padded, right)[:, DISPARITIES:].astype(np.float32) / 16.0
    with np.errstate(divide="ignore"):
        depth = intrinsics.fx * BASELINE_M / (disparity - DISPARITY_BIAS_PX)
    return np.where((disparity > 0) & (depth > 0) & (depth < FARTHEST_M), depth, np.nan).astype(np.float32)


def _noisy(levels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Adds read noise and shot noise, saturates, quantises to 8 bits."""
    sigma = np.sqrt(READ_NOISE**2 + SHOT_NOISE * levels.clip(0))
    return (levels + sigma * rng.standard_normal(levels.shape, np.float32)).round().clip(0, 255).astype(np.uint8)
