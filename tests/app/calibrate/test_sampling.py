"""Views as an arm takes them: driven to, seen, kept on disk, and gone on with."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.calibrate import command
from app.calibrate.command import calibrate_cell
from app.calibrate.options import CalibrateOptions, Plant
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.sampling import Sampling, table_tags, take_views
from app.console import Console
from app.interrupts import Interrupts
from app.paths import CELLS
from app.run.operator import Operator
from calibration.board import Board
from calibration.board_view import mean_tags
from core.cell import load_cell
from core.errors import CalibrationError, ConfigurationError
from core.transforms import invert
from hardware.robot.kinematics import forward_kinematics
from perception.table.locate import solve_table
from tests.support.board_views import drawn_truth, drawn_views

CELL, BOARD = load_cell(CELLS / "sim.yaml"), Board()


@pytest.fixture
def rig():
    with closing(Rig(CELL, "sim", BOARD, 3, Plant.NOTHING, is_drawn=True)) as rig:
        rig.give_board("left")
        yield rig


def sampling(rig: Rig, folder: Path, wanted: int) -> Sampling:
    view = solve_table(mean_tags([*table_tags(rig, CELL)]), rig.world.camera.intrinsics, CELL)
    samples = Samples.open(folder, {}, fresh=False)
    operator = Operator(Console(is_quiet=True), Interrupts(), assume_yes=True)
    return Sampling(
        CELL, rig, samples, operator, rig.world.camera.intrinsics, invert(view.T_camera_world), wanted, 0.8, 3
    )


@pytest.mark.slow
def test_views_are_taken_kept_gone_on_with_and_true(rig: Rig, tmp_path: Path) -> None:
    take_views(sampling(rig, tmp_path, 1), "left")
    go_on = sampling(rig, tmp_path, 2)
    assert len(go_on.samples.views["left"]) == 1
    take_views(go_on, "left")
    first, second = Samples.open(tmp_path, {}, fresh=False).views["left"]
    assert np.abs(first.joints_rad - second.joints_rad).max() > 0.3
    T_camera_base, k = rig.T_camera_base("left"), rig.world.camera.intrinsics
    for view in (first, second):
        T = T_camera_base @ forward_kinematics(view.joints_rad) @ rig.world._boards["left"].T_tcp_board  # type: ignore[attr-defined]
        off_px = k.project(view.board_m @ T[:3, :3].T + T[:3, 3]) - view.corners_px
        assert np.abs(off_px).max() < 4.0  # encoders out of true, a board printed a hair too small


def test_an_arm_that_reads_what_it_cannot_reach_is_a_finding_and_nothing_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    options = CalibrateOptions(
        cell="sim", camera="sim", seed=436, plant=Plant.FORCED_JOINT, drawn=True, yes=True, as_json=True
    )
    assert calibrate_cell(options) == 1
    result = json.loads(capsys.readouterr().out)
    (finding,) = result["findings"]
    assert "joint 2" in finding["cause"] and finding["fatal"] and not result["accepted"]


@pytest.mark.parametrize("given", [{"drawn": True}, {"plant": Plant.FOCAL}])
def test_what_only_the_digital_cell_can_do_is_refused_of_a_real_camera(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="digital cell alone"):
        calibrate_cell(CalibrateOptions(camera="d435", arms="piper", page=True, **given))


def test_a_cell_is_calibrated_by_one_run_at_a_time_and_the_next_says_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    options = CalibrateOptions(cell="sim", camera="sim", drawn=True, yes=True)

    def cut_off(cell_options, cell, rig, samples: Samples, operator):
        samples.add("left", drawn_views(drawn_truth(0), count=1)[0], ())
        with pytest.raises(CalibrationError, match="Another run calibrates the cell 'sim'"):
            calibrate_cell(options)
        raise CalibrationError("The board fell.", "Grip it again.")

    monkeypatch.setattr(command, "_calibrate", cut_off)
    assert calibrate_cell(options) == 1
    assert "going on" not in capsys.readouterr().out
    assert calibrate_cell(options) == 1
    assert "going on with the views of an unfinished calibration, 1 of 20 of the left arm" in capsys.readouterr().out
