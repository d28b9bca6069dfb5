"""Clips for the eye: one frame with everyone's depth and error, and a column of pixels over time."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.learning.evaluation.exhibit import Exhibit
from perception.pictures import Image, colour_depth, depth_range, legend, write

#: Errors from here on have one colour [mm].
WORST_MM = 50.0
_PANEL_WIDTH = 360
#: Of a profile: the height, how wide each of its frames is at most, and how narrow all of them together [px].
_PROFILE_HEIGHT, _WIDEST_PX, _NARROWEST_PX = 270, 8, 160


def frame_picture(exhibits: Mapping[str, Exhibit]) -> Image:
    """Colour and truth at the left; then a column an estimator, its depth above its error. Holes are dark."""
    first = next(iter(exhibits.values()))
    near_m, far_m = depth_range(first.truth_m)
    truth = colour_depth(first.truth_m, near_m, far_m)
    columns = [np.vstack([_titled(first.color, "colour"), _titled(truth, "truth")])]
    for name, exhibit in exhibits.items():
        depth = _titled(colour_depth(exhibit.depth_m, near_m, far_m), _title(name, exhibit))
        columns.append(np.vstack([depth, _titled(colour_error(exhibit.depth_m, exhibit.truth_m), "error")]))
    height = columns[0].shape[0] // 2
    scales = [legend(height, near_m, far_m, "metres"), legend(height, WORST_MM, 0.0, "mm", 0, error_colours)]
    return np.hstack([*columns, np.vstack(scales)])


def profile_picture(exhibits: Mapping[str, Exhibit]) -> Image:
    """One column of pixels, its frames from left to right: what is still draws level lines, what jitters does not."""
    first = next(iter(exhibits.values()))
    near_m, far_m = depth_range(first.truth_profile_m)
    panels = [_stretched(first.color_profile, "colour")]
    panels.append(_stretched(colour_depth(first.truth_profile_m, near_m, far_m), "truth"))
    for name, exhibit in exhibits.items():
        panels.append(_stretched(colour_depth(exhibit.profile_m, near_m, far_m), _title(name, exhibit)))
    gap = np.full((panels[0].shape[0], 6, 3), 255, np.uint8)
    joined = [part for panel in panels for part in (panel, gap)][:-1]
    return np.hstack([*joined, legend(panels[0].shape[0], near_m, far_m, "metres")])


def colour_error(depth_m: NDArray[np.float32], truth_m: NDArray[np.float32]) -> Image:
    """(H, W, 3): from black (none) over red to pale yellow (`WORST_MM` and more); what cannot be judged is grey."""
    error_mm = 1000 * np.abs(depth_m - truth_m)
    share = np.clip(np.nan_to_num(error_mm) / WORST_MM, 0, 1)
    image = error_colours(np.rint(255 * share).astype(np.uint8))
    image[~np.isfinite(truth_m)] = (90, 90, 90)
    # A missing answer is none the better for having no error.
    image[np.isfinite(truth_m) & ~np.isfinite(depth_m)] = (60, 80, 140)
    return image


def error_colours(values: NDArray[np.uint8]) -> Image:
    """255: worst."""
    return np.ascontiguousarray(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _title(name: str, exhibit: Exhibit) -> str:
    return name if exhibit.is_metric else f"{name} (aligned)"


def _titled(image: Image, title: str) -> Image:
    size = _PANEL_WIDTH, max(1, round(image.shape[0] * _PANEL_WIDTH / image.shape[1]))
    how = cv2.INTER_AREA if image.shape[1] > _PANEL_WIDTH else cv2.INTER_NEAREST_EXACT
    return _labelled(cv2.resize(image, size, interpolation=how), title)


def _stretched(profile: Image, title: str) -> Image:
    """(H, F, 3) at a size that can be read."""
    width = int(np.clip(_WIDEST_PX * profile.shape[1], _NARROWEST_PX, _PANEL_WIDTH))
    shown = cv2.resize(profile, (width, _PROFILE_HEIGHT), interpolation=cv2.INTER_NEAREST_EXACT)
    return _labelled(shown, title)


def _labelled(image: NDArray, title: str) -> Image:
    image = np.ascontiguousarray(image, np.uint8)
    write(image, title, (6, 18), 0.42, 1)
    return image


def pick_for_pictures(clips: Sequence[str], most: int) -> tuple[str, ...]:
    """Clips spread evenly over all of them."""
    if len(clips) <= most:
        return tuple(clips)
    return tuple(clips[i] for i in np.linspace(0, len(clips) - 1, most).round().astype(int))
