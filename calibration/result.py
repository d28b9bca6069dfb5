"""What a calibration came to: where the arms and the camera stand, how sure that is, and what was found amiss.

The fields' types say what a stored one must hold (pydantic reads them); NaN, null in a file, is what was not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, PlainValidator

from core.errors import CalibrationError
from core.image import Intrinsics
from core.transforms import Matrix

_RIGID = 1e-6


def _array(value: Any, *shape: int) -> NDArray[np.float64]:
    array = np.asarray(value, float)
    if array.shape != shape:
        raise ValueError(f"numbers in the shape {array.shape}, not {shape}")
    return array


def _pose(value: Any) -> Matrix:
    T = _array(value, 4, 4)
    R = T[:3, :3]
    is_rotation = np.allclose(R @ R.T, np.eye(3), atol=_RIGID) and np.linalg.det(R) > 0
    if not (is_rotation and np.isfinite(T).all() and np.array_equal(T[3], [0, 0, 0, 1])):
        raise ValueError("no rigid transform")
    return T


def _date(value: str) -> str:
    if datetime.fromisoformat(value).utcoffset() is None:
        raise ValueError("a date without its time zone")
    return value


Pose = Annotated[Matrix, PlainValidator(_pose)]
Three = Annotated[NDArray[np.float64], PlainValidator(lambda value: _array(value, 3))]
Six = Annotated[NDArray[np.float64], PlainValidator(lambda value: _array(value, 6))]
Number = Annotated[float, BeforeValidator(lambda value: np.nan if value is None else value)]
Samples = Annotated[NDArray[Any], PlainValidator(np.asarray)]
Date = Annotated[str, AfterValidator(_date)]


@dataclass(frozen=True)
class CalibrationFinding:
    """Something amiss. kind: one of `wrong-size`, `printed-97`, `turned-tags`, `joint-offset`, `forced-joint`,
    `bad-view`, `too-little-rotation`, `table-tags`, `intrinsics`, `distortion`, `finger-height`, `gripper-zero`,
    `gripper-stroke`, `gripper-blocked`, `arms-disagree`, `not-measured`, `contradiction`,
    `arm` (its fault); fatal: nothing may be stored with it.
    """

    kind: str
    cause: str
    remedy: str
    fatal: bool


class FoundError(CalibrationError):
    """Something found that ends a calibration."""

    def __init__(self, finding: CalibrationFinding) -> None:
        super().__init__(finding.cause, finding.remedy)
        self.finding = finding


@dataclass(frozen=True)
class ArmCalibration:
    """One arm. offsets_rad (6,) are to be added to what it reports; unseen: what the views cannot tell, named.

    sigma_mm, sigma_deg: standard deviations of the base's place and turn along the camera's axes, (3,) each;
    offsets_sigma_deg (6,), NaN where not seen; board_sigma: of board_scale. holdout: root mean square error on views
    left out of the fit; driven: the same of what an arm does that knows its zeros alone. disagreement: of each closed
    form with the fit, by its name: (mm, deg). joint_error_deg: standard deviations of what its joints are read wrong
    by, beside their zeros: as a function of their angle, and anew in each view. inset_px: how much nearer to the middle
    of their tag corners are seen than they are.
    """

    T_camera_base: Pose
    T_world_base: Pose
    T_tcp_board: Pose
    offsets_rad: Six
    sigma_mm: Three
    sigma_deg: Three
    offsets_sigma_deg: Six
    unseen: tuple[str, ...]
    board_scale: float
    holdout_px: Number
    holdout_mm: Number
    views: int
    dropped: tuple[int, ...]
    disagreement: Mapping[str, tuple[Number, Number]]
    findings: tuple[CalibrationFinding, ...] = ()
    board_sigma: Number = np.nan
    driven_px: Number = np.nan
    driven_mm: Number = np.nan
    joint_error_deg: tuple[Number, Number] = (np.nan, np.nan)
    inset_px: Number = 0.0


@dataclass(frozen=True)
class LensFit:
    """The camera's lens by the boards. kind: what was freed because views left out speak for it: `factory` (nothing),
    `focal`, `centre` (and focal), `bend` (and both). bend: k1; sigma: standard deviations of the focal length's share,
    the centre's x and y [px] and the bend, NaN where not freed; factory_px, holdout_px: root mean square error on views
    left out, as the camera states its lens and so."""

    kind: str
    intrinsics: Intrinsics
    bend: float
    sigma: tuple[Number, Number, Number, Number]
    factory_px: Number
    holdout_px: Number


@dataclass(frozen=True)
class FingerTouch:
    """The closed fingertips met the table at place_m of it: height_mm, above it by the calibration; force_n, the most
    that was felt before they went up again."""

    place_m: tuple[float, float]
    height_mm: Number
    force_n: Number


@dataclass(frozen=True)
class GripperCheck:
    """What an empty gripper reads closed, its torque then, and what it reads opened wide."""

    closed_m: Number
    closed_nm: Number
    open_m: Number


@dataclass(frozen=True)
class Agreement:
    """Two arms beside each other: their feet's distance as found and as the cell's file has it; the board's size in the
    first one's eyes over that in the other's, less 1, and its standard deviation; the table's height, likewise."""

    between: tuple[str, str]
    feet_mm: Number
    stated_mm: Number
    size_share: Number
    size_sigma: Number
    height_mm: Number


@dataclass(frozen=True)
class CellCalibration:
    """A whole cell. date: ISO, UTC; intrinsics: those it was solved with; firmware, stroke_m by arm; samples: arrays by
    name, to solve it again; lens: None of a program before it was looked at."""

    date: Date
    cell: str
    camera_serial: str
    intrinsics: Intrinsics
    T_world_camera: Pose
    arms: Mapping[str, ArmCalibration]
    firmware: Mapping[str, str]
    stroke_m: Mapping[str, float]
    board: Mapping[str, Number]
    software: Mapping[str, str]
    touch_mm: tuple[Number, ...] = ()
    findings: tuple[CalibrationFinding, ...] = ()
    samples: Mapping[str, Samples] = field(default_factory=dict)
    lens: LensFit | None = None
    fingers: Mapping[str, tuple[FingerTouch, ...]] = field(default_factory=dict)
    gripper: Mapping[str, GripperCheck] = field(default_factory=dict)
    agreement: tuple[Agreement, ...] = ()

    @property
    def all_findings(self) -> list[CalibrationFinding]:
        """Its own and those of its arms."""
        return [*self.findings, *(finding for arm in self.arms.values() for finding in arm.findings)]
