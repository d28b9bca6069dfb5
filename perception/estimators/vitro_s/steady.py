"""Frames of a camera and a scene that stand still, joined into one with less noise; what moved is never smeared."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.estimators.specification import Observation

#: So many newest frames are joined at most: noise falls to four tenths, and memory stays small.
LONGEST = 6
#: A pixel changed where its neighbourhood (5x5 mean) differs by more than this [of 255]: a D435's noise,
#: 2 to 4 a pixel, stays far below it.
CHANGED = 6.0
#: Where more of the picture than this changed (an outline that shifts by a pixel is enough), something moved.
MOVED_SHARE = 0.002
_BLUR_PX = 5


def join_still(seen: Sequence[Observation]) -> Observation:
    """The newest of some observations (oldest first), joined with those before it back to where something moved.

    Color is averaged pixel by pixel over the frames in which the pixel has not changed, so that it never
    differs from the newest by more than `CHANGED` over a neighbourhood; the sensor's depth is the median
    over the same frames, planes are averaged.
    """
    newest = seen[-1]
    still = [newest]
    same = [np.ones(newest.color.shape[:2], bool)]
    for earlier in reversed(seen[-LONGEST:-1]):
        unchanged = _still_pixels(earlier.color, newest.color)
        if unchanged is None:
            break
        still.append(earlier)
        same.append(unchanged)
    if len(still) == 1:
        return newest
    tables = [one.table for one in still if one.table is not None]
    table = None
    if tables:
        normal = np.mean([plane.normal for plane in tables], axis=0)
        table = Plane(normal / np.linalg.norm(normal), float(np.mean([plane.offset_m for plane in tables])))
    return replace(newest, color=_mean_color(still, same), depth_m=_median_depth(still, same), table=table)


def _still_pixels(earlier: NDArray[np.uint8], newest: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """(H, W) where two pictures show the same, None where something moved between them."""
    import cv2

    if earlier.shape != newest.shape:
        return None
    difference = earlier.astype(np.float32) - newest
    changed = np.abs(cv2.blur(difference, (_BLUR_PX, _BLUR_PX))).max(axis=2) > CHANGED
    if changed.mean() > MOVED_SHARE:
        return None
    # A blurred edge fades out before the change does.
    return ~cv2.dilate(changed.astype(np.uint8), np.ones((_BLUR_PX, _BLUR_PX), np.uint8)).astype(bool)


def _mean_color(still: list[Observation], same: list[NDArray[np.bool_]]) -> NDArray[np.uint8]:
    total = sum(one.color.astype(np.float32) * mask[..., None] for one, mask in zip(still, same, strict=True))
    count = sum(mask.astype(np.float32) for mask in same)
    return np.rint(np.asarray(total) / np.asarray(count)[..., None]).astype(np.uint8)


def _median_depth(still: list[Observation], same: list[NDArray[np.bool_]]) -> NDArray[np.float32] | None:
    """A pixel that most of its frames lack stays a hole."""
    maps = [
        np.where(mask & (one.depth_m > 0), one.depth_m, np.nan)
        for one, mask in zip(still, same, strict=True)
        if one.depth_m is not None
    ]
    if not maps:
        return None
    stack = np.sort(np.stack(maps), axis=0)  # NaN last
    count = np.isfinite(stack).sum(0)
    middle = np.take_along_axis(stack, np.maximum(count - 1, 0)[None] // 2, 0)[0]
    return np.where(2 * count >= np.stack(same).sum(0), middle, np.nan).astype(np.float32)
