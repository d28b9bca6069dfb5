"""How well the table's tags fit the place that a calibration gives the camera."""

from dataclasses import dataclass

import numpy as np

from calibration.result import CellCalibration
from calibration.sample_arrays import Arrays
from core.transforms import apply, invert


@dataclass(frozen=True)
class TagResidual:
    """How far a tag's corners are seen from where they should be (root mean square), and the way of their mean."""

    id: int
    px: float
    mm: float
    right_px: float
    down_px: float


def tag_residuals(calibration: CellCalibration, samples: Arrays) -> list[TagResidual]:
    """Of every tag that was seen; empty where the samples hold none."""
    if "table ids" not in samples:
        return []
    T_camera_world, K = invert(calibration.T_world_camera), calibration.intrinsics
    found = []
    for id_, corners_m, corners_px in zip(
        samples["table ids"], samples["table corners_m"], samples["table corners_px"], strict=True
    ):
        seen_m = apply(T_camera_world, corners_m)
        off_px = corners_px - K.project(seen_m)
        px = float(np.sqrt(np.mean(np.sum(off_px**2, axis=1))))
        mm = px * float(seen_m[:, 2].mean()) / K.fx * 1000
        found.append(TagResidual(int(id_), px, mm, *map(float, off_px.mean(axis=0))))
    return found
