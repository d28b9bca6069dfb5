"""What a trial leaves beside its row in the log: a folder to look at it again.

frames/      what the camera gave, lossless: a frame folder, with the files' SHA-256
estimate/    what the estimator made of it: depth_m.npy, its relative map, summary.json
*.png        a picture of every stage that was reached
attempt-2/   the same of a second attempt, and so on
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clips.map_file import FILES, METRIC
from app.run.trial import Trial
from app.trial_recording.frame_digests import write_sums
from core.errors import CameraError, TrialError
from core.files import whole_folder, writing
from core.image_file import read_npy, write_image
from core.json_values import plain, to_json
from core.text_file import read_json
from core.work import SUMMARY, digest_of
from grasping.detection.confidence import LEAST_CONFIDENCE
from grasping.pictures import draw_grasps
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera, write_frame_folder
from perception.clip_pictures import MapColours
from perception.depth_types import MetricDepth, RelativeDepth
from perception.objects.pictures import draw_objects
from perception.pictures import confidence_picture, depth_picture, draw_tags

FRAMES, ESTIMATE = "frames", "estimate"
#: How many grasps are drawn: more would hide the object.
SHOWN_GRASPS = 8
#: The parts of a trial that its pictures show.
DRAWN = ("frames", "view", "estimate", "shown", "metric", "grasps", "plan")


@dataclass(frozen=True)
class StoredDepth:
    """depth_m: (H, W) float32 metres, NaN holes. facts: the summary beside it; version tells it from any other."""

    depth_m: NDArray[np.float32]
    facts: dict[str, Any]
    version: str


def save_trial_files(trial: Trial, folder: Path) -> None:
    """Writes what the trial has by now and `folder` lacks, each part whole or not at all.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if trial.frames and not (folder / FRAMES).exists():
            with whole_folder(folder / FRAMES) as partial:
                write_frame_folder(partial, trial.frames)
                write_sums(partial)
        if trial.estimate is not None and trial.metric is not None and not (folder / ESTIMATE).exists():
            with whole_folder(folder / ESTIMATE) as partial:
                facts = write_maps(partial, trial.estimate.relative, trial.metric)
                facts["estimator"] = trial.shown_estimator  # a blind campaign's name is in the row alone
                (partial / SUMMARY).write_text(to_json(facts, indent=2) + "\n")


def write_maps(folder: Path, relative: RelativeDepth, metric: MetricDepth) -> dict[str, Any]:
    """Writes depth_m.npy and, unless it is the same, the relative map; returns the facts of the fit, as JSON.

    Raises:
        OSError: the folder takes no file.
    """
    np.save(folder / METRIC, metric.depth_m.astype(np.float32))
    if relative.kind != "metric":
        np.save(folder / FILES[relative.kind], relative.values.astype(np.float32))
    facts: dict[str, Any] = plain(
        {
            "estimator": relative.estimator,
            "kind": relative.kind,
            "scale": metric.scale,
            "shift": metric.shift,
            "residual_mm": metric.residual_mm,
            "tag_residuals_mm": metric.tag_residuals_mm,
            "anchors": metric.anchors,
            "anchor_source": metric.anchor_source,
            "table_correction": None if metric.correction is None else metric.correction.facts(),
        }
    )
    return facts


def attempt_folders(folder: Path) -> list[Path]:
    """Those of a trial's attempts, in order, that were begun to be written: the trial's own is the first's."""
    later = {
        number: path for path in folder.glob("attempt-*") if (number := path.name.removeprefix("attempt-")).isdecimal()
    }
    return [folder, *(later[number] for number in sorted(later, key=int))]


def read_frames(folder: Path) -> list[RgbdFrame]:
    """The frames of a trial's folder, oldest first.

    Raises:
        TrialError: it holds none: the trial saw nothing, or was logged before frames were kept.
        CameraError: they are damaged.
    """
    if not (folder / FRAMES).is_dir():
        raise TrialError(f"{folder} holds no frames.", "Only trials that keep their frames can be looked at again.")
    frames = []
    with FrameFolderCamera(folder / FRAMES) as camera, suppress(EndOfRecording):
        while True:
            frames.append(camera.read())
    return frames


def read_depth(folder: Path) -> StoredDepth | None:
    """What lies in a folder of maps and their summary, None where it is not there.

    Raises:
        TrialError: it is there and cannot be read.
    """
    if not folder.is_dir():
        return None
    try:
        facts = read_json(folder / SUMMARY)
        if not isinstance(facts, dict):
            raise ValueError(f"{SUMMARY} holds no object")
        depth_m = read_npy(folder / METRIC)
        if depth_m.ndim != 2 or depth_m.dtype.kind != "f":
            raise ValueError(f"{METRIC} is {depth_m.dtype} of the shape {depth_m.shape}")
    except (OSError, ValueError, CameraError) as error:
        raise TrialError(
            f"{folder} cannot be read ({error}).", "Move it aside; the trial's frames are kept."
        ) from error
    return StoredDepth(depth_m, facts, str(facts.get("fingerprint") or digest_of(folder)))


def save_pictures(trial: Trial, folder: Path) -> Path:
    """Writes a PNG for every stage that was reached, each whole or not at all; returns the folder.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in _images(trial).items():
            write_image(folder / f"{name}.png", image)
    return folder


def _images(trial: Trial) -> dict[str, NDArray[np.uint8]]:
    frame, metric = trial.frame, trial.metric
    if frame is None:
        return {}
    relative = trial.estimate.relative if trial.estimate else None
    images = {"color": frame.color}
    if trial.view is not None:
        images["tags"] = draw_tags(frame.color, trial.view.tags)
    depths_m, titles = [frame.depth_m], ["the sensor's depth"]
    if metric is not None and not (relative and relative.is_sensor):
        depths_m, titles = [metric.depth_m, frame.depth_m], [f"{trial.shown_estimator}, metric", *titles]
    images["depth"] = np.hstack([frame.color, depth_picture(depths_m, titles)])
    if relative is not None and metric is None and np.isfinite(relative.values).any():
        # What could not be made metric, beside what the estimator saw: it shows why.
        colours = MapColours.of(relative.kind, [relative.values])
        images["relative"] = np.hstack([frame.color, colours.draw(relative.values), colours.legend(len(frame.color))])
    if metric is not None and metric.objects is not None:
        images["objects"] = draw_objects(frame.color, metric.objects)
    if relative is not None and relative.confidence is not None:
        images["confidence"] = confidence_picture(frame.color, relative.confidence, LEAST_CONFIDENCE)
    if trial.grasps is not None and len(trial.grasps):
        images["grasps"] = draw_grasps(frame.color, trial.grasps.rows[:SHOWN_GRASPS], frame.intrinsics)
    if trial.plan is not None and trial.rank is not None:
        images["chosen"] = draw_grasps(frame.color, trial.plan.row[None], frame.intrinsics, [trial.rank])
    return images
