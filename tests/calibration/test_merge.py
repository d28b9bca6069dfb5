"""A calibration counts for the cell that it was made in, and for no other."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from calibration.cell_check import measured_on
from calibration.merge import age_days, calibrated_cell, merged
from calibration.result import LensFit
from calibration.store import CalibrationStore
from core.cell import Cell, load_cell
from core.errors import CalibrationError
from core.image import Intrinsics
from core.transforms import transform
from hardware.simulation.sim_camera import cell_intrinsics
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")


def with_left(cell: Cell, **changes) -> Cell:
    arms = {name: mount.model_copy(update=changes if name == "left" else {}) for name, mount in cell.arms.items()}
    return cell.model_copy(update={"arms": arms})


def with_camera(cell: Cell, **changes) -> Cell:
    return cell.model_copy(update={"camera": cell.camera.model_copy(update=changes)})


def test_the_cell_stands_as_the_calibration_has_it(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path, CELL.name)
    assert calibrated_cell(CELL, store) is CELL
    calibration = calibration_of(CELL)
    store.save(calibration)
    cell = calibrated_cell(CELL, store)
    assert np.allclose(cell.camera.T_world_camera, calibration.T_world_camera, atol=1e-12)
    for name, arm in calibration.arms.items():
        assert np.allclose(cell.arms[name].T_world_base, arm.T_world_base, atol=1e-12)
        assert np.allclose(cell.arms[name].zero_offset_rad, arm.offsets_rad)
        assert cell.arms[name].channel == CELL.arms[name].channel
    assert measured_on(cell, date(2026, 12, 1)) == datetime.fromisoformat(calibration.date).astimezone().date()
    assert (cell.tags, cell.table, cell.bin, cell.workspace) == (CELL.tags, CELL.table, CELL.bin, CELL.workspace)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        (with_camera(CELL, serial="0815"), ("the camera sim-d435", "0815")),
        (with_camera(CELL, width=1280, height=720), ("848x480", "1280x720")),
        (CELL.model_copy(update={"arms": {"left": CELL.arms["left"]}}), ("left, right", "has left.")),
        (with_left(CELL, firmware="old"), ("the left arm's firmware `new`", "`old`")),
        (with_left(CELL, gripper_stroke_m=0.07), ("the left gripper's stroke 100.0 mm", "70.0 mm")),
    ],
    ids=["camera", "resolution", "arms", "firmware", "stroke"],
)
def test_a_calibration_of_something_else_is_refused_with_both_named(cell: Cell, names: tuple[str, str]) -> None:
    with pytest.raises(CalibrationError) as caught:
        merged(cell, calibration_of(CELL))
    assert all(name in caught.value.cause for name in names)
    assert "main.py calibrate" in caught.value.remedy and "rollback" in caught.value.remedy


def test_a_calibration_that_lacks_an_arms_firmware_or_stroke_is_refused() -> None:
    for lacks in ({"firmware": {"left": "new"}}, {"stroke_m": {}}):
        with pytest.raises(CalibrationError, match=r"firmware|gripper's stroke"):
            merged(CELL, calibration_of(CELL, **lacks))


@pytest.mark.parametrize(
    "T_world_base", [transform(None, (9.0, 0.0, 0.0)), transform(np.diag([1.0, -1.0, -1.0]), (-0.3, 0.25, 0.0))]
)
def test_an_arm_where_none_can_stand_is_refused(T_world_base: np.ndarray) -> None:
    calibration = calibration_of(CELL)
    arms = dict(calibration.arms) | {"left": replace(calibration.arms["left"], T_world_base=T_world_base)}
    with pytest.raises(CalibrationError, match="cannot stand"):
        merged(CELL, replace(calibration, arms=arms))


def test_a_zero_no_joint_can_be_off_by_is_refused() -> None:
    calibration = calibration_of(CELL)
    arms = dict(calibration.arms) | {"left": replace(calibration.arms["left"], offsets_rad=np.full(6, 0.3))}
    with pytest.raises(CalibrationError, match="cannot stand"):
        merged(CELL, replace(calibration, arms=arms))


def test_a_pictures_size_is_what_counts_of_its_intrinsics() -> None:
    merged(CELL, calibration_of(CELL, intrinsics=Intrinsics(848, 480, 612.0, 611.0, 420.0, 240.0)))


def test_a_lens_that_needed_no_refining_stays_as_the_cells_file_has_it() -> None:
    exported = with_camera(CELL, lens_px=(615.0, 615.0, 421.0, 239.0))
    k = cell_intrinsics(exported)
    nothing = (np.nan,) * 4
    kept = merged(exported, calibration_of(exported, lens=LensFit("factory", k, 0.0, nothing, 0.3, 0.3)))
    assert kept.camera.lens_px == exported.camera.lens_px
    refined = merged(
        exported, calibration_of(exported, lens=LensFit("focal", replace(k, fx=620.0), 0.0, nothing, 1, 0.3))
    )
    assert refined.camera.lens_px == (620.0, *kept.camera.lens_px[1:])


def test_age_is_counted_in_days() -> None:
    now = datetime(2026, 12, 20, 20, 30, 5, tzinfo=UTC)
    assert age_days(calibration_of(CELL), now) == pytest.approx(30.5)
    assert age_days(calibration_of(CELL, date="2026-11-20T10:30:05+02:00"), now) == pytest.approx(30.5)
