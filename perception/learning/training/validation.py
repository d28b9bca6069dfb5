"""What the LoRA is worth so far: full inference on fixed clips, through the estimator that everything else uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Kind
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.learning.datasets.base import DatasetClip, DatasetFrame
from perception.learning.evaluation.alignment import LineSums, aligned_m, comparable, pairs, target
from perception.learning.evaluation.metrics import DepthMetrics
from perception.learning.evaluation.regions import regions_of
from perception.learning.training.files import write_png
from perception.learning.training.settings import TrainingSettings
from perception.pictures import Image, colour_depth, depth_range, legend, titled

#: Frames of a clip that its picture shows.
_SHOWN = 3
#: Regions that are scored where a data set tells of them.
REGIONS = ("all", "transparent", "specular")
#: Panels are no narrower than this [px], or their titles could not be read.
_LEAST_WIDTH = 480

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ClipScore:
    """One clip's metrics by region, after one scale and shift for the whole clip, as the paper aligns."""

    clip: str
    frames: int
    metrics: dict[str, dict[str, float]]

    def describe(self) -> str:
        """In a few words; where nothing is known of all pixels there is nothing to say."""
        every = self.metrics["all"]
        found = f"REL {100 * every['rel']:.2f} %, δ1.05 {100 * every['delta_1.05']:.1f} %"
        return f"{self.clip} ({self.frames} frames): {found}"


def validate(
    model: Path,
    clips: Sequence[DatasetClip],
    settings: TrainingSettings,
    device: torch.device,
    out: Path,
    show: Progress,
) -> list[ClipScore]:
    """Scores every clip and writes its picture (colour, truth, prediction) to `out`.

    model: a weights folder. show is told how many frames are done, and of how many. The first frames of a
    clip, at most as many as one is trained on. The generators of this process are left as they were.

    Raises:
        PerceptionError: weights that inference refuses, or maps that are not finite.
        DatasetError: a frame that cannot be read.
    """
    lengths = [min(len(clip), settings.longest) if clip.is_video else 1 for clip in clips]
    devices = [device] if device.type == "cuda" else []
    scores = []
    with torch.random.fork_rng(devices):
        # Exact: nothing is compiled for a few clips.
        where, precision = str(device), settings.precision
        steps, size = settings.validation_steps, settings.size
        options = EstimatorOptions(model, size=size, steps=steps, mode="exact", device=where, dtype=precision)
        estimator = open_estimator("dkt", options)
        for number, (clip, count) in enumerate(zip(clips, lengths, strict=True)):
            frames = [clip.frame(i) for i in range(count)]
            stream = estimator.stream(count, *frames[0].color.shape[:2])
            maps = [m for frame in frames for m in stream.push(ClipFrame(frame.color))] + stream.finish()
            metrics, depths_m = _score(frames, maps)
            scores.append(ClipScore(clip.name, count, metrics))
            write_png(out / f"{number}-{clip.name}.png", _picture(frames, depths_m))
            show(sum(lengths[: number + 1]), sum(lengths))
    return scores


def _score(
    frames: Sequence[DatasetFrame], maps: Sequence[NDArray[np.float32]]
) -> tuple[dict[str, dict[str, float]], list[NDArray[np.float32]]]:
    kind: Kind = "disparity"
    sums, answers = LineSums(), [comparable(values, kind) for values in maps]
    regions = [regions_of(frame, "") for frame in frames]
    for frame, answer, region in zip(frames, answers, regions, strict=True):
        sums.add(*pairs(answer, target(frame.depth_m, kind), region["all"], kind))
    depths_m = [aligned_m(answer, kind, sums.line()) for answer in answers]
    metrics = {name: DepthMetrics.empty() for name in REGIONS}
    for frame, depth_m, region in zip(frames, depths_m, regions, strict=True):
        for name in region.keys() & metrics:
            metrics[name] += DepthMetrics.of(depth_m, frame.depth_m, region[name])
    return {name: own.compute() for name, own in metrics.items() if own.pixels}, depths_m


def _picture(frames: Sequence[DatasetFrame], depths_m: Sequence[NDArray[np.float32]]) -> Image:
    """A row for each of a few frames: colour, true depth, predicted depth; one range of colours."""
    shown = sorted({round(i * (len(frames) - 1) / (_SHOWN - 1)) for i in range(_SHOWN)})
    near_m, far_m = depth_range(*(frames[i].depth_m for i in shown))
    rows = []
    for i in shown:
        truth, predicted = (colour_depth(depth_m, near_m, far_m) for depth_m in (frames[i].depth_m, depths_m[i]))
        panels = {f"frame {i}": frames[i].color, "truth": truth, "prediction, aligned": predicted}
        times = max(1, -(-_LEAST_WIDTH // truth.shape[1]))
        rows.append(np.hstack([titled(p.repeat(times, 0).repeat(times, 1), title) for title, p in panels.items()]))
    sheet = np.vstack(rows)
    return np.hstack([sheet, legend(sheet.shape[0], near_m, far_m, "metres")])
