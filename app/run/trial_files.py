"""What a trial saw and took for the truth, kept beside its pictures so that it can be looked at again.

frames/      what the camera gave, lossless: a frame folder
estimate/    what the estimator made of it: depth_m.npy, its relative map, summary.json
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clips.map_file import FILES, METRIC
from app.run.trial import Trial
from core.errors import CameraError, ConfigurationError, TrialError
from core.files import whole_folder, writing
from core.work import SUMMARY, digest_of
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera, write_frame_folder
from perception.depth_types import MetricDepth, RelativeDepth

FRAMES, ESTIMATE = "frames", "estimate"


@dataclass(frozen=True)
class StoredDepth:
    """depth_m: (H, W) float32 metres, NaN holes. facts: the summary beside it; version tells it from any other."""

    depth_m: NDArray[np.float32]
    facts: dict[str, Any]
    version: str


def save_trial_files(trial: Trial, folder: Path) -> None:
    """Writes what the trial has by now and `folder` lacks, each part whole or not at all.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if trial.frame is not None and not (folder / FRAMES).exists():
            with whole_folder(folder / FRAMES) as partial:
                _write_frames(partial, [*trial.earlier, trial.frame])
        if trial.relative is not None and trial.metric is not None and not (folder / ESTIMATE).exists():
            with whole_folder(folder / ESTIMATE) as partial:
                facts = write_maps(partial, trial.relative, trial.metric)
                (partial / SUMMARY).write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n")


def write_maps(folder: Path, relative: RelativeDepth, metric: MetricDepth) -> dict[str, Any]:
    """Writes depth_m.npy and, unless it is the same, the relative map; returns the facts of the fit.

    Raises:
        OSError: the folder takes no file.
    """
    np.save(folder / METRIC, metric.depth_m.astype(np.float32))
    if relative.kind != "metric":
        np.save(folder / FILES[relative.kind], relative.values.astype(np.float32))
    return {
        "estimator": relative.estimator,
        "kind": relative.kind,
        "scale": metric.scale,
        "shift": metric.shift,
        "residual_mm": _finite(metric.residual_mm),
        "tag_residuals_mm": {str(tag): _finite(mm) for tag, mm in metric.tag_residuals_mm.items()},
        "anchors": metric.anchors,
        "anchor_source": metric.anchor_source,
        "table_correction": None if metric.correction is None else metric.correction.facts(),
    }


def read_frames(folder: Path) -> list[RgbdFrame]:
    """The frames of a trial's folder, oldest first.

    Raises:
        TrialError: it holds none: the trial saw nothing, or was logged before frames were kept.
        CameraError: they are damaged.
    """
    if not (folder / FRAMES).is_dir():
        raise TrialError(f"{folder} holds no frames.", "Only trials that keep their frames can be looked at again.")
    frames = []
    with FrameFolderCamera(folder / FRAMES) as camera:
        while True:
            try:
                frames.append(camera.read())
            except EndOfRecording:
                return frames


def read_depth(folder: Path) -> StoredDepth | None:
    """What lies in a folder of maps and their summary, None where it is not there.

    Raises:
        TrialError: it is there and cannot be read.
    """
    if not folder.is_dir():
        return None
    try:
        facts = json.loads((folder / SUMMARY).read_text())
        depth_m = np.load(folder / METRIC, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TrialError(
            f"{folder} cannot be read ({error}).", "Move it aside; the trial's frames are kept."
        ) from error
    return StoredDepth(depth_m, facts, str(facts.get("fingerprint") or digest_of(folder)))


def _write_frames(folder: Path, frames: list[RgbdFrame]) -> None:
    try:
        write_frame_folder(folder, frames)
    except CameraError as error:  # of the disk, not of the camera
        raise ConfigurationError(error.cause, error.remedy) from error


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
