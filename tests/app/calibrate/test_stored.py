"""What was stored is listed, shown, compared, gone back from and written out, as a person or a program asks."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.paths import calibrations
from calibration.merge import merged
from calibration.store import CalibrationStore
from core.cell import load_cell
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")
FIRST, SECOND = "2026-11-20T08-30-05", "2026-11-21T08-30-05"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CalibrationStore:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "home"))
    store = CalibrationStore(calibrations(), CELL.name)
    store.save(calibration_of(CELL, 0))
    store.save(calibration_of(CELL, 1, date="2026-11-21T08:30:05+00:00"))
    return store


def run(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(cli, ["calibrate", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_nothing_stored_is_an_empty_list_and_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "home"))
    assert run("list") == {"cell": "sim", "current": None, "versions": []}
    for command in (["show"], ["diff", "x"], ["rollback"], ["export", "--out", str(tmp_path / "x.yaml")]):
        said = run(*command, code=1)
        assert "No calibration of the cell 'sim' is in use" in said and "main.py calibrate" in said
    assert not (tmp_path / "home").exists()


def test_a_list_says_which_is_in_use_and_names_the_damaged(store: CalibrationStore) -> None:
    file = store.folder / f"{FIRST}.yaml"
    file.write_text(file.read_text().replace("views: 20", "views: 21"))
    first, second = run("list")["versions"]
    assert (second["version"], second["current"], second["damaged"]) == (SECOND, True, None)
    assert second["arms"]["left"] == {"views": 20, "holdout_px": 0.3, "holdout_mm": None}
    assert not first["current"] and "edited" in first["damaged"]


def test_a_list_is_had_though_nobody_can_tell_what_is_in_use(store: CalibrationStore) -> None:
    (store.folder / "current").write_bytes(b"\xff")
    listed = run("list")
    assert listed["current"] is None and len(listed["versions"]) == 2


def test_one_is_shown_whole(store: CalibrationStore) -> None:
    assert run("show")["version"] == SECOND
    shown = run("show", FIRST)
    assert shown["camera_serial"] == "sim-d435" and shown["arms"].keys() == {"left", "right"}
    text = CliRunner().invoke(cli, ["calibrate", "show", FIRST]).stdout
    assert "left arm" in text and "20 views" in text and "joint 1's zero" in text


def test_two_are_compared_in_millimetres_and_degrees(store: CalibrationStore) -> None:
    assert all(one["mm"] == one["deg"] == 0 for one in run("diff", SECOND)["differences"])
    found = {one["what"]: one for one in run("diff", FIRST, SECOND)["differences"]}
    assert found.keys() == {"camera", "left", "right"}
    assert all(0.1 < one["mm"] < 50 and 0.01 < one["deg"] < 5 for one in found.values())
    assert found["camera"]["zeros_deg"] is None and found["left"]["zeros_deg"] > 0


def test_a_rollback_takes_the_one_before_and_deletes_nothing(store: CalibrationStore) -> None:
    assert run("rollback")["current"] == FIRST and store.current_version() == FIRST
    last = run("rollback")
    assert last["current"] is None and store.current_version() is None
    assert run("rollback", "--to", last["before"])["current"] == FIRST
    assert run("rollback", "--to", SECOND)["current"] == SECOND
    assert store.versions() == [FIRST, SECOND]
    assert "has no calibration 'x'" in run("rollback", "--to", "x", code=1)


def test_an_export_is_the_calibrated_cell_and_overwrites_nothing(store: CalibrationStore, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    run("export", FIRST, "--out", str(out))
    assert load_cell(out) == merged(CELL, calibration_of(CELL, 0))
    assert "exists already" in run("export", "--out", str(out), code=2)


def test_a_report_lies_beside_its_version_or_where_asked_and_overwrites_nothing_else(
    store: CalibrationStore, tmp_path: Path
) -> None:
    for again in range(2):  # its own place may be written anew
        assert run("report")["report"] == str(store.report_file(SECOND)), again
    assert SECOND in store.report_file(SECOND).read_text()
    out = tmp_path / "book" / "page.html"
    assert run("report", FIRST, "--out", str(out))["version"] == FIRST
    written = out.read_text()
    assert FIRST in written and "exists already" in run("report", "--out", str(out), code=2)
    assert out.read_text() == written and not store.report_file(FIRST).exists()
    assert store.versions() == [FIRST, SECOND] and store.current_version() == SECOND
