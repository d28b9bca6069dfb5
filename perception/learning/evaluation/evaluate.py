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
from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.alignment import LineSums, aligned_m, comparable, fit_to_sensor, pairs, target
from perception.learning.evaluation.figures import Figure, FigureBuilder
from perception.learning.evaluation.metrics import ConfidenceMetrics, DepthMetrics, JitterMeter, Metrics, NormalMetrics
from perception.learning.evaluation.predictions import collect_predictions
from perception.learning.evaluation.regions import hard_of, regions_of, things_of
from perception.learning.evaluation.samples import ClipSamples, Sample
from perception.table.metric_scale import fit_metric, to_metres

#: Is told how many frames are done, each as often as it is read.
Progress = Callable[[int], None]
#: Metrics by protocol, then region.
ClipMetrics = dict[str, dict[str, Metrics]]


@dataclass(frozen=True)
class ClipResult:
    """What came of it. seconds: of the estimator alone, a frame. misses: frames without an answer, unused:
    those whose answer could not be made metric, each with the reason. tables: frames by what told the table."""

    clip: str
    estimator: str
    ran_as: str
    kind: str
    frames: int
    seconds: float
    metrics: ClipMetrics
    misses: tuple[tuple[int, str], ...]
    unused: tuple[tuple[int, str], ...]
    tables: dict[str, int]


def passes(samples: ClipSamples) -> int:
    """How many frames `evaluate` counts: each once by the estimator and twice by the metrics."""
    return 3 * len(samples)


def evaluate(
    samples: ClipSamples, estimator: Estimator, scratch: Path, with_figure: bool, progress: Progress
) -> tuple[ClipResult, Figure | None]:
    """Runs and measures; what fails for one frame, or for the clip, is a miss with its reason.

    scratch: where the maps wait meanwhile, in a folder that is gone afterwards.

    Raises:
        DatasetError: a frame's files are missing or damaged.
        OSError: the disk takes no more.
    """
    builder = FigureBuilder(samples) if with_figure and estimator.specification.gives != "normals" else None
    work = _Evaluation(samples, estimator, builder, progress)
    with TemporaryDirectory(dir=scratch) as folder:
        for places in samples.parts():
            work.evaluate_part(places, Path(folder) / "maps.npy")
    result = ClipResult(
        samples.clip.name,
        estimator.specification.name,
        estimator.name,
        estimator.specification.gives,
        len(samples),
        work.seconds / len(samples),
        work.metrics,
        tuple(work.misses),
        tuple(work.unused),
        dict(work.tables),
    )
    return result, None if builder is None else builder.build()


class _Evaluation:
    def __init__(
        self, samples: ClipSamples, estimator: Estimator, builder: FigureBuilder | None, progress: Progress
    ) -> None:
        self._samples, self._estimator, self._builder, self._progress = samples, estimator, builder, progress
        self.metrics: ClipMetrics = {}
        self.misses: list[tuple[int, str]] = []
        self.unused: list[tuple[int, str]] = []
        self.tables: Counter[str] = Counter()
        self.seconds = 0.0
        self._done = 0

    def evaluate_part(self, places: Sequence[int], path: Path) -> None:
        found = collect_predictions(self._samples, self._estimator, places, path, self._tick)
        self.seconds += found.seconds
        self.misses += [(self._samples.numbers[places[i]], why) for i, why in found.misses]
        if self._estimator.specification.gives == "normals":
            for i, place in enumerate(places):
                frame = self._samples[place].frame
                if (truth := frame.normals) is not None:
                    regions = regions_of(frame, self._samples.kind).items()
                    self._sum("normals", {name: NormalMetrics.of(found.maps[i], truth, own) for name, own in regions})
                self._tick(2)
            return
        missed = {i for i, _ in found.misses}
        sums, meter = LineSums(), JitterMeter()
        for i, place in enumerate(places):
            frame = self._samples[place].frame
            depth_m = self._evaluate_frame(place, found.maps[i], i in missed, sums)
            meter.add(frame, depth_m)
            if found.confidence is not None:
                self._sum("confidence", confidence_metrics(frame, depth_m, found.confidence[i]))
            self._tick()
        self._sum("jitter", meter.metrics())
        line = sums.line()
        for i, place in enumerate(places):
            kind = self._estimator.as_depth(found.maps[i]).kind
            depth_m = aligned_m(comparable(found.maps[i], kind), kind, line)
            self._add("aligned", self._samples[place], depth_m)
            self._tick()

    def _evaluate_frame(
        self, place: int, values: NDArray[np.float32], is_missed: bool, sums: LineSums
    ) -> NDArray[np.float32]:
        """By the protocols that go frame by frame; its pairs go to the sums for the one that does not.

        Depth (H, W) [m] as the cell makes it, NaN: none.
        """
        sample, relative = self._samples[place], self._estimator.as_depth(values)
        kind, everything = relative.kind, regions_of(sample.frame, self._samples.kind)["all"]
        sums.add(*pairs(comparable(values, kind), target(sample.frame.depth_m, kind), everything, kind))
        self.tables[sample.table.source] += 1
        depth_m = np.full(values.shape, np.nan, np.float32) if is_missed else self._cell_depth_m(sample, values)
        self._add("used", sample, depth_m)
        outside = np.isfinite(sample.outside.depth_m)
        if hard_of(sample.frame) is not None and outside.any():
            by_sensor_m = values
            if not relative.is_sensor:
                line = fit_to_sensor(relative, sample.outside.depth_m, outside)
                by_sensor_m = aligned_m(comparable(values, kind), kind, line)
            self._add("sensor", sample, by_sensor_m)
        return depth_m

    def _cell_depth_m(self, sample: Sample, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth (H, W) [m] as the cell makes it, NaN where it refuses."""
        relative = self._estimator.as_depth(values)
        try:
            if sample.table.view is not None:
                return fit_metric(relative, sample.table.view, sample.outside).depth_m
            if relative.kind == "metric":
                return to_metres(values, "metric", 1.0, 0.0)
            why = f"Nothing tells where the table is: {sample.table.why}"
        except (PerceptionError, CalibrationError) as error:
            why = error.cause
        self.unused.append((self._samples.numbers[sample.place], why))
        return np.full(values.shape, np.nan, np.float32)

    def _add(self, protocol: str, sample: Sample, depth_m: NDArray[np.float32]) -> None:
        regions, truth_m = regions_of(sample.frame, self._samples.kind), sample.frame.depth_m
        self._sum(protocol, {name: DepthMetrics.of(depth_m, truth_m, region) for name, region in regions.items()})
        if self._builder is not None and protocol != "sensor":
            self._builder.add(sample.place, depth_m, protocol == "used")

    def _sum(self, protocol: str, metrics: Mapping[str, Metrics]) -> None:
        own = self.metrics.setdefault(protocol, {}) if metrics else {}
        for region, one in metrics.items():
            own[region] = own[region] + one if region in own else one

    def _tick(self, frames: int = 1) -> None:
        self._done += frames
        self._progress(self._done)


def confidence_metrics(
    frame: DatasetFrame, depth_m: NDArray[np.float32], confidence: NDArray[np.float32]
) -> dict[str, ConfidenceMetrics]:
    """By region: `objects`, or glass and mirrors where the data set tells of no others; none where nothing stands.

    depth_m: (H, W) [m] as the cell makes it; confidence: (H, W), the probability that it is within `TOLERANCE_M`;
    either NaN: none. Pixels count that have both, and whose truth is known.
    """
    things = things_of(frame)
    if "objects" in things:
        things = {"objects": things["objects"]}
    error_m = np.abs(depth_m - frame.depth_m)
    known, held = np.isfinite(error_m), error_m < tolerance_m()
    return {name: ConfidenceMetrics.of(confidence, held, mask & known) for name, mask in things.items()}


def tolerance_m() -> float:
    """Within which an answer is right [m]. Torch comes with it, which what has no confidence does without."""
    from perception.estimators.vitro_s.model import TOLERANCE_M

    return TOLERANCE_M
