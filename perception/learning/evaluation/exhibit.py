"""What pictures of a clip are made from: one frame, and one column of pixels over time."""

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception.learning.evaluation.regions import hard_of
from perception.learning.evaluation.showing import Showing


@dataclass(frozen=True)
class Exhibit:
    """place: of the frame shown, column: of the profile [px]. color (H, W, 3), truth_m and depth_m (H, W) of
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


class ExhibitMaker:
    """Gathers an exhibit while a clip is gone through."""

    def __init__(self, showing: Showing) -> None:
        self._showing = showing
        self._place = len(showing) // 2
        frame = showing.shown(self._place).frame
        hard = hard_of(frame)
        columns = np.zeros(frame.depth_m.shape[1]) if hard is None else hard.sum(axis=0)
        self._column = int(np.argmax(columns)) if columns.any() else len(columns) // 2
        self._color, self._truth_m = frame.color, frame.depth_m
        self._columns: dict[int, tuple[NDArray, NDArray]] = {}
        self._depths: dict[tuple[bool, int], NDArray[np.float32]] = {}
        self._shown: dict[bool, NDArray[np.float32]] = {}

    def add(self, place: int, depth_m: NDArray[np.float32], is_metric: bool) -> None:
        """Takes the depth (H, W) [m] of one frame, metric or aligned."""
        frame = self._showing.shown(place).frame
        if self._showing.clip.is_video or place == self._place:
            self._columns[place] = frame.color[:, self._column].copy(), frame.depth_m[:, self._column].copy()
            self._depths[is_metric, place] = depth_m[:, self._column].copy()
        if place == self._place:
            self._shown[is_metric] = depth_m

    def finish(self) -> Exhibit:
        """Metric where the frame shown is."""
        is_metric = True in self._shown and bool(np.isfinite(self._shown[True]).any())
        places = sorted(self._columns)
        return Exhibit(
            self._place,
            self._column,
            self._color,
            self._truth_m,
            self._shown[is_metric],
            np.stack([self._columns[place][0] for place in places], 1),
            np.stack([self._columns[place][1] for place in places], 1),
            np.stack([self._depths[is_metric, place] for place in places], 1),
            is_metric,
        )


def pack_exhibit(exhibit: Exhibit) -> bytes:
    """As the bytes of an .npz file."""
    buffer = BytesIO()
    np.savez_compressed(buffer, **asdict(exhibit))
    return buffer.getvalue()


def read_exhibit(file: Path) -> Exhibit:
    """What `pack_exhibit` made."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, kind in (("place", int), ("column", int), ("is_metric", bool)):
        arrays[name] = kind(arrays[name])
    return Exhibit(**arrays)
