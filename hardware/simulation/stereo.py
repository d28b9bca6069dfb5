"""Depth as an active stereo camera gets it: two infrared pictures, block matching, holes and lies.

The left eye coincides with the colour camera, so depth comes out aligned to colour. The right eye's
picture is wider on the left by the search range, as the infrared imagers of a D435 see more than its
colour camera: no blind band remains at the image's edge.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics

BASELINE_M = 0.050
PROJECTOR_X_M = 0.025
#: Whatever the focal length, the search for disparities reaches as near as this.
NEAREST_M = 0.375
#: Disparities searched at the least, in steps of, and at the most: block matching counts sixteenths in 16 bits.
FEWEST, STEP, MOST = 96, 16, 2032
BLOCK_PX = 7
FARTHEST_M = 3.0
#: Grey levels (of 255): what the exposure control aims at, a dot's peak on white at one metre, and the noise.
AMBIENT_LEVEL = 55.0
DOT_LEVEL = 120.0
READ_NOISE = 1.0
SHOT_NOISE = 0.12
#: What block matching adds to every disparity here [px], measured against a plane.
DISPARITY_BIAS_PX = -0.105


@dataclass(frozen=True)
class InfraredPair:
    """Noise-free infrared pictures, float32 grey levels: left (H, W), right (H, W + `disparities`)."""

    left: NDArray[np.float32]
    right: NDArray[np.float32]

    def expose(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One exposure of both eyes, each with its own sensor noise."""
        return _noisy(self.left, rng), _noisy(self.right, rng)


def disparities(intrinsics: Intrinsics) -> int:
    """How many disparities are searched [px]; up to 720 px of focal length FEWEST are enough."""
    return min(max(FEWEST, STEP * ceil(intrinsics.fx * BASELINE_M / NEAREST_M / STEP)), MOST)


def right_intrinsics(intrinsics: Intrinsics) -> Intrinsics:
    """The right eye's intrinsics: the left's, with `disparities` more columns on the left."""
    more = disparities(intrinsics)
    return replace(intrinsics, width=intrinsics.width + more, cx=intrinsics.cx + more)


def ambient_intrinsics(intrinsics: Intrinsics) -> Intrinsics:
    """The same view with half the pixels each way: ambient light carries little of the matching."""
    one = intrinsics
    center = ((one.cx + 0.5) / 2 - 0.5, (one.cy + 0.5) / 2 - 0.5)
    return Intrinsics((one.width + 1) // 2, (one.height + 1) // 2, one.fx / 2, one.fy / 2, *center)


def compose(
    radiance: NDArray[np.float32], ambient: NDArray[np.float32], dots: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> InfraredPair:
    """Sums ambient and projector light under one exposure.

    radiance: linear RGB of the left eye (H, W, 3); ambient: of the right eye, seen with `ambient_intrinsics`;
    dots: projector light of both eyes. The left eye's ambient light is blurred as the right one's is.
    """
    import cv2

    height, width = dots[0].shape
    half = ((width + 1) // 2, (height + 1) // 2)
    even = cv2.copyMakeBorder(radiance, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    ambients = (cv2.resize(even, half, interpolation=cv2.INTER_AREA), ambient)
    gain = AMBIENT_LEVEL / float(np.exp(np.log(radiance.mean(-1) + 1e-3).mean()))
    eyes = []
    for seen, light in zip(ambients, dots, strict=True):
        grey = cv2.resize(seen.mean(-1), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        eyes.append((gain * grey[: light.shape[0], : light.shape[1]] + DOT_LEVEL * light).astype(np.float32))
    return InfraredPair(eyes[0], eyes[1])


def sense_depth(left: NDArray[np.uint8], right: NDArray[np.uint8], intrinsics: Intrinsics) -> NDArray[np.float32]:
    """Depth (H, W) [m] from an exposed pair (`InfraredPair.expose`), NaN where matching fails."""
    import cv2

    searched = disparities(intrinsics)
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=searched,
        blockSize=BLOCK_PX,
        P1=8 * BLOCK_PX**2,
        P2=32 * BLOCK_PX**2,
        disp12MaxDiff=1,
        uniquenessRatio=12,
        speckleWindowSize=80,
        speckleRange=2,
    )
    padded = np.pad(left, ((0, 0), (searched, 0)))
    disparity = matcher.compute(padded, right)[:, searched:].astype(np.float32) / 16.0
    with np.errstate(divide="ignore"):
        depth = intrinsics.fx * BASELINE_M / (disparity - DISPARITY_BIAS_PX)
    return np.where((disparity > 0) & (depth > 0) & (depth < FARTHEST_M), depth, np.nan).astype(np.float32)


def _noisy(levels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Adds read noise and shot noise, saturates, quantises to 8 bits."""
    sigma = np.sqrt(READ_NOISE**2 + SHOT_NOISE * levels.clip(0))
    return (levels + sigma * rng.standard_normal(levels.shape, np.float32)).round().clip(0, 255).astype(np.uint8)
