"""One step is repeated of the calibration in use: all others stay, as long as the camera stands where it stood."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.calibrate.cell import store_of
from app.calibrate.samples import Samples
from app.calibrate.steps.again import demand_still_camera, forget_step
from app.calibrate.steps.hands import FINGERS, GRIPPER, STEPS, TOUCH, step_key
from app.console import Console
from app.paths import CELLS
from calibration.board import Board
from calibration.result import FingerTouch, GripperCheck, LensFit
from calibration.sample_arrays import cell_arrays, touch_arrays, view_arrays
from core.cell import load_cell
from core.errors import CalibrationError
from core.transforms import apply, invert, look_at, transform
from hardware.simulation.sim_camera import cell_intrinsics
from perception.depth_types import SeenTag
from perception.table.pose import world_corners
from tests.support.board_views import drawn_truth, drawn_views
from tests.support.calibrations import calibration_of

CELL, VIEWS = load_cell(CELLS / "sim.yaml"), drawn_views(drawn_truth(0), count=4)
K, QUIET = cell_intrinsics(CELL), Console(is_quiet=True)
RIG: Any = SimpleNamespace(board=Board())


def seen(T_world_camera: np.ndarray, seed: int = 0) -> tuple[SeenTag, ...]:
    """The table's tags from there, corners with noise."""
    blank = tuple(SeenTag(tag.id, tag.size_m, np.zeros((4, 2)), 90.0) for tag in CELL.tags)
    px = K.project(apply(invert(T_world_camera), world_corners(blank, CELL).reshape(-1, 3)))
    px = (px + np.random.default_rng(seed).normal(0.0, 0.1, px.shape)).reshape(-1, 4, 2)
    return tuple(SeenTag(tag.id, tag.size_m, corners, 90.0) for tag, corners in zip(blank, px, strict=True))


def repeated(path: Path, step: str, wanted: int = 4) -> Samples:
    samples = Samples.open(path, {}, fresh=False)
    forget_step(step, samples, CELL, RIG, wanted, QUIET)
    return samples


@pytest.fixture(autouse=True)
def in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration of both arms, with all steps."""
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    both = dict.fromkeys(CELL.arms, VIEWS)
    arrays = {
        **view_arrays(both),
        **touch_arrays({arm: {0: 1.0} for arm in both}),
        **cell_arrays(CELL, seen(CELL.camera.T_world_camera)),
    }
    fingers = dict.fromkeys(both, (FingerTouch((0.0, 0.0), 0.1, 6.0),))
    gripper = dict.fromkeys(both, GripperCheck(0.0, 0.0, 0.1))
    store_of(CELL).save(calibration_of(CELL, samples=arrays, fingers=fingers, gripper=gripper, board={"tag_m": 0.034}))


def test_all_but_the_step_is_as_stored_and_counts_as_done(tmp_path: Path) -> None:
    left = repeated(tmp_path / "left", "left")
    assert list(left.views) == ["right"] and len(left.views["right"]) == len(VIEWS)
    assert set(left.steps) == {step_key(left, "right", name, None) for name in STEPS}
    touch = repeated(tmp_path / "touch", TOUCH)
    assert set(touch.views) == set(CELL.arms)
    assert set(touch.steps) == {step_key(touch, arm, name, None) for arm in CELL.arms for name in (FINGERS, GRIPPER)}


def test_new_views_of_a_repetition_that_was_cut_off_are_gone_on_with_and_whole_ones_repeated(tmp_path: Path) -> None:
    repeated(tmp_path, "left").add("left", VIEWS[0], ())
    assert len(repeated(tmp_path, "left").views["left"]) == 1
    assert "left" not in repeated(tmp_path, "left", wanted=1).views


def test_a_step_proves_the_solution_that_it_was_taken_with_alone(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "views.json", views={"left": VIEWS[:3]})
    before = [step_key(samples, "left", name, None) for name in (TOUCH, FINGERS, GRIPPER)]
    refined = LensFit("focal", K, 0.0, (0.0,) * 4, 1.0, 0.3)
    assert step_key(samples, "left", TOUCH, refined) != before[0]
    samples.add("left", VIEWS[3], ())
    after = [step_key(samples, "left", name, None) for name in (TOUCH, FINGERS, GRIPPER)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]


def test_views_from_before_the_camera_was_moved_are_joined_with_no_new_ones() -> None:
    T, pictures = CELL.camera.T_world_camera, [seen(CELL.camera.T_world_camera, seed) for seed in range(3)]
    demand_still_camera([], pictures[0], K, CELL)
    demand_still_camera(pictures, seen(T, 7), K, CELL)
    turned = look_at(T[:3, 3], T[:3, 3] + 0.8 * T[:3, 2] + 0.004 * T[:3, 0])
    for moved in (transform(None, (0.0, 0.004, 0.0)) @ T, turned):
        with pytest.raises(CalibrationError, match="camera has moved"):
            demand_still_camera(pictures, seen(moved, 7), K, CELL)
