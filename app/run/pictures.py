"""The pictures of one trial: what the camera saw, the tags, the depth, the grasps."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.run.trial import Trial
from core.files import writing
from core.image_file import write_image
from grasping.detection.doubt import LEAST_CONFIDENCE
from grasping.pictures import draw_grasps
from perception.confidence_picture import confidence_picture
from perception.depth_types import RelativeDepth
from perception.pictures import depth_picture, draw_tags

#: How many grasps are drawn: more would hide the object.
SHOWN_GRASPS = 8


def save_pictures(trial: Trial, folder: Path) -> Path:
    """Writes a PNG for every stage that was reached, each whole or not at all; returns the folder.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in _images(trial).items():
            write_image(folder / f"{name}.png", image)
    return folder


def _relative_picture(color: NDArray[np.uint8], relative: RelativeDepth) -> NDArray[np.uint8]:
    """What an estimator said that could not be made metric, beside what it saw: it shows why."""
    from perception.clip_pictures import MapColours

    colours = MapColours.of(relative.kind, [relative.values])
    return np.hstack([color, colours.draw(relative.values), colours.legend(len(color))])


def _images(trial: Trial) -> dict[str, NDArray[np.uint8]]:
    frame = trial.frame
    if frame is None:
        return {}
    images = {"color": frame.color}
    if trial.view is not None:
        images["tags"] = draw_tags(frame.color, trial.view.tags)
    depths_m, titles = [frame.depth_m], ["the sensor's depth"]
    if trial.metric is not None and trial.metric.estimator != "raw":
        depths_m, titles = [trial.metric.depth_m, frame.depth_m], [f"{trial.metric.estimator}, metric", *titles]
    images["depth"] = np.hstack([frame.color, depth_picture(depths_m, titles)])
    if trial.relative is not None and trial.metric is None and np.isfinite(trial.relative.values).any():
        images["relative"] = _relative_picture(frame.color, trial.relative)
    if trial.relative is not None and trial.relative.confidence is not None:
        images["confidence"] = confidence_picture(frame.color, trial.relative.confidence, LEAST_CONFIDENCE)
    if trial.grasps is not None and len(trial.grasps):
        images["grasps"] = draw_grasps(frame.color, trial.grasps.rows[:SHOWN_GRASPS], frame.intrinsics)
    if trial.plan is not None and trial.grasps is not None:
        rank = 1 + int(np.abs(trial.grasps.rows - trial.plan.row).sum(axis=1).argmin())
        images["chosen"] = draw_grasps(frame.color, trial.plan.row[None], frame.intrinsics, [rank])
    return images
