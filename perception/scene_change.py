"""Whether a scene is still as it was when a motion was planned for it: two pictures by one camera that stands still."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, median_filter, uniform_filter

from core.image import RgbdImage
from perception.depth_types import SeenTag

#: A tag's corner that moved further [px] moved: noise is 0.2 px at most.
MOVED_TAG_PX = 1.5
#: Colour that changed by more (of 255, beyond what the whole picture did) on as large a patch [px of 848x480] is
#: another thing: two path-traced pictures of one scene differ by up to 20, nowhere on more than a pixel; a thing moved
#: by 5 mm changes 500 px.
CHANGED_COLOR, PATCH_PX = 25.0, 120
#: The same of a depth sensor's values [m]. They flicker on glass and in mirrors, on patches of up to 200 px even where
#: two new pictures agree within the second figure.
CHANGED_DEPTH_M, STEADY_DEPTH_M, DEPTH_PATCH_PX = 0.03, 0.01, 400
_WINDOW_PX = 5
_REFERENCE_PX = 848 * 480


def tag_change(before: tuple[SeenTag, ...], now: tuple[SeenTag, ...]) -> str:
    """Which tag went or moved, in words; '' where all are where they were."""
    found = {tag.id: tag for tag in now}
    for tag in before:
        if tag.id not in found:
            return f"tag {tag.id} is no longer seen"
        moved_px = float(np.abs(found[tag.id].corners_px - tag.corners_px).max())
        if not moved_px <= MOVED_TAG_PX:
            return f"tag {tag.id} moved by {moved_px:.1f} px"
    return ""


def pixel_change(before: RgbdImage, now: tuple[RgbdImage, RgbdImage], region: NDArray[np.bool_]) -> str:
    """What looks otherwise in a region (H, W), in words; '' where nothing does. now: two pictures, of steady depth."""
    first, second = now
    if before.color.shape != first.color.shape:
        return f"the camera gives {first.color.shape} now, and gave {before.color.shape}"
    color = np.abs(_color_difference(before, first, region)).max(axis=-1)
    scale = region.size / _REFERENCE_PX
    if _largest_patch((color > CHANGED_COLOR) & region) > PATCH_PX * scale:
        return "something in the workspace looks otherwise"
    known = np.isfinite(before.depth_m) & np.isfinite(first.depth_m) & np.isfinite(second.depth_m)
    flicker_m, moved_m = (np.where(known, one.depth_m - first.depth_m, 0.0) for one in (second, before))
    moved = np.abs(median_filter(moved_m, _WINDOW_PX)) > CHANGED_DEPTH_M
    if _largest_patch(moved & (np.abs(flicker_m) < STEADY_DEPTH_M) & known & region) > DEPTH_PATCH_PX * scale:
        return "something in the workspace stands elsewhere"
    return ""


def _color_difference(before: RgbdImage, now: RgbdImage, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W, 3) smoothed, without what exposure and light did to all of it."""
    difference = now.color.astype(np.float32) - before.color.astype(np.float32)
    smooth = uniform_filter(difference, size=(_WINDOW_PX, _WINDOW_PX, 1))
    return smooth - (np.median(smooth[region], axis=0) if region.any() else 0.0)


def _largest_patch(changed: NDArray[np.bool_]) -> int:
    patches, count = label(changed)
    return int(np.bincount(patches.ravel())[1:].max()) if count else 0
