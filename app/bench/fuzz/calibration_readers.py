"""Readers of stored calibrations, with a sound one to damage."""

from pathlib import Path

import numpy as np

from app.bench.fuzz.reader import INTRINSICS, Reader
from calibration.result import ArmCalibration, CellCalibration
from calibration.store import CalibrationStore

_CELL, _DATE, _VERSION = "sim", "2026-11-20T08:30:05+00:00", "2026-11-20T08-30-05"


def _write_calibration(folder: Path) -> None:
    still, three = np.eye(4), np.full(3, 0.1)
    arm = ArmCalibration(
        T_camera_base=still,
        T_world_base=still,
        T_tcp_board=still,
        offsets_rad=np.zeros(6),
        sigma_mm=three,
        sigma_deg=three,
        offsets_sigma_deg=np.array([np.nan, 0.1, 0.1, 0.1, 0.1, np.nan]),
        unseen=("joint 1's zero",),
        board_scale=1.0,
        holdout_px=0.3,
        holdout_mm=np.nan,
        views=20,
        dropped=(3,),
        disagreement={"park": (1.5, 0.2)},
    )
    calibration = CellCalibration(
        date=_DATE,
        cell=_CELL,
        camera_serial="1",
        intrinsics=INTRINSICS,
        T_world_camera=still,
        arms={"left": arm},
        firmware={"left": "new"},
        stroke_m={"left": 0.07},
        board={"tag_m": 0.034},
        software={"vitro": "1"},
        touch_mm=(1.2,),
        samples={"left/0/joints_rad": np.zeros(6), "left/0/corners_px": np.zeros((24, 2))},
    )
    CalibrationStore(folder, _CELL).save(calibration)


def _read_calibration(folder: Path) -> object:
    store = CalibrationStore(folder, _CELL)
    return store.current(), store.samples(_VERSION)


def _calibration(file: str) -> Reader:
    return Reader(f"{_CELL}/{file}", _write_calibration, _read_calibration)


CALIBRATION_READERS = {
    "calibration": _calibration(f"{_VERSION}.yaml"),
    "calibration samples": _calibration(f"{_VERSION}.npz"),
    "calibration in use": _calibration("current"),
}
