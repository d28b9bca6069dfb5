"""An estimator's maps of one part of a clip, kept on disk while they are measured; what it fails at is a miss."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError, VitroError
from perception.depth_types import RelativeDepth
from perception.estimators.estimator import Estimator
from perception.learning.evaluation.predictions import Prediction, predictions
from perception.learning.evaluation.showing import Showing


@dataclass
class Collected:
    """maps: (N, H, W) or (N, H, W, 3) float32, NaN where there is none. confidence: (N, H, W) float32, NaN where
    none is told, None where none is for any. misses: place among the N, and why. seconds: what the estimator took
    for all of them."""

    maps: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None
    misses: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0


def collect(
    showing: Showing, estimator: Estimator, places: Sequence[int], path: Path, tick: Callable[[], None]
) -> Collected:
    """Runs the estimator; tick is told of every frame. path: where the maps wait; confidence waits beside them.

    Raises:
        DatasetError: a frame's files are missing or damaged.
        OSError: the disk takes no more.
    """
    # Read first: a clip that cannot be read is no failure of the estimator's.
    size = showing.shown(places[0]).frame.depth_m.shape
    shape = (len(places), *size, *((3,) if estimator.specification.gives == "normals" else ()))
    found = Collected(np.lib.format.open_memmap(path, "w+", np.float32, shape))
    started_s = time.monotonic()
    for place, answer in enumerate(_all_answers(predictions(estimator, showing, places), len(places))):
        found.seconds += time.monotonic() - started_s
        why = _keep(answer, found, place, path.with_name(f"confidence-{path.name}"))
        if why:
            found.misses.append((place, why))
            found.maps[place] = np.nan
        tick()
        started_s = time.monotonic()
    return found


def _keep(answer: Prediction, found: Collected, place: int, path: Path) -> str:
    """Writes an answer down, its confidence to `path`; or says why it is none."""
    if isinstance(answer, VitroError):
        return answer.cause
    values, confidence = (answer.values, answer.confidence) if isinstance(answer, RelativeDepth) else (answer, None)
    shape = found.maps.shape[1:]
    if values.shape != shape:
        return f"A map of shape {values.shape} for a frame of shape {shape[:2]}."
    found.maps[place] = values
    if confidence is None:
        return ""
    if confidence.shape != shape:
        return f"A confidence of shape {confidence.shape} for a frame of shape {shape[:2]}."
    if found.confidence is None:
        found.confidence = np.lib.format.open_memmap(path, "w+", np.float32, found.maps.shape)
        found.confidence[:] = np.nan
    found.confidence[place] = confidence
    return ""


def _all_answers(answers: Iterator[Prediction], count: int) -> Iterator[Prediction]:
    """`count` answers: after one that ends the clip, its error for each that is still due."""
    given = 0
    try:
        for answer in answers:
            given += 1
            yield answer
    except DatasetError:
        raise
    except VitroError as error:
        yield from [error] * (count - given)
