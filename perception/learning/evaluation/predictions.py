"""What an estimator predicts for frames of a data set that share one scale and shift."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError, VitroError
from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.estimators.specification import EstimatorSpecification
from perception.learning.evaluation.showing import Showing, Shown

#: Depth with how sure it is, a map of a clip (H, W) or normals (H, W, 3), or why there is none.
Prediction = NDArray[np.float32] | RelativeDepth | VitroError


def open_for_evaluation(specification: EstimatorSpecification, options: EstimatorOptions) -> Estimator:
    """The estimator, its weights loaded; a cheat is given the data set's truth.

    Raises:
        PerceptionError: weights that are missing or unusable.
    """
    return open_estimator(specification, options, truth=lambda image: np.empty((0, 0), np.float32))


def predictions(estimator: Estimator, showing: Showing, places: Sequence[int]) -> Iterator[Prediction]:
    """One a place, in order.

    Raises:
        VitroError: there is none for all of the rest.
    """
    if estimator.takes_clips or estimator.specification.gives == "normals":
        return _of_clip(estimator, showing, places)
    return _of_frames(estimator, showing, places)


def _of_frames(estimator: Estimator, showing: Showing, places: Sequence[int]) -> Iterator[Prediction]:
    """Each frame with those of its film before it, and the table in it; one that fails does not stop the others."""
    estimator = replace(estimator, truth=lambda image: shown.frame.depth_m)
    newest: deque[RgbdImage] = deque(maxlen=estimator.specification.frames if showing.clip.is_video else 1)
    for place in places:
        shown = showing.shown(place)
        newest.append(shown.seen)
        try:
            if estimator.specification.needs_depth and shown.frame.sensor_m is None:
                raise estimator.lacks_depth()
            table = _table(shown) if estimator.specification.needs_table else None
            yield estimator.estimate(list(newest), table)
        except VitroError as error:
            yield error


def _of_clip(estimator: Estimator, showing: Showing, places: Sequence[int]) -> Iterator[Prediction]:
    height, width = showing.shown(places[0]).frame.depth_m.shape
    estimator = replace(estimator, locate=lambda image: _table(shown))
    stream = estimator.stream(len(places), height, width)
    for place in places:
        shown = showing.shown(place)
        # With the camera's depth only where the data set has one: without, what is made of it is to say so.
        seen = shown.seen if shown.frame.sensor_m is not None or estimator.specification.needs_table else None
        yield from stream.push(ClipFrame(shown.frame.color, seen))
    yield from stream.finish()


def _table(shown: Shown) -> Plane:
    """Raises a PerceptionError where nothing tells it."""
    if shown.table.plane is None:
        raise PerceptionError(f"Nothing tells where the table is: {shown.table.why}", "Show the cell's tags, or depth.")
    return shown.table.plane
