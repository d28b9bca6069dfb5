"""Samples of a data set's clips: truth, the picture that the cell would take, and where the table is in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.cell import Cell
from core.errors import CalibrationError, DatasetError, PerceptionError
from core.image import RgbdImage
from perception.depth_types import Plane, TableView
from perception.learning.datasets.base import DatasetClip, DatasetFrame
from perception.learning.evaluation.regions import hard_of
from perception.table.locate import locate_table, solve_table
from perception.table.plane import fit_table
from perception.table.tags import detect_tags

#: What tells where the table is: tags that the data set knows of. Else the cell's `tags` or the `sensor`, the
#: `data set` (the truth) where nothing that is seen tells, or `nothing`.
OWN_TAGS = "the data set's tags"


@dataclass(frozen=True)
class LocatedTable:
    """The table in one frame: by what, its plane and view, and why nothing that is seen tells it."""

    source: str
    plane: Plane | None
    view: TableView | None
    why: str = ""


@dataclass(frozen=True)
class Sample:
    """One frame: what the data set knows, what the cell would see of it, and the table.

    outside: the same without the sensor's depth on glass and mirrors, which fits are made to.
    """

    place: int
    frame: DatasetFrame
    image: RgbdImage
    outside: RgbdImage
    table: LocatedTable


class ClipSamples:
    """Some of a clip's frames, by their place 0, 1, ... among those chosen."""

    def __init__(self, clip: DatasetClip, numbers: Sequence[int], kind: str, cell: Cell) -> None:
        """numbers: of the frames chosen. kind: the data set's. cell: whose tags may be in view."""
        self.clip, self.numbers, self.kind, self._cell = clip, tuple(numbers), kind, cell
        # Passes over an image set go back at most one frame; a film is read again.
        self._sample = lru_cache(maxsize=2)(self._read)
        self._tables: dict[int, LocatedTable] = {}
        #: A film's size (height, width) and the frame that told it.
        self._size: tuple[tuple[int, ...], int] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Sample:
        """One frame.

        Raises:
            DatasetError: one of its files is missing or damaged, or it is of another size than its film.
        """
        return self._sample(place)

    def release(self) -> None:
        self._sample.cache_clear()

    def parts(self) -> tuple[range, ...]:
        """The places that share one scale and shift: all of a film, each image of its own."""
        places = range(len(self))
        return (places,) if self.clip.is_video else tuple(range(i, i + 1) for i in places)

    def _read(self, place: int) -> Sample:
        frame, number = self.clip.frame(self.numbers[place]), self.numbers[place]
        height, width = size = frame.color.shape[:2]
        known, earlier = self._size = self._size or (size, number)
        if self.clip.is_video and size != known:
            raise DatasetError(
                f"Frame {number} of {self.clip.name} is {width}x{height}, frame {earlier} is {known[1]}x{known[0]}.",
                "All frames of a film must have one size: mend the clip, or leave it out.",
            )
        sensor_m = frame.sensor_m if frame.sensor_m is not None else np.full(frame.depth_m.shape, np.nan, np.float32)
        hard = hard_of(frame)
        outside_m = sensor_m if hard is None else np.where(hard, np.nan, sensor_m).astype(np.float32)
        image, outside = (RgbdImage(frame.color, depth_m, frame.intrinsics) for depth_m in (sensor_m, outside_m))
        if place not in self._tables:
            self._tables[place] = find_table(frame, outside, self._cell)
        return Sample(place, frame, image, outside, self._tables[place])


def find_table(frame: DatasetFrame, outside: RgbdImage, cell: Cell) -> LocatedTable:
    """By the data set's own tags where two are seen and agree; else as the cell finds it (`locate_table`), by the
    sensor too where tags are not the cell's; else as the data set says."""
    ways: list[tuple[str, Callable[[], TableView]]] = [
        ("", lambda: locate_table(outside, cell)),
        ("", lambda: fit_table(outside)),
    ]
    if frame.tags:
        ways.insert(0, (OWN_TAGS, lambda: _by_own_tags(frame, cell)))
    why = ""
    for source, find in ways:
        try:
            view = find()
            return LocatedTable(source or view.source, view.plane, view)
        except (PerceptionError, CalibrationError) as error:
            why = error.cause
    if frame.table is None:
        return LocatedTable("nothing", None, None, why)
    view = TableView("sensor", frame.table, np.eye(4), (), 0.0, float("nan"))
    return LocatedTable("data set", frame.table, view, why)


def _by_own_tags(frame: DatasetFrame, cell: Cell) -> TableView:
    """As in a cell with the data set's tags, whose workspace says where the table's height matters."""
    seen = detect_tags(frame.color, frame.tags)
    if not seen:
        raise PerceptionError("None of the data set's tags is seen.", "Nothing to do: another way is tried.")
    return solve_table(seen, frame.intrinsics, cell.model_copy(update={"tags": frame.tags}))
