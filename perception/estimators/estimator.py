"""An estimator that is ready to run: maps for the newest frames of a camera, and for clips of any length."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError, VitroError
from core.image import RgbdImage
from core.plugins import failure_in
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth, TableView
from perception.estimators.frame_stream import FrameStream, as_answer, newest_map
from perception.estimators.memory import Model, retry_smaller
from perception.estimators.specification import (
    Answer,
    ClipModel,
    EstimatorSpecification,
    FrameModel,
    Map,
    ModelStream,
    Observation,
    Progress,
)
from perception.objects.object_map import CellMasks
from perception.table.metric_factor import corrected
from perception.table.plane import fit_table

#: The simulator's depth (H, W) [m] of a picture, NaN or 0 for holes.
Truth = Callable[[RgbdImage], NDArray[np.float32]]
#: Finds the table in a frame.
Locate = Callable[[RgbdImage], TableView]

_GIVE_DEPTH = (
    "Give a .bag, a .db3, or a folder of 000000.png with intrinsics.json, in which the cell's tags (--cell) or a "
    "bare table with depth are seen; for colour alone choose another --estimator."
)


@dataclass(frozen=True)
class Estimator:
    """A loaded model behind its specification.

    truth: of the digital cell, for a cheat. locate: where the table is in a clip's frames; None: where the
    sensor's depth shows it.
    """

    specification: EstimatorSpecification
    model: FrameModel | ClipModel
    truth: Truth | None = None
    locate: Locate | None = None

    @property
    def name(self) -> str:
        """For logs and reports: model and settings as they ran; says so where it cheats."""
        name = str(getattr(self.model, "ran_as", self.specification.name))
        return f"{name} (cheat)" if self.specification.is_cheat else name

    @property
    def takes_clips(self) -> bool:
        """Whether its maps depend on frames that come later, so that a clip must go through as a whole."""
        return isinstance(self.model, ClipModel)

    def estimate(
        self, frames: Sequence[RgbdImage], table: Plane | None, masks: CellMasks | None = None
    ) -> RelativeDepth:
        """Depth of the last of one or more consecutive frames; `table` and `masks` are its own, where known.

        Where memory runs out, once more at the smaller setting that the model declares; the answer's name says so.

        Raises:
            PerceptionError: these frames give no depth, or what the model gives is none, or no memory.
        """
        recent = frames[-self.specification.frames :]
        if table is None and (view := self._table(recent[-1], None)) is not None:
            table = view.plane
        seen = [self._observation(ClipFrame(frame.color, frame), table) for frame in recent]
        seen[-1] = replace(seen[-1], masks=masks)
        size = recent[-1].color.shape[:2]
        with self.failures():
            answer, smaller = retry_smaller(self.specification.name, self.model, size, partial(_newest, seen))
        sure = None if answer.confidence is None else self.check(answer.confidence, size)
        if answer.objects is not None and answer.objects.ids.shape != size:
            raise PerceptionError(
                f"{self.specification.name} gives objects of shape {answer.objects.ids.shape}, not {size}.",
                "Bring them to the frame's own size.",
            )
        depth = replace(self.as_depth(self.check(answer.values, size), sure), objects=answer.objects)
        return replace(depth, estimator=f"{depth.estimator}, retried at {smaller}: no memory") if smaller else depth

    def as_depth(self, values: Map, confidence: Map | None = None) -> RelativeDepth:
        """A map (H, W) as the next stages take it, of an estimator that gives depth."""
        kind = self.specification.gives
        if kind == "normals":
            raise ValueError(f"{self.specification.name} gives normals")
        return RelativeDepth(values, kind, self.name, confidence, self.specification.is_sensor)

    def stream(self, count: int, height: int, width: int, progress: Progress = lambda share: None) -> "MapStream":
        """A stream for a clip of `count` frames of one size [px].

        Raises:
            PerceptionError: a size or count that the model cannot take.
        """
        if isinstance(self.model, ClipModel):
            with self.failures():
                inner = self.model.stream(count, height, width, progress)
            return MapStream(self, inner, (height, width))
        return MapStream(self, FrameStream(self.model, self.specification.frames, count, progress), (height, width))

    def observe(self, frame: ClipFrame) -> Observation:
        """What the model may see of a clip's frame.

        Raises:
            PerceptionError: it lacks what the model needs.
        """
        if not self.specification.needs_table:
            return self._observation(frame, None)
        if frame.rgbd is None:
            raise self.lacks_table("this clip has neither intrinsics nor depth")
        view = self._table(frame.rgbd, self.locate)
        assert view is not None
        (rgbd,) = corrected([frame.rgbd], view)
        return self._observation(ClipFrame(frame.color, rgbd), view.plane)

    def lacks_table(self, why: str) -> PerceptionError:
        """What to give an estimator that must know where the table is."""
        return PerceptionError(f"{self.specification.name} is told where the table is, and {why}.", _GIVE_DEPTH)

    def lacks_depth(self) -> PerceptionError:
        """What to give an estimator that is made of the sensor's depth."""
        return PerceptionError(
            f"{self.specification.name} is made from the sensor's depth, and there is none here.",
            "Give a .bag, .db3 or frame folder with depth, or choose another --estimator.",
        )

    def check(self, values: Any, size: tuple[int, ...]) -> Map:
        """A map as the other stages take it, float32.

        Raises:
            PerceptionError: it is none of this frame's size (height, width), or its numbers are no answer.
        """
        name, expected = self.specification.name, (*size, 3) if self.specification.gives == "normals" else tuple(size)
        try:
            array = np.asarray(values)
        except (TypeError, ValueError, RuntimeError) as error:  # torch's, of tensors on a GPU or with a gradient
            raise PerceptionError(f"{name} gives no array of NumPy's: {error}.", "Return map.cpu().numpy().") from error
        if array.shape != expected:
            shape, remedy = f"a map of shape {array.shape}, not {expected}", "Bring it to the frame's own size."
            if array.squeeze().shape == expected:
                remedy = "Take its axes of length 1 away: .squeeze()."
            raise PerceptionError(f"{name} gives {shape}, for a frame of {size[1]}x{size[0]}.", remedy)
        if array.dtype.kind != "f":
            raise PerceptionError(
                f"{name} gives a map of {array.dtype}.", "Take it as float32, from before it is made a picture."
            )
        if np.isinf(array).any() or (np.isnan(array).any() and not self.specification.has_holes):
            raise PerceptionError(
                f"{name} gives a map that is finite on {np.isfinite(array).mean():.0%} of it only.",
                "Check its weights (python main.py weights verify), or try --dtype float32."
                if self.specification.file is None
                else "If NaN is how it says that it does not know, specify has_holes=True; infinity it may not give.",
            )
        return array.astype(np.float32, copy=False)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """What a lab's own file fails with, as a PerceptionError that names the line; Vitro's own models raise as
        they do."""
        try:
            yield
        except VitroError:
            raise
        except Exception as error:
            if self.specification.file is None:
                raise
            raise PerceptionError(
                f"{self.specification.name} fails: {failure_in(self.specification.file, error)}.",
                f"Mend {self.specification.file}.",
            ) from error

    def _table(self, frame: RgbdImage, locate: Locate | None) -> TableView | None:
        if not self.specification.needs_table:
            return None
        if locate is not None:
            return locate(frame)
        try:
            return fit_table(frame)
        except PerceptionError as error:
            raise self.lacks_table(f"nothing shows it: {error.cause.rstrip('.')}") from error

    def _observation(self, frame: ClipFrame, table: Plane | None) -> Observation:
        if frame.rgbd is None:
            if self.specification.needs_depth:
                raise self.lacks_depth()
            return Observation(frame.color)
        truth_m = None
        if self.specification.is_cheat and self.truth is not None:
            truth_m = self.truth(frame.rgbd)
        return Observation(frame.color, frame.rgbd.depth_m, frame.rgbd.intrinsics, table, truth_m)


def _newest(seen: Sequence[Observation], model: Model) -> Answer:
    return as_answer(model.estimate(seen)) if isinstance(model, FrameModel) else Answer(newest_map(model, seen))


class MapStream:
    """A clip on its way through an estimator: frames in, one map a frame out, some frames later."""

    def __init__(self, estimator: Estimator, inner: ModelStream, size: tuple[int, int]) -> None:
        """size: (height, width) of the frames [px]."""
        self._estimator, self._inner, self._size = estimator, inner, size

    def push(self, frame: ClipFrame) -> list[Map]:
        """Takes the next frame; returns the maps that became final, oldest first, of the frames' height and width.

        Raises:
            PerceptionError: a frame of another size or that lacks what the model needs, or maps that are none.
        """
        height, width = frame.color.shape[:2]
        if (height, width) != self._size:
            raise PerceptionError(
                f"{self._estimator.specification.name} was opened for frames of {self._size[1]}x{self._size[0]} and "
                f"got one of {width}x{height}.",
                "Give frames of one size.",
            )
        seen = self._estimator.observe(frame)
        with self._estimator.failures():
            maps = self._inner.push(seen)
        return [self._estimator.check(map_, self._size) for map_ in maps]

    def finish(self) -> list[Map]:
        """The maps still due, once every frame is in. Raises as `push`."""
        with self._estimator.failures():
            maps = self._inner.finish()
        return [self._estimator.check(map_, self._size) for map_ in maps]

    def state(self) -> dict[str, Any]:
        """All that is needed to go on in another process: plain values and tensors, for `torch.save`."""
        return self._inner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._inner.restore(state)
