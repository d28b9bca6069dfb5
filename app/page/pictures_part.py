"""The page's pictures: colour with tags and grasps, and depth as the sensor and the estimator have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.events import Event, PictureTold, QuestionOpen, TrialBegin, TrialChange
from app.page.images import fit_width, placeholder
from app.run.trial import Trial
from grasping.pictures import draw_grasps
from perception.pictures import colour_depth, depth_range, draw_tags

if TYPE_CHECKING:
    from viser import ViserServer

_SHOWN_GRASPS = 5
#: Of so many trials pictures are kept to be shown again, some megabytes each.
_KEPT = 8
_COLOR = "colour, tags, grasps"
_AWAITED = {
    _COLOR: "no picture yet: the camera takes it at capture",
    "depth by the sensor": "no depth yet: it comes with the picture",
    "depth": "no depth yet: the estimator gives it",
}


@dataclass(frozen=True)
class _Shown:
    """What a picture's place shows."""

    label: str
    image: NDArray[np.uint8]
    visible: bool


class PicturesPart:
    """Draws anew only what a stage has added to. A question about an earlier trial shows what that one looked like."""

    def __init__(self, server: "ViserServer") -> None:
        self._places = self._color, self._sensor, self._depth = tuple(
            server.gui.add_image(placeholder(words), label=label, format="jpeg", jpeg_quality=80)
            for label, words in _AWAITED.items()
        )
        self._estimator = ""
        self._drawn: tuple[object, ...] = ()
        #: By a trial's number, and which of them is shown.
        self._kept: dict[int, list[_Shown]] = {}
        self._trial = 0

    def hear(self, event: Event) -> None:
        if isinstance(event, PictureTold):
            self._color.label = event.title
            self._color.image = fit_width(event.picture)
        if isinstance(event, QuestionOpen) and event.question.trial:
            self._recall(event.question.trial)
        if isinstance(event, TrialBegin):
            self._keep()
            self._trial, self._drawn = event.record.id, ()
            self._show([_Shown(label, placeholder(words), True) for label, words in _AWAITED.items()])
            self._estimator = event.estimator_shown or event.record.estimator
        if isinstance(event, TrialChange) and event.trial.frame is not None:
            trial = event.trial
            shown = (trial.frame, trial.view, trial.metric, trial.grasps, trial.plan)
            before = self._drawn or (None,) * len(shown)
            changed = [one is not other for one, other in zip(shown, before, strict=True)]
            self._drawn = shown
            if changed[0] or changed[1] or changed[3] or changed[4]:
                self._color.image = fit_width(_color_picture(trial))
            if changed[0] or changed[2]:
                self._show_depth(trial)

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""

    def _keep(self) -> None:
        self._kept[self._trial] = [_Shown(str(place.label), place.image, place.visible) for place in self._places]
        for old in list(self._kept)[:-_KEPT]:
            del self._kept[old]

    def _recall(self, trial: int) -> None:
        """Of one whose pictures are no longer kept it says so."""
        if trial == self._trial:
            return
        self._keep()
        gone = placeholder(f"trial {trial}: see its folder, or replay it")
        self._show(self._kept.get(trial, [_Shown(label, gone, True) for label in _AWAITED]))
        self._trial = trial

    def _show(self, pictures: Sequence[_Shown]) -> None:
        for place, shown in zip(self._places, pictures, strict=True):
            place.label, place.image, place.visible = shown.label, shown.image, shown.visible

    def _show_depth(self, trial: Trial) -> None:
        """Both in one range of colours."""
        assert trial.frame is not None
        sensor_m, metric = trial.frame.depth_m, trial.metric
        near_m, far_m = depth_range(sensor_m if metric is None else metric.depth_m)
        self._sensor.image = fit_width(colour_depth(sensor_m, near_m, far_m))
        self._depth.visible = metric is not None
        if metric is not None:
            self._depth.label = f"depth by {self._estimator}, {near_m:.2f} m (red) to {far_m:.2f} m (blue)"
            self._depth.image = fit_width(colour_depth(metric.depth_m, near_m, far_m))


def _color_picture(trial: Trial) -> NDArray[np.uint8]:
    frame = trial.frame
    assert frame is not None
    image = frame.color if trial.view is None else draw_tags(frame.color, trial.view.tags)
    if trial.plan is not None:
        return draw_grasps(image, trial.plan.row[None], frame.intrinsics)
    if trial.grasps is not None and len(trial.grasps):
        return draw_grasps(image, trial.grasps.rows[:_SHOWN_GRASPS], frame.intrinsics)
    return image
