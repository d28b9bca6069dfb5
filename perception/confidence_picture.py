"""How sure an estimator is, for the eye: unsure pixels red on the image, beside the map itself."""

import numpy as np
from numpy.typing import NDArray

from perception.pictures import Image, legend, titled

#: What is unsure is painted over the image with this much of this colour.
UNSURE_RGB, UNSURE_SHARE = (235, 40, 40), 0.55


def confidence_picture(color: Image, confidence: NDArray[np.float32], least: float) -> Image:
    """The image with pixels less sure than `least` in red, beside the confidence (H, W) from 0 (dark) to 1."""
    unsure = confidence < least
    painted = color.copy()
    painted[unsure] = (1 - UNSURE_SHARE) * painted[unsure] + UNSURE_SHARE * np.array(UNSURE_RGB)
    shown = _viridis(np.clip(255 * confidence, 0, 255).astype(np.uint8))
    panels = titled(painted, f"red: less than {least:.0%} sure"), titled(shown, "confidence")
    return np.hstack([*panels, legend(len(color), 1.0, 0.0, "sure", colour=_viridis)])


def _viridis(values: NDArray[np.uint8]) -> Image:
    import cv2

    return np.ascontiguousarray(cv2.applyColorMap(values, cv2.COLORMAP_VIRIDIS)[..., ::-1], np.uint8)
