"""One estimator on one clip, by every protocol.

aligned: the DKT paper's. One scale and shift for a film (for each image of a set) by least squares to the
    truth (`perception.learning.evaluation.alignment`).
used: metric depth as the cell makes it, no fit to truth: the table from tags in view, else from the sensor's depth
    outside the glass, then `fit_metric`.
sensor: a scale and shift for each frame, fitted to the sensor's depth outside the glass. The sensor's own
    depth is what is fitted to, and stays as it is.
normals: angles to the true normals.
jitter: how much the `used` depth of a film trembles where camera and scene stand still.
confidence: how sure an estimator says it is of objects, beside how often their `used` depth is right.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from core.errors import CalibrationError, PerceptionError
from perception.estimators.estimator import Estimator
from perception.learning.evaluation.alignment import LineSums, aligned_m, comparable, fit_to_sensor, pairs, target
from perception.learning.evaluation.collecting import collect
from perception.learning.evaluation.confidence import confidence_tallies
from perception.learning.evaluation.exhibit import Exhibit, ExhibitMaker
from perception.learning.evaluation.jitter import StillWatch
from perception.learning.evaluation.regions import hard_of, regions_of
from perception.learning.evaluation.showing import Showing, Shown
from perception.learning.evaluation.tally import AngleTally, DepthTally, Tally
from perception.table.metric_scale import fit_metric, to_metres

#: Is told how many frames are done, those that are gone through again included.
Progress = Callable[[int], None]
#: Tallies by protocol, then region.
Tallies = dict[str, dict[str, Tally]]


@dataclass(frozen=True)
class ClipResult:
    """What came of it. seconds: of the estimator alone, a frame. misses: frames without an answer, unused:
    those whose answer could not be made metric, each with the reason. tables: frames by what told the table."""

    clip: str
    subject: str
    ran_as: str
    kind: str
    frames: int
    seconds: float
    tallies: Tallies
    misses: tuple[tuple[int, str], ...]
    unused: tuple[tuple[int, str], ...]
    tables: dict[str, int]


def passes(showing: Showing) -> int:
    """Of how many frames `measure` tells: each once by the estimator and twice by the measuring."""
    return 3 * len(showing)


def measure(
    showing: Showing, estimator: Estimator, scratch: Path, with_exhibit: bool, progress: Progress
) -> tuple[ClipResult, Exhibit | None]:
    """Runs and measures; what fails for one frame, or for the clip, is a miss and told.

    scratch: where the maps wait meanwhile, in a folder that is gone afterwards.

    Raises:
        DatasetError: a frame's files are missing or damaged.
        OSError: the disk takes no more.
    """
    maker = ExhibitMaker(showing) if with_exhibit and estimator.specification.gives != "normals" else None
    work = _Work(showing, estimator, maker, progress)
    with TemporaryDirectory(dir=scratch) as folder:
        for places in showing.parts():
            work.go_through(places, Path(folder) / "maps.npy")
    result = ClipResult(
        showing.clip.name,
        estimator.specification.name,
        estimator.name,
        estimator.specification.gives,
        len(showing),
        work.seconds / len(showing),
        work.tallies,
        tuple(work.misses),
        tuple(work.unused),
        dict(work.tables),
    )
    return result, None if maker is None else maker.finish()


class _Work:
    """The running sums over one clip."""

    def __init__(self, showing: Showing, estimator: Estimator, maker: ExhibitMaker | None, progress: Progress) -> None:
        self._showing, self._estimator, self._maker, self._progress = showing, estimator, maker, progress
        self.tallies: Tallies = {}
        self.misses: list[tuple[int, str]] = []
        self.unused: list[tuple[int, str]] = []
        self.tables: Counter[str] = Counter()
        self.seconds = 0.0
        self._done = 0

    def go_through(self, places: Sequence[int], path: Path) -> None:
        """Frames that share one scale and shift."""
        found = collect(self._showing, self._estimator, places, path, self._tick)
        self.seconds += found.seconds
        self.misses += [(self._showing.numbers[places[i]], why) for i, why in found.misses]
        if self._estimator.specification.gives == "normals":
            self._weigh_normals(places, found.maps)
            return
        missed = {i for i, _ in found.misses}
        sums, watch = LineSums(), StillWatch()
        for i, place in enumerate(places):
            frame = self._showing.shown(place).frame
            depth_m = self._weigh_metric(place, found.maps[i], i in missed, sums)
            watch.add(frame, depth_m)
            if found.confidence is not None:
                self._sum_all("confidence", confidence_tallies(frame, depth_m, found.confidence[i]))
            self._tick()
        self._sum_all("jitter", watch.tallies())
        for i, place in enumerate(places):
            self._weigh_aligned(place, found.maps[i], sums.line())
            self._tick()

    def _weigh_metric(
        self, place: int, values: NDArray[np.float32], is_missed: bool, sums: LineSums
    ) -> NDArray[np.float32]:
        """By the protocols that go frame by frame; its pairs go to the sums for the one that does not.

        Depth (H, W) [m] as the cell makes it, NaN: none.
        """
        shown, kind = self._showing.shown(place), self._estimator.as_depth(values).kind
        everything = regions_of(shown.frame, self._showing.kind)["all"]
        sums.add(*pairs(comparable(values, kind), target(shown.frame.depth_m, kind), everything, kind))
        self.tables[shown.table.source] += 1
        depth_m = np.full(values.shape, np.nan, np.float32) if is_missed else self._used_m(shown, values)
        self._add("used", shown, depth_m, place)
        if hard_of(shown.frame) is not None and np.isfinite(shown.outside.depth_m).any():
            self._add("sensor", shown, self._by_sensor_m(shown, values), place)
        return depth_m

    def _weigh_aligned(self, place: int, values: NDArray[np.float32], line: tuple[float, float] | None) -> None:
        kind = self._estimator.as_depth(values).kind
        self._add("aligned", self._showing.shown(place), aligned_m(comparable(values, kind), kind, line), place)

    def _used_m(self, shown: Shown, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth (H, W) [m] as the cell makes it, NaN where it refuses."""
        relative = self._estimator.as_depth(values)
        try:
            if shown.table.view is not None:
                return fit_metric(relative, shown.table.view, shown.outside).depth_m
            if relative.kind == "metric":
                return to_metres(values, "metric", 1.0, 0.0)
            why = f"Nothing tells where the table is: {shown.table.why}"
        except (PerceptionError, CalibrationError) as error:
            why = error.cause
        self.unused.append((self._showing.numbers[shown.place], why))
        return np.full(values.shape, np.nan, np.float32)

    def _by_sensor_m(self, shown: Shown, values: NDArray[np.float32]) -> NDArray[np.float32]:
        relative = self._estimator.as_depth(values)
        if relative.is_sensor:
            return values
        line = fit_to_sensor(relative, shown.outside.depth_m, np.isfinite(shown.outside.depth_m))
        return aligned_m(comparable(values, relative.kind), relative.kind, line)

    def _weigh_normals(self, places: Sequence[int], maps: NDArray[np.float32]) -> None:
        for i, place in enumerate(places):
            frame = self._showing.shown(place).frame
            if frame.normals is not None:
                for name, region in regions_of(frame, self._showing.kind).items():
                    self._sum("normals", name, AngleTally.of(maps[i], frame.normals, region))
            self._tick(2)

    def _add(self, protocol: str, shown: Shown, depth_m: NDArray[np.float32], place: int) -> None:
        for name, region in regions_of(shown.frame, self._showing.kind).items():
            self._sum(protocol, name, DepthTally.of(depth_m, shown.frame.depth_m, region))
        if self._maker is not None and protocol != "sensor":
            self._maker.add(place, depth_m, protocol == "used")

    def _sum_all(self, protocol: str, tallies: Mapping[str, Tally]) -> None:
        for region, tally in tallies.items():
            self._sum(protocol, region, tally)

    def _sum(self, protocol: str, region: str, tally: Tally) -> None:
        own = self.tallies.setdefault(protocol, {})
        own[region] = own[region] + tally if region in own else tally  # type: ignore[operator]

    def _tick(self, frames: int = 1) -> None:
        self._done += frames
        self._progress(self._done)
