"""What an estimator predicts for samples that share one scale and shift; what it fails at is a miss."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError, PerceptionError, VitroError
from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import RelativeDepth, TableView
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.estimators.specification import EstimatorSpecification
from perception.learning.evaluation.samples import ClipSamples, Sample

#: Depth with how sure it is, a map of a clip (H, W) or normals (H, W, 3), or why there is none.
Prediction = NDArray[np.float32] | RelativeDepth | VitroError


@dataclass
class Predictions:
    """Of the samples of one part of a clip, on disk while they are evaluated.

    maps: (N, H, W) or (N, H, W, 3) float32, NaN where there is none. confidence: (N, H, W) float32, NaN where
    none is told, None where none is for any. misses: place among the N, and why. seconds: what the estimator took
    for all of them.
    """

    maps: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None
    misses: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0


def open_for_evaluation(specification: EstimatorSpecification, options: EstimatorOptions) -> Estimator:
    """The estimator, its weights loaded; a cheat is given the data set's truth.

    Raises:
        PerceptionError: weights that are missing or unusable.
    """
    return open_estimator(specification, options, truth=lambda image: np.empty((0, 0), np.float32))


def predict(estimator: Estimator, samples: ClipSamples, places: Sequence[int]) -> Iterator[Prediction]:
    """One a place, in order.

    Raises:
        VitroError: there is none for all of the rest.
    """
    takes_clips = estimator.takes_clips or estimator.specification.gives == "normals"
    return (_of_clip if takes_clips else _of_frames)(estimator, samples, places)


def _of_frames(estimator: Estimator, samples: ClipSamples, places: Sequence[int]) -> Iterator[Prediction]:
    """Each frame with those of its film before it, and the table in it; one that fails does not stop the others."""
    estimator = replace(estimator, truth=lambda image: sample.frame.depth_m)
    newest: deque[RgbdImage] = deque(maxlen=estimator.specification.frames if samples.clip.is_video else 1)
    for place in places:
        sample = samples[place]
        newest.append(sample.image)
        try:
            if estimator.specification.needs_depth and sample.frame.sensor_m is None:
                raise estimator.lacks_depth()
            table = _table(sample).plane if estimator.specification.needs_table else None
            yield estimator.estimate(list(newest), table)
        except VitroError as error:
            yield error


def _of_clip(estimator: Estimator, samples: ClipSamples, places: Sequence[int]) -> Iterator[Prediction]:
    height, width = samples[places[0]].frame.depth_m.shape
    estimator = replace(estimator, locate=lambda image: _table(sample))
    stream = estimator.stream(len(places), height, width)
    for place in places:
        sample = samples[place]
        # With the camera's depth only where the data set has one: without, what is made of it is to say so.
        seen = sample.image if sample.frame.sensor_m is not None or estimator.specification.needs_table else None
        yield from stream.push(ClipFrame(sample.frame.color, seen))
    yield from stream.finish()


def _table(sample: Sample) -> TableView:
    if sample.table.view is None:
        raise PerceptionError(
            f"Nothing tells where the table is: {sample.table.why}", "Show the cell's tags, or depth."
        )
    return sample.table.view


def collect_predictions(
    samples: ClipSamples, estimator: Estimator, places: Sequence[int], path: Path, tick: Callable[[], None]
) -> Predictions:
    """Runs the estimator.

    Args:
        path: where the maps are kept; confidence beside them.
        tick: is called for every frame.

    Raises:
        DatasetError: a frame's files are missing or damaged.
        OSError: the disk takes no more.
    """
    # Read first: a clip that cannot be read is no failure of the estimator's.
    size = samples[places[0]].frame.depth_m.shape
    shape = (len(places), *size, *((3,) if estimator.specification.gives == "normals" else ()))
    found = Predictions(np.lib.format.open_memmap(path, "w+", np.float32, shape))
    started_s = time.monotonic()
    for place, prediction in enumerate(_each(predict(estimator, samples, places), len(places))):
        found.seconds += time.monotonic() - started_s
        why = _keep(prediction, found, place, path.with_name(f"confidence-{path.name}"))
        if why:
            found.misses.append((place, why))
            found.maps[place] = np.nan
        tick()
        started_s = time.monotonic()
    return found


def _each(predictions: Iterator[Prediction], count: int) -> Iterator[Prediction]:
    """`count` predictions: after one that ends the clip, its error for each that is still due."""
    given = 0
    try:
        for prediction in predictions:
            given += 1
            yield prediction
    except DatasetError:
        raise
    except VitroError as error:
        yield from [error] * (count - given)


def _keep(prediction: Prediction, found: Predictions, place: int, path: Path) -> str:
    """Writes a prediction down, its confidence to `path`; or says why it is none."""
    if isinstance(prediction, VitroError):
        return prediction.cause
    shape, confidence = found.maps.shape[1:], getattr(prediction, "confidence", None)
    values = prediction.values if isinstance(prediction, RelativeDepth) else prediction
    for what, own in (("map", values), ("confidence", confidence)):
        if own is not None and own.shape != shape:
            return f"A {what} of shape {own.shape} for a frame of shape {shape[:2]}."
    found.maps[place] = values
    if confidence is not None:
        if found.confidence is None:
            found.confidence = np.lib.format.open_memmap(path, "w+", np.float32, found.maps.shape)
            found.confidence[:] = np.nan
        found.confidence[place] = confidence
    return ""
