"""Perception for the eye: tags on the image, depth in colours beside each other with one legend."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import SeenTag

Image = NDArray[np.uint8]

#: Holes are drawn darker than any colour of the map.
HOLE_RGB = (18, 18, 18)
#: What lies this many times farther than the median pixel is background.
BACKGROUND = 1.6
#: What is unsure is painted over the image with this much of this colour.
UNSURE_RGB, UNSURE_SHARE = (235, 40, 40), 0.55
_FONT = 0  # cv2.FONT_HERSHEY_SIMPLEX


def depth_range(*depths_m: NDArray[np.float32]) -> tuple[float, float]:
    """Nearest and farthest depth [m] worth a colour, at least 5 cm apart.

    The middle 96 % of all pixels, but nothing much beyond their median: a floor behind the table would
    otherwise take all the colours.
    """
    values = np.concatenate([d[np.isfinite(d) & (d > 0)] for d in depths_m])
    if not len(values):
        return 0.0, 1.0
    near_m, middle_m, far_m = np.percentile(values, [2, 50, 98])
    far_m = min(far_m, BACKGROUND * middle_m)
    return float(near_m), float(max(far_m, near_m + 0.05))


def colour_depth(depth_m: NDArray[np.float32], near_m: float, far_m: float) -> Image:
    """(H, W, 3) RGB: turbo from near (red) to far (blue), holes dark."""
    seen = np.isfinite(depth_m) & (depth_m > 0)
    share = (far_m - np.where(seen, depth_m, far_m)) / (far_m - near_m)
    image = turbo(np.clip(255 * share, 0, 255).astype(np.uint8))
    image[~seen] = HOLE_RGB
    return image


def depth_picture(depths_m: Sequence[NDArray[np.float32]], titles: Sequence[str]) -> Image:
    """Depth maps of one shape side by side in one range, with a legend in metres."""
    near_m, far_m = depth_range(*depths_m)
    panels = [titled(colour_depth(d, near_m, far_m), t) for d, t in zip(depths_m, titles, strict=True)]
    return np.hstack([*panels, legend(panels[0].shape[0], near_m, far_m, "metres")])


def draw_tags(color: Image, tags: Sequence[SeenTag]) -> Image:
    """A copy of the image with every tag outlined, its lower left corner dotted and its id written."""
    import cv2

    image = color.copy()
    thick = max(1, round(image.shape[1] / 500))
    for tag in tags:
        # Eight bits below the pixel: corners are drawn where they were measured.
        quad = np.rint(tag.corners_px * 256).astype(np.int32)
        cv2.polylines(image, [quad], True, (0, 230, 90), thick, cv2.LINE_AA, shift=8)
        cv2.circle(image, [int(x) for x in quad[0]], 256 * 2 * thick, (255, 60, 60), -1, cv2.LINE_AA, shift=8)
        scale = image.shape[1] / 1000
        (width, _), _ = cv2.getTextSize(str(tag.id), _FONT, scale, thick)
        # Above the paper: letters on the tag's own pattern cannot be read.
        x, y = tag.corners_px[:, 0].mean() - width / 2, tag.corners_px[:, 1].min() - 22 * scale
        write(image, str(tag.id), (round(x), max(round(y), round(26 * scale))), scale, thick)
    return image


def confidence_picture(color: Image, confidence: NDArray[np.float32], least: float) -> Image:
    """The image with pixels less sure than `least` in red, beside the confidence (H, W) from 0 (dark) to 1."""
    unsure = confidence < least
    painted = color.copy()
    painted[unsure] = (1 - UNSURE_SHARE) * painted[unsure] + UNSURE_SHARE * np.array(UNSURE_RGB)
    shown = viridis(np.clip(255 * confidence, 0, 255).astype(np.uint8))
    panels = titled(painted, f"red: less than {least:.0%} sure"), titled(shown, "confidence")
    return np.hstack([*panels, legend(len(color), 1.0, 0.0, "sure", colour=viridis)])


def turbo(values: NDArray[np.uint8]) -> Image:
    """(..., 3) RGB of values (...)."""
    import cv2

    return np.ascontiguousarray(cv2.applyColorMap(values, cv2.COLORMAP_TURBO)[..., ::-1], np.uint8)


def viridis(values: NDArray[np.uint8]) -> Image:
    """(..., 3) RGB of values (...)."""
    import cv2

    return np.ascontiguousarray(cv2.applyColorMap(values, cv2.COLORMAP_VIRIDIS)[..., ::-1], np.uint8)


def titled(image: Image, title: str) -> Image:
    scale = image.shape[1] / 1100
    write(image, title, (round(12 * scale), round(34 * scale)), scale, max(1, round(2 * scale)))
    return image


def write(image: Image, text: str, at: tuple[int, int], scale: float, thick: int) -> None:
    """White letters with a dark rim, legible on any ground."""
    import cv2

    # Heavier letters would be wider than those they are to surround.
    rim = max(1, round(1.5 * scale))
    for dx, dy in product((-rim, 0, rim), repeat=2):
        cv2.putText(image, text, (at[0] + dx, at[1] + dy), _FONT, scale, (0, 0, 0), thick, cv2.LINE_AA)
    cv2.putText(image, text, at, _FONT, scale, (255, 255, 255), thick, cv2.LINE_AA)


def legend(
    height: int,
    near: float,
    far: float,
    caption: str,
    digits: int = 2,
    colour: Callable[[NDArray[np.uint8]], Image] = turbo,
) -> Image:
    """A bar from near (top) to far (bottom) with five values written beside it; colour paints its ramp 255..0."""
    s = height / 480
    legend = np.full((height, round(84 * s), 3), HOLE_RGB, np.uint8)
    top, bottom = round(30 * s), height - round(20 * s)
    left, right = round(8 * s), round(26 * s)
    ramp = np.linspace(255, 0, bottom - top).astype(np.uint8)[:, None]
    legend[top:bottom, left:right] = colour(np.repeat(ramp, right - left, axis=1))
    thick = max(1, round(s))
    for share in np.linspace(0, 1, 5):
        y = round(top + share * (bottom - top - 1))
        legend[y, right : right + round(5 * s)] = 255
        write(
            legend,
            f"{near + share * (far - near):.{digits}f}",
            (right + round(7 * s), y + round(5 * s)),
            0.5 * s,
            thick,
        )
    write(legend, caption, (left, round(17 * s)), 0.5 * s, thick)
    return legend
