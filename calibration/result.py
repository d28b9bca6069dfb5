"""What a calibration came to: where the arms and the camera stand, how sure that is, and what was found amiss."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix


@dataclass(frozen=True)
class Finding:
    """Something amiss. kind: one of `wrong-size`, `printed-97`, `turned-tags`, `joint-offset`, `bad-view`,
    `too-little-rotation`, ...; fatal: nothing may be stored with it.
    """

    kind: str
    cause: str
    remedy: str
    fatal: bool


@dataclass(frozen=True)
class ArmCalibration:
    """One arm. offsets_rad (6,) are to be added to what it reports; unseen: what the views cannot tell, named.

    sigma_mm, sigma_deg: standard deviations of the base's place and turn along the camera's axes, (3,) each;
    offsets_sigma_deg (6,), NaN where not seen. holdout: root mean square error on views left out of the fit.
    disagreement: of each closed form with the fit, by its name: (mm, deg).
    """

    T_camera_base: Matrix
    T_world_base: Matrix
    T_tcp_board: Matrix
    offsets_rad: NDArray[np.float64]
    sigma_mm: NDArray[np.float64]
    sigma_deg: NDArray[np.float64]
    offsets_sigma_deg: NDArray[np.float64]
    unseen: tuple[str, ...]
    board_scale: float
    holdout_px: float
    holdout_mm: float
    views: int
    dropped: tuple[int, ...]
    disagreement: Mapping[str, tuple[float, float]]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class CellCalibration:
    """A whole cell. date: ISO, UTC; firmware, stroke_m by arm; samples: the raw views, to solve again."""

    date: str
    cell: str
    camera_serial: str
    intrinsics: Intrinsics
    T_world_camera: Matrix
    arms: Mapping[str, ArmCalibration]
    firmware: Mapping[str, str]
    stroke_m: Mapping[str, float]
    board: Mapping[str, float]
    software: Mapping[str, str]
    touch_mm: tuple[float, ...] = ()
    findings: tuple[Finding, ...] = ()
    samples: Mapping[str, Any] = field(default_factory=dict)
