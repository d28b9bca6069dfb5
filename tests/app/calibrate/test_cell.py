"""Every command that works in a cell works in the calibrated one, and asks before it trusts an old calibration."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from app.bringup import command as bringup
from app.bringup.options import BringupOptions
from app.calibrate.cell import confirm_age, load_calibrated
from app.calibrate.command import calibrate_cell
from app.calibrate.options import CalibrateOptions
from app.console import Console
from app.doctor.command import examination
from app.doctor.finding import Machine
from app.paths import calibrations
from app.plan_view.command import view_plan
from app.recordings import dry_run, record
from app.replay.options import PlanViewOptions
from app.run import command as run
from app.run import station
from app.run.options import DryRunOptions, RecordOptions, RunOptions
from calibration.cell_check import check_measured
from calibration.merge import merged
from calibration.store import CalibrationStore
from core.cell import load_cell
from core.errors import CalibrationError, ConfigurationError
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import Bench
from trials.record import Outcome

CELL = load_cell(CELLS / "sim.yaml")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CalibrationStore:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    return CalibrationStore(calibrations(), CELL.name)


class OpenedError(Exception):
    """A world was asked for: with this cell."""


def cells_of_each_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, object]:
    """The cell that each command goes on with, nothing being opened."""
    seen: dict[str, object] = {}

    def stop(name: str):
        def note(cell, *_, **__):
            seen[name] = cell
            raise OpenedError

        return note

    monkeypatch.setattr(dry_run, "Pipeline", stop("dry-run"))
    monkeypatch.setattr(record, "open_world", stop("record"))
    monkeypatch.setattr(bringup, "Bringup", lambda console, cell, *_: stop("bringup")(cell))
    monkeypatch.setattr(bringup, "require_terminal", lambda: None)
    options = RunOptions(surface="diffuse", camera="sim", estimator="oracle", yes=True, headless=True)
    with suppress(OpenedError):
        run.run_trials(options, Console(is_quiet=True), stop("run"))
    with suppress(OpenedError):
        dry_run.dry_run_recording(DryRunOptions(recording=tmp_path / "x", estimator="raw"))
    with suppress(OpenedError), ExitStack() as opened:
        record.open_camera(RecordOptions(out=tmp_path / "y", camera="sim"), opened)
    with suppress(OpenedError):
        bringup.bring_up(BringupOptions(camera="sim"))
    return seen


def test_run_dry_run_record_and_bringup_work_in_the_calibrated_cell(
    store: CalibrationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = cells_of_each_command(monkeypatch, tmp_path)
    version = store.save(calibration_of(CELL))
    calibrated = cells_of_each_command(monkeypatch, tmp_path)
    assert plain == dict.fromkeys(("run", "dry-run", "record", "bringup"), CELL)
    expected = merged(CELL, calibration_of(CELL)).model_copy(update={"calibration": version})
    assert calibrated == dict.fromkeys(plain, expected)


def test_a_calibration_of_another_camera_stops_each_of_them(store: CalibrationStore, tmp_path: Path) -> None:
    store.save(calibration_of(CELL, camera_serial="0815"))
    for command, options in (
        (run.run_trials, RunOptions(surface="diffuse", camera="sim", estimator="oracle", yes=True, headless=True)),
        (dry_run.dry_run_recording, DryRunOptions(recording=tmp_path / "x", estimator="raw")),
        (record.record_camera, RecordOptions(out=tmp_path / "y", camera="sim")),
    ):
        with pytest.raises(CalibrationError, match=r"0815.*sim-d435"):
            command(options)


@pytest.mark.parametrize("west", ["Pacific/Honolulu", "Pacific/Auckland"])
def test_a_calibration_of_this_very_minute_is_of_today_anywhere(
    store: CalibrationStore, monkeypatch: pytest.MonkeyPatch, west: str
) -> None:
    monkeypatch.setenv("TZ", west)
    time.tzset()
    try:
        store.save(aged(0))
        check_measured(load_calibrated("sim"), CELL.camera.serial)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_doctor_looks_at_the_calibration_in_use(store: CalibrationStore) -> None:
    def finding():
        return next(one for one in examination(Machine(), CELL) if one.subject == "calibration")

    store.save(aged(0))
    assert finding().state == "pass"
    store.save(aged(45))
    assert finding().state == "warn" and "45 days ago" in finding().found
    store.save(calibration_of(CELL, camera_serial="0815"))
    assert finding().state == "fail" and "0815" in finding().found


class Asked(Console):
    """A person who answers with this key."""

    def __init__(self, key: str = "") -> None:
        super().__init__(is_quiet=True)
        self.key, self.questions = key, list[str]()

    def ask_key(self, question: str, choices: dict[str, str]) -> str:
        self.questions.append(question)
        assert self.key in choices
        return self.key


def aged(days: float):
    return calibration_of(CELL, date=(datetime.now(UTC) - timedelta(days=days)).isoformat())


@pytest.mark.parametrize("days", [0.1, 29.9])
def test_a_young_calibration_goes_unasked(store: CalibrationStore, days: float) -> None:
    confirm_age(CELL, Asked(), assume_yes=False)  # none is of no age
    store.save(aged(days))
    confirm_age(CELL, Asked(), assume_yes=True)


@pytest.mark.parametrize(("days", "says"), [(45, "45 days old; 30 go unasked"), (-3, "has not come yet")])
def test_an_old_one_is_for_a_person_to_judge(store: CalibrationStore, days: float, says: str) -> None:
    store.save(aged(days))
    with pytest.raises(CalibrationError, match=says) as caught:
        confirm_age(CELL, Asked(), assume_yes=True)
    assert "without --yes" in caught.value.remedy
    person = Asked("y")
    confirm_age(CELL, person, assume_yes=False)
    assert says in person.questions[0]
    with pytest.raises(KeyboardInterrupt):
        confirm_age(CELL, Asked("q"), assume_yes=False)
    confirm_age(CELL.model_copy(update={"calibration_days": 50.0}), Asked("y"), assume_yes=days > 0)


@pytest.mark.parametrize("yes", [False, True])
def test_a_real_run_asks_before_anything_is_opened(
    store: CalibrationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yes: bool
) -> None:
    store.save(aged(45))
    monkeypatch.setattr(station, "require_terminal", lambda: None)
    options = RunOptions(
        surface="diffuse", camera="d435", cell="sim", estimator="raw", yes=yes, unattended=yes, headless=True
    )
    refusal = CalibrationError if yes else KeyboardInterrupt
    with pytest.raises(refusal):
        run.run_trials(options, Asked("q"), lambda *_: pytest.fail("opened"))


@pytest.mark.slow
def test_the_digital_cell_stands_as_its_calibration_says_and_a_pick_in_it_succeeds(
    store: CalibrationStore,
) -> None:
    """Its bases lean, its camera is rolled and its joints' zeros are off: all as calibrated."""
    store.save(calibration_of(CELL))
    cell = load_calibrated("sim")
    bench = Bench(calibrations().parent, world=QuickCell(cell))
    try:
        for name, joints_rad in bench.joints().items():
            plant, reported = bench.world._physics.plant(name), bench.world.emulators[name].plant.joints_rad()
            assert np.allclose(joints_rad, plant.joints_rad(), atol=1e-3)
            assert np.allclose(plant.joints_rad() - reported, cell.arms[name].zero_offset_rad)
        trial = bench.run()
        assert (trial.outcome, trial.verdict.success) == (Outcome.SUCCESS, True), trial.message
    finally:
        bench.close()


def test_a_camera_that_moves_in_mid_campaign_ends_it_saying_which_way(store: CalibrationStore) -> None:
    bench = Bench(calibrations().parent)
    try:
        bench.actions["capture"] = lambda trial: move_camera(bench.world)
        with pytest.raises(CalibrationError, match=r"The camera has moved.* mm \(.*to its right"):
            bench.run()
        assert bench.row().outcome is Outcome.REFUSED and "to its right" in bench.row().detail
    finally:
        bench.close()


def move_camera(world) -> None:
    """10 cm to its right, as a bumped tripod."""
    T = world._T_world_camera.copy()
    T[:3, 3] += 0.10 * T[:3, 0]
    world._T_world_camera = T


def cell_with(folder: Path, **fixture: object) -> str:
    fields = yaml.safe_load((CELLS / "sim.yaml").read_text()) | {"fixtures": [{"name": "post", **fixture}]}
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(fields))
    return str(file)


def test_a_fixture_where_an_arm_parks_is_told_and_one_aside_is_not(tmp_path: Path) -> None:
    aside = cell_with(tmp_path, center_m=[0.40, 0.0], size_m=[0.05, 0.04, 0.40])
    assert load_calibrated(aside).fixtures[0].name == "post"
    inside = cell_with(tmp_path, center_m=[-0.18, 0.25], size_m=[0.05, 0.05, 0.60])
    commands: tuple[Callable[[], object], ...] = (
        lambda: load_calibrated(inside),
        lambda: view_plan(PlanViewOptions(cell=inside, headless=True)),
        lambda: calibrate_cell(CalibrateOptions(cell=inside, camera="sim", arms="sim", yes=True)),
    )
    for command in commands:
        with pytest.raises(ConfigurationError, match="one of its fixtures stands where the left arm parks"):
            command()
