"""What is measured: the estimators by name, and the table's plane everywhere as one that knows no objects."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, PerceptionError, VitroError
from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import RelativeDepth
from perception.estimators import (
    CLIP_ESTIMATORS,
    DEFAULTS,
    ESTIMATORS,
    NORMAL_ESTIMATORS,
    create_clip_estimator,
    create_estimator,
    create_normal_estimator,
)
from perception.estimators.base import ClipEstimator, DepthEstimator, Kind, MapStream, NormalEstimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.steady import LONGEST
from perception.learning.evaluation.showing import Showing, Shown

PLANE = "plane"
#: Estimators that are given the table's plane, which a clip's stream does not carry.
_GIVEN_THE_TABLE = ("vitro-s",)
#: Those that are no model and have no weights.
UNTRAINED = (PLANE, "raw", "oracle", "depth")
#: Everything that can be measured.
SUBJECTS = tuple(dict.fromkeys((PLANE, *ESTIMATORS, *NORMAL_ESTIMATORS)))

#: A map (H, W), also with how sure it is, normals (H, W, 3), or why there is none; in the order of the frames.
Answer = NDArray[np.float32] | RelativeDepth | VitroError


class Subject(Protocol):
    """Answers for frames that share one scale and shift.

    kind: what the numbers are, `normals` for normals; read once the first answer is there.
    """

    name: str

    @property
    def kind(self) -> Kind | Literal["normals"]: ...

    @property
    def ran_as(self) -> str:
        """Model and settings as they ran."""
        ...

    def answers(self, showing: Showing, places: Sequence[int]) -> Iterator[Answer]:
        """One answer a place.

        Raises:
            VitroError: it can answer for none of the rest.
        """
        ...


def create_subject(name: str, options: EstimatorOptions = DEFAULTS) -> Subject:
    """What is called `name`; its weights are loaded.

    Raises:
        ConfigurationError: nothing is called so.
        PerceptionError: weights that are missing or unusable.
    """
    if name == PLANE:
        return PlaneSubject()
    if name in NORMAL_ESTIMATORS and name not in ESTIMATORS:
        return StreamSubject(name, create_normal_estimator(name, options))
    if name in CLIP_ESTIMATORS and name not in _GIVEN_THE_TABLE:
        return StreamSubject(name, create_clip_estimator(name, options))
    if name in ESTIMATORS:
        return FrameSubject(name, options)
    raise ConfigurationError(f"There is no estimator '{name}'.", f"Choose some of: {', '.join(SUBJECTS)}.")


class PlaneSubject:
    """The table's plane in every pixel."""

    name = ran_as = PLANE
    kind: Kind = "metric"

    def answers(self, showing: Showing, places: Sequence[int]) -> Iterator[Answer]:
        """See `Subject.answers`."""
        for place in places:
            shown = showing.shown(place)
            plane = shown.table.plane
            yield _no_table(shown) if plane is None else plane.depth(shown.frame.intrinsics.rays())


class FrameSubject:
    """A `DepthEstimator`, which is told where the table is and shown each frame with those of its film before it."""

    def __init__(self, name: str, options: EstimatorOptions) -> None:
        self.name = name
        self._truth_m: NDArray[np.float32] = np.empty((0, 0), np.float32)
        # The oracle alone asks for it.
        self._estimator: DepthEstimator = create_estimator(name, lambda _: self._truth_m, options)
        self.kind: Kind = "metric"

    @property
    def ran_as(self) -> str:
        """See `Subject.ran_as`."""
        return self._estimator.name

    def answers(self, showing: Showing, places: Sequence[int]) -> Iterator[Answer]:
        """See `Subject.answers`."""
        newest: deque[RgbdImage] = deque(maxlen=LONGEST if showing.clip.is_video else 1)
        for place in places:
            shown = showing.shown(place)
            self._truth_m = shown.frame.depth_m
            newest.append(shown.seen)
            try:
                if shown.table.plane is None and self.name in _GIVEN_THE_TABLE:
                    raise _no_table(shown)
                answer = self._estimator.estimate(list(newest), shown.table.plane)
            except VitroError as error:
                yield error
                continue
            self.kind = answer.kind
            yield answer


class StreamSubject:
    """A `ClipEstimator` or `NormalEstimator`, which is shown the frames as a clip."""

    def __init__(self, name: str, estimator: ClipEstimator | NormalEstimator) -> None:
        self.name = name
        self._estimator = estimator

    @property
    def kind(self) -> Kind | Literal["normals"]:
        """See `Subject.kind`."""
        return getattr(self._estimator, "kind", "normals")

    @property
    def ran_as(self) -> str:
        """See `Subject.ran_as`."""
        return self._estimator.name

    def answers(self, showing: Showing, places: Sequence[int]) -> Iterator[Answer]:
        """See `Subject.answers`."""
        stream: MapStream | None = None
        for place in places:
            shown = showing.shown(place)
            if stream is None:
                stream = self._estimator.open(len(places), *shown.frame.depth_m.shape)
            yield from stream.push(_clip_frame(shown))
        if stream is not None:
            yield from stream.finish()


def _clip_frame(shown: Shown) -> ClipFrame:
    """With the camera's depth only where the data set has one: without, `raw` is to say so."""
    return ClipFrame(shown.frame.color, shown.seen if shown.frame.sensor_m is not None else None)


def _no_table(shown: Shown) -> PerceptionError:
    return PerceptionError(f"Nothing tells where the table is: {shown.table.why}", "Show the cell's tags, or depth.")


def as_relative(subject: Subject, values: NDArray[np.float32]) -> RelativeDepth:
    """A depth answer as the cell's next stage takes it."""
    if subject.kind == "normals":
        raise ValueError(f"{subject.name} gives normals")
    return RelativeDepth(values, subject.kind, subject.ran_as, is_sensor=subject.name == "raw")
