"""Pictures as the page shows them: no larger than its panel needs, and a word in the place of one that is to come."""

import numpy as np
from numpy.typing import NDArray

from perception.pictures import Image, write

#: What is sent: enough for the panel, little for the line.
_WIDTH_PX, _HEIGHT_PX = 640, 360
_GREY, _SCALE, _FONT = 70, 0.95, 0  # cv2.FONT_HERSHEY_SIMPLEX


def placeholder(words: str) -> Image:
    """A grey panel that says what will be shown there."""
    import cv2

    panel = np.full((_HEIGHT_PX, _WIDTH_PX, 3), _GREY, np.uint8)
    (width, _), _ = cv2.getTextSize(words, _FONT, _SCALE, 1)
    write(panel, words, ((_WIDTH_PX - width) // 2, _HEIGHT_PX // 2), _SCALE, 1)
    return panel


def fit_width(image: NDArray[np.uint8]) -> Image:
    """A picture (H, W, 3), smaller where it is too wide."""
    import cv2

    height, width = image.shape[:2]
    if width <= _WIDTH_PX:
        return np.ascontiguousarray(image, np.uint8)
    size = (_WIDTH_PX, round(height * _WIDTH_PX / width))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
