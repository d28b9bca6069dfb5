"""Two depth maps beside what they are of, and where they disagree, in millimetres."""

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.disagreement import BEYOND_MM, Comparison, Depth
from perception.pictures import HOLE_RGB, Image, colour_depth, depth_range, legend, titled, viridis, write

#: Pixels that one map alone knows.
ONE_ALONE_RGB = (150, 150, 150)
_DELTA_TITLE = "disagreement (grey: one alone)"
_BOX_RGB = (255, 255, 255)
#: The colours reach from 0 to the disagreement of most pixels, within these [mm].
_LEAST_MM, _MOST_MM = 2 * BEYOND_MM, 5 * BEYOND_MM


def disagreement_picture(
    color: Image, first_m: Depth, second_m: Depth, comparison: Comparison, titles: tuple[str, str]
) -> Image:
    """Colour with the objects numbered, the disagreement, and below them both maps, with two legends."""
    far_mm = _range_mm(comparison.delta_mm)
    near_m, far_m = depth_range(first_m, second_m)
    height = color.shape[0]
    above = [
        titled(_with_boxes(color, comparison), "colour"),
        titled(_with_boxes(_colour_delta(first_m, second_m, comparison.delta_mm, far_mm), comparison), _DELTA_TITLE),
        legend(height, far_mm, 0, "mm", digits=0, colour=viridis),
    ]
    below = [
        titled(colour_depth(first_m, near_m, far_m), titles[0]),
        titled(colour_depth(second_m, near_m, far_m), titles[1]),
        legend(height, near_m, far_m, "metres"),
    ]
    return np.vstack([np.hstack(above), np.hstack(below)])


def _range_mm(delta_mm: NDArray[np.float32]) -> float:
    seen = delta_mm[np.isfinite(delta_mm)]
    return float(np.clip(np.percentile(seen, 98), _LEAST_MM, _MOST_MM)) if len(seen) else _LEAST_MM


def _colour_delta(first_m: Depth, second_m: Depth, delta_mm: NDArray[np.float32], far_mm: float) -> Image:
    seen = np.isfinite(delta_mm)
    share = np.where(seen, delta_mm, 0) / far_mm
    image = viridis(np.clip(255 * share, 0, 255).astype(np.uint8))
    image[~seen] = HOLE_RGB
    image[np.isfinite(first_m) != np.isfinite(second_m)] = ONE_ALONE_RGB
    return image


def _with_boxes(image: Image, comparison: Comparison) -> Image:
    """The objects framed, numbered from the largest."""
    image = image.copy()
    scale = image.shape[1] / 1100
    thick = max(1, round(2 * scale))
    for number, thing in enumerate(comparison.objects, 1):
        left, top, right, bottom = thing.box
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), _BOX_RGB, max(1, thick // 2), cv2.LINE_AA)
        write(image, str(number), (left + round(5 * scale), bottom - round(7 * scale)), scale, thick)
    return image
