"""Replaying a trial: the same by its number, folder or recording; refused where its frames are not what they were."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import app
from app.paths import trial_folder
from app.replay import stored_trial
from app.replay.stored_trial import StoredTrial, cell_of, find_trial
from app.replay.timeline import newest, timeline_of
from app.trial_recording.contents import CELL_CONTENT
from app.trial_recording.reader import partial_of, read_recording
from core.cell import load_cell
from core.image_file import read_image
from tests.support.paths import CELLS
from tests.support.sessions.recorded_trial import RecordedTrial
from tests.support.trial_rows import finish, row
from trials.campaign import Campaign
from trials.store import TrialStore


@pytest.fixture(autouse=True)
def at_home(home: Path, done: RecordedTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRO_HOME", str(home))


@pytest.fixture
def copied(done: RecordedTrial, tmp_path: Path) -> Path:
    """The trial's folder on another disk."""
    return Path(shutil.copytree(done.folder, tmp_path / "copied"))


def replay(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, arguments), "--headless", "--json"])


def facts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.slow
def test_a_trial_is_the_same_by_number_folder_or_recording(done: RecordedTrial) -> None:
    by_number, by_folder, by_file = (facts(replay(one)) for one in (done.row.id, done.folder, done.recording))
    assert by_number == by_folder == by_file
    assert by_number["ended"] == "success" and by_number["missing"] == []
    assert by_number["recording"]["topics"]["/joints/measured"] > 20
    assert by_number["recording"]["states"][-1]["name"] == "outcome"


@pytest.mark.slow
def test_an_oracles_trial_is_planned_again_on_the_depth_that_it_left(
    done: RecordedTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredTrial, "estimator", "oracle (cheat)")
    result = CliRunner().invoke(app, ["plan-view", str(done.row.id), "--headless", "--json"])
    told = facts(result)
    before = done.row.notes["plan"]
    assert told["estimator"] == "oracle (cheat)"
    # Of grasps that are nearly as good, of either arm, which is taken may differ by the rounding of what it left.
    assert told["plan"]["merits"]["success"] == pytest.approx(before["merits"]["success"], abs=0.02)


@pytest.mark.slow
def test_the_same_estimator_on_the_stored_frames_does_what_it_did(done: RecordedTrial, tmp_path: Path) -> None:
    out = tmp_path / "report"
    told = facts(replay(done.row.id, "--estimators", "oracle,raw", "--out", out))["comparison"]
    oracle, raw = told["estimators"]
    assert "cheat" in oracle["stopped_by"]
    np.testing.assert_allclose(raw["plan"]["row"], done.row.notes["plan"]["row"])
    assert (raw["plan"]["arm"], raw["expected"]) == (done.row.notes["plan"]["arm"], done.row.expected)
    assert raw["metric"] == told["happened"]["metric"] and told["happened"]["ended"] == "success"
    assert told == json.loads((out / "report.json").read_text())
    assert "happened (raw)" in (out / "report.md").read_text()
    sheet = read_image(out / "sheet-raw.png")
    assert np.ptp(sheet) > 200 and (out / "sheet.png").exists() and "sheet.png" in (out / "report.html").read_text()


def test_a_trial_keeps_the_cell_that_it_ran_in_whatever_becomes_of_its_file(
    done: RecordedTrial, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran_in = load_cell(CELLS / "sim.yaml")
    for trial in (find_trial(str(done.row.id)), find_trial(str(copied))):
        assert cell_of(trial) == (ran_in, "")
    file = tmp_path / "sim.yaml"
    file.write_text(
        (CELLS / "sim.yaml").read_text().replace("size_m: [0.20, 0.32, 0.08]", "size_m: [0.20, 0.30, 0.08]")
    )
    for place in (file, tmp_path / "gone.yaml"):  # edited since, or the cell of a copied file that kept its name
        monkeypatch.setattr(stored_trial, "cell_file", lambda _, place=place: place)
        cell, said = cell_of(find_trial(str(copied)))
        assert cell == ran_in and "'sim' is another now" in said
    assert cell_of(find_trial(str(copied)), str(file))[0].bin.size_m[1] == 0.30


def test_of_an_older_recording_without_its_cell_it_is_said_that_todays_is_used(copied: Path) -> None:
    trial = find_trial(str(copied))
    assert trial.recording is not None
    for content in ({}, {CELL_CONTENT: '{"name": "sim"}'}):
        facts = {name: fact for name, fact in trial.facts.items() if name != CELL_CONTENT} | content
        cell, said = cell_of(replace(trial, recording=replace(trial.recording, facts=facts)))
        assert cell == load_cell(CELLS / "sim.yaml") and "as its file is now" in said


@pytest.mark.parametrize("name", ["000000.png", "000000.depth.npy", "intrinsics.json"])
def test_frames_that_are_not_what_they_were_are_refused_and_named(copied: Path, name: str, tmp_path: Path) -> None:
    with (copied / "frames" / name).open("ab") as file:
        file.write(b"\n")
    refused = replay(copied / "trial.mcap", "--estimators", "raw", "--out", tmp_path / "out")
    assert refused.exit_code == 1 and name in refused.stderr and "not what it was" in refused.stderr
    assert not (tmp_path / "out" / "report.json").exists()
    assert facts(replay(copied / "trial.mcap"))["recording"] is not None  # it can be watched all the same


@pytest.mark.slow
def test_an_older_trial_without_a_recording_is_run_again_and_says_what_is_missing(copied: Path, tmp_path: Path) -> None:
    (copied / "trial.mcap").unlink()
    (copied / "frames" / "SHA256SUMS").unlink()
    told = facts(replay(copied, "--estimators", "raw", "--out", tmp_path / "out"))
    missing = " ".join(told["missing"])
    assert "no recording" in missing and "no row" in missing and "digest" in missing
    assert told["recording"] is None and told["comparison"]["estimators"][0]["grasps"] > 0
    assert "no recording" in (tmp_path / "out" / "report.md").read_text()


def test_a_recording_whose_process_died_while_writing_is_named_and_the_frames_serve(copied: Path) -> None:
    (copied / "trial.mcap").rename(partial_of(copied / "trial.mcap"))
    told = facts(replay(copied))
    assert "its process ended" in " ".join(told["missing"]) and told["attempts_with_frames"] == 1


def test_a_recording_that_was_cut_is_the_same_by_folder_and_by_file(copied: Path) -> None:
    whole = (copied / "trial.mcap").read_bytes()
    (copied / "trial.mcap").write_bytes(whole[: len(whole) // 2])
    by_folder, by_file = facts(replay(copied)), facts(replay(copied / "trial.mcap"))
    assert by_folder == by_file and by_file["recording"] is None and by_file["attempts_with_frames"] == 1
    assert "cut short" in " ".join(by_file["missing"])


def test_a_recording_alone_is_shown_and_runs_no_estimator(done: RecordedTrial, tmp_path: Path) -> None:
    lone = tmp_path / "lone" / "trial.mcap"
    lone.parent.mkdir()
    shutil.copy(done.recording, lone)
    told = facts(replay(lone))
    assert told["recording"]["duration_s"] > 1 and "frames are not there" in " ".join(told["missing"])
    refused = replay(lone, "--estimators", "raw", "--out", tmp_path / "out")
    assert refused.exit_code == 1 and "no frames" in refused.stderr


def test_what_cannot_be_meant_is_said(done: RecordedTrial, copied: Path, tmp_path: Path) -> None:
    whole = done.recording.read_bytes()
    (copied / "trial.mcap").write_bytes(whole[: len(whole) // 2])
    shutil.rmtree(copied / "frames")
    (tmp_path / "empty").mkdir()
    for arguments, code, words in (
        ((copied / "trial.mcap",), 1, "cut short"),
        ((copied,), 1, "cut short"),
        ((999_999,), 1, "no trial 999999"),
        ((tmp_path / "nothing.mcap",), 2, "trials list"),
        ((tmp_path / "nowhere" / "trial.mcap",), 2, "trials list"),
        ((tmp_path / "empty",), 1, "neither a recording nor frames"),
        ((done.row.id, "--estimators", "nonsense", "--out", tmp_path / "out"), 2, "nonsense"),
        ((done.row.id, "--estimators", "raw", "--attempt", 2, "--out", tmp_path / "out"), 2, "no attempt 2"),
    ):
        refused = replay(*arguments)
        assert refused.exit_code == code and words in refused.stderr and "→" in refused.stderr, refused.stderr


def test_a_blind_trial_s_estimator_is_a_letter_until_its_campaign_ends_whatever_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    with TrialStore(tmp_path / "trials.db") as store:
        names = ("raw", "vitro-s")
        of = store.add_campaign(Campaign(name="c", estimators=names, surfaces=("diffuse",), scenes=1, is_blind=True))
        trial = finish(store, store.begin(row(campaign=of.id, estimator="vitro-s", detail="vitro-s sees nothing")).id)
        (trial_folder(store.where, trial.id) / "frames").mkdir(parents=True)
        found = find_trial(str(trial.id))
        assert found.recording is None and found.estimator == of.alias("vitro-s") != "vitro-s"
        assert found.record is not None and "vitro-s" not in found.record.detail
        assert find_trial(str(found.folder)).estimator == found.estimator
        store.finish_campaign(of.id)
        assert find_trial(str(trial.id)).estimator == "vitro-s"


def test_no_log_is_made_by_watching_a_colleague_s_recording(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "other"))
    trial = find_trial(str(copied / "trial.mcap"))
    assert trial.record is None and trial.facts["outcome"] == "success"
    assert not (tmp_path / "other" / "trials.db").exists()


def test_the_time_line_has_what_was_there_at_each_time(done: RecordedTrial) -> None:
    timeline = timeline_of(read_recording(done.recording))
    plan, frame = done.trial.plan, done.trial.frame
    captured_s, color = timeline.colors[0]
    assert newest(timeline.colors, captured_s - 0.01) is None
    np.testing.assert_array_equal(newest(timeline.colors, timeline.duration_s), frame.color)
    np.testing.assert_array_equal(color, frame.color)
    track = timeline.planned[plan.arm]
    np.testing.assert_allclose(track.at(track.times_s[0])[0], plan.motions["transit"].positions_rad[0])
    assert set(timeline.measured) == set(timeline.planned) | {"left", "right"}
    during_s = track.times_s[len(track.times_s) // 3]
    lag_rad = np.abs(timeline.measured[plan.arm].at(during_s)[0] - track.at(during_s)[0]).max()
    assert lag_rad < np.deg2rad(15)
    assert timeline.steps_s[0] >= 0 and timeline.steps_s[-1] <= timeline.duration_s
