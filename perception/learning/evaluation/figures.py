"""Clips for the eye: one frame with everyone's depth and error, and a column of pixels over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.npz_file import read_npz
from perception.learning.evaluation.regions import hard_of
from perception.learning.evaluation.samples import ClipSamples
from perception.pictures import Image, colour_depth, depth_range, legend, write

#: Errors from here on have one colour [mm].
WORST_MM = 50.0
_PANEL_WIDTH = 360
#: Of a profile: the height, how wide each of its frames is at most, and how narrow all of them together [px].
_PROFILE_HEIGHT, _WIDEST_PX, _NARROWEST_PX = 270, 8, 160


@dataclass(frozen=True)
class Figure:
    """What an estimator made of a clip.

    place: of the frame shown, column: of the profile [px]. color (H, W, 3), truth_m and depth_m (H, W) of
    that frame; color_profile (H, F, 3), truth_profile_m and profile_m (H, F) of the column in all F frames of a
    film, of images in that one alone: the others may have another size.
    is_metric: depth as the cell makes it, else aligned to the truth."""

    place: int
    column: int
    color: NDArray[np.uint8]
    truth_m: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    color_profile: NDArray[np.uint8]
    truth_profile_m: NDArray[np.float32]
    profile_m: NDArray[np.float32]
    is_metric: bool


class FigureBuilder:
    def __init__(self, samples: ClipSamples) -> None:
        self._samples = samples
        self._place = len(samples) // 2
        frame = samples[self._place].frame
        hard = hard_of(frame)
        columns = np.zeros(frame.depth_m.shape[1]) if hard is None else hard.sum(axis=0)
        self._column = int(np.argmax(columns)) if columns.any() else len(columns) // 2
        self._color, self._truth_m = frame.color, frame.depth_m
        self._columns: dict[int, tuple[NDArray, NDArray]] = {}
        self._depths: dict[tuple[bool, int], NDArray[np.float32]] = {}
        self._whole: dict[bool, NDArray[np.float32]] = {}

    def add(self, place: int, depth_m: NDArray[np.float32], is_metric: bool) -> None:
        """Takes the depth (H, W) [m] of one frame, metric or aligned."""
        frame = self._samples[place].frame
        if self._samples.clip.is_video or place == self._place:
            self._columns[place] = frame.color[:, self._column].copy(), frame.depth_m[:, self._column].copy()
            self._depths[is_metric, place] = depth_m[:, self._column].copy()
        if place == self._place:
            self._whole[is_metric] = depth_m

    def build(self) -> Figure:
        """Metric where the frame shown is."""
        is_metric = True in self._whole and bool(np.isfinite(self._whole[True]).any())
        places = sorted(self._columns)
        return Figure(
            self._place,
            self._column,
            self._color,
            self._truth_m,
            self._whole[is_metric],
            np.stack([self._columns[place][0] for place in places], 1),
            np.stack([self._columns[place][1] for place in places], 1),
            np.stack([self._depths[is_metric, place] for place in places], 1),
            is_metric,
        )


def pack_figure(figure: Figure) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, **vars(figure))
    return buffer.getvalue()


def read_figure(file: Path) -> Figure:
    """Raises a ValueError or TypeError where it is missing, damaged or no figure."""
    stored: dict[str, Any] = {name: array if array.ndim else array.item() for name, array in read_npz(file).items()}
    return Figure(**stored)


def frame_picture(figures: Mapping[str, Figure]) -> Image:
    """Colour and truth at the left; then a column an estimator, its depth above its error. Holes are dark."""
    first = next(iter(figures.values()))
    near_m, far_m = depth_range(first.truth_m)
    truth = colour_depth(first.truth_m, near_m, far_m)
    columns = [np.vstack([_add_title(first.color, "colour"), _add_title(truth, "truth")])]
    for name, figure in figures.items():
        depth = _add_title(colour_depth(figure.depth_m, near_m, far_m), _title(name, figure))
        columns.append(np.vstack([depth, _add_title(colour_error(figure.depth_m, figure.truth_m), "error")]))
    height = columns[0].shape[0] // 2
    scales = [legend(height, near_m, far_m, "metres"), legend(height, WORST_MM, 0.0, "mm", 0, error_colours)]
    return np.hstack([*columns, np.vstack(scales)])


def profile_picture(figures: Mapping[str, Figure]) -> Image:
    """One column of pixels, its frames from left to right: what is still draws level lines, what jitters does not."""
    first = next(iter(figures.values()))
    near_m, far_m = depth_range(first.truth_profile_m)
    profiles = {"truth": first.truth_profile_m} | {_title(name, own): own.profile_m for name, own in figures.items()}
    images = {"colour": first.color_profile} | {t: colour_depth(p, near_m, far_m) for t, p in profiles.items()}
    gap, joined = np.full((_PROFILE_HEIGHT, 6, 3), 255, np.uint8), []
    for title, image in images.items():
        # At a width that can be read.
        width = int(np.clip(_WIDEST_PX * image.shape[1], _NARROWEST_PX, _PANEL_WIDTH))
        joined += [_add_label(image, title, (width, _PROFILE_HEIGHT), cv2.INTER_NEAREST_EXACT), gap]
    return np.hstack([*joined[:-1], legend(_PROFILE_HEIGHT, near_m, far_m, "metres")])


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
    return np.ascontiguousarray(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _title(name: str, figure: Figure) -> str:
    return name if figure.is_metric else f"{name} (aligned)"


def _add_title(image: Image, title: str) -> Image:
    size = _PANEL_WIDTH, max(1, round(image.shape[0] * _PANEL_WIDTH / image.shape[1]))
    how = cv2.INTER_AREA if image.shape[1] > _PANEL_WIDTH else cv2.INTER_NEAREST_EXACT
    return _add_label(image, title, size, how)


def _add_label(image: Image, title: str, size: tuple[int, int], how: int) -> Image:
    resized = np.ascontiguousarray(cv2.resize(image, size, interpolation=how), np.uint8)
    write(resized, title, (6, 18), 0.42, 1)
    return resized
