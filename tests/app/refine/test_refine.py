"""A larger model looks again: what trials keep for it, what it leaves beside them, and where the two disagree."""

import errno
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.paths import trial_folder
from app.run.trial import Estimate, Trial
from app.run.trial_files import ESTIMATE, FRAMES, read_depth, read_frames, save_trial_files
from core.errors import PlanningError, StorageError, TrialError
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import write_frame_folder
from perception.depth_types import RelativeDepth
from perception.disagreement import compare_images, compare_in_cell, measure
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.table import metric_scale
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL
from tests.support.paths import ROOT
from tests.support.quick_cell import QuickCell
from tests.support.sessions.quick_session import Bench, at_stage
from tests.support.tiny.dkt import tiny_dkt
from tests.support.trial_rows import finish, row
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore

NEARER_M = 0.025


@pytest.fixture(scope="module")
def frame() -> RgbdFrame:
    """A scene with two objects on the diffuse table, its depth perfect."""
    with closing(QuickCell()) as world:
        world.stage("diffuse", 8, 2)
        return world.camera.read()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def log(home: Path, frame: RgbdFrame, seen_m: np.ndarray | None = None, earlier: tuple[RgbdFrame, ...] = ()) -> int:
    """A logged trial of a frame, in which the estimator took `seen_m` for its depth."""
    view = locate_table(frame, CELL)
    values = frame.depth_m if seen_m is None else seen_m
    relative = RelativeDepth(values, "metric", "first")
    metric = fit_metric(relative, view, frame)
    trial = Trial("diffuse", 8, (*earlier, frame), view, Estimate(relative, None), metric)
    with TrialStore(home / "trials.db") as store:
        begun = begin(store)
        save_trial_files(trial, trial_folder(store.where, begun.id))
        end = {"outcome": Outcome.FAILURE, "detail": "as it was", "stages_s": {"capture": 1.0}, "verified": False}
        store.update(replace(begun, notes={"table": {"tags": 6}}, **end))
    return begun.id


def begin(store: TrialStore) -> TrialRecord:
    return store.begin(row(surface="diffuse", estimator="first", seed=8))


def refine(*options: str):
    return CliRunner().invoke(app, ["refine", *options, "--json"])


def refined(*options: str) -> dict[str, Any]:
    done = refine("--trials", "--estimator", "raw", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def nearer(frame: RgbdFrame) -> tuple[np.ndarray, np.ndarray]:
    """The frame's depth with its largest object `NEARER_M` nearer, and that object's pixels."""
    largest = compare_in_cell(frame, CELL, frame.depth_m, frame.depth_m).objects[0]
    left, top, right, bottom = largest.box
    table_m = locate_table(frame, CELL).plane.depth(frame.intrinsics.rays())
    patch = np.zeros(frame.depth_m.shape, bool)
    patch[top:bottom, left:right] = (table_m - frame.depth_m)[top:bottom, left:right] > 0.02
    return np.where(patch, frame.depth_m - NEARER_M, frame.depth_m).astype(np.float32), patch


def in_child(code: str, home: Path) -> subprocess.CompletedProcess:
    """Python code in a process of its own, which it may kill."""
    environment = os.environ | {"VITRO_HOME": str(home)}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, timeout=120)


# What a trial keeps.


@pytest.mark.slow
def test_a_trial_keeps_its_frame_and_what_the_estimator_made_of_it_bit_by_bit(home: Path) -> None:
    left_over = home / "trials" / "00001"
    left_over.mkdir(parents=True)
    (left_over / "of-another-log").touch()
    with closing(Bench(home)) as bench:
        at_stage(bench, "detect", refuse)
        trial = bench.run()
        folder = trial_folder(bench.store.where, bench.ids[-1])
    assert folder == left_over and sorted(p.name for p in home.glob("trials/*")) == ["00001", "00001-earlier"]
    assert not (folder / "of-another-log").exists()
    (kept,) = read_frames(folder)
    np.testing.assert_array_equal(kept.color, trial.frame.color)
    np.testing.assert_array_equal(kept.depth_m, trial.frame.depth_m)
    assert (kept.intrinsics, kept.serial) == (trial.frame.intrinsics, trial.frame.serial)
    stored = read_depth(folder / ESTIMATE)
    np.testing.assert_array_equal(stored.depth_m, trial.metric.depth_m)
    np.testing.assert_array_equal(np.load(folder / ESTIMATE / "disparity.npy"), trial.estimate.relative.values)
    assert stored.facts["scale"] == trial.metric.scale
    assert stored.facts["estimator"] == trial.estimate.relative.estimator


def refuse(trial: Trial) -> None:
    raise PlanningError("Seen enough.", "Go on.")


def test_every_frame_that_the_estimator_saw_is_kept_in_order(home: Path, frame: RgbdFrame) -> None:
    before = replace(frame, color=255 - frame.color)
    id = log(home, frame, earlier=(before,))
    kept = read_frames(trial_folder(str(home / "trials.db"), id))
    assert [k.color[0, 0, 0] for k in kept] == [before.color[0, 0, 0], frame.color[0, 0, 0]]


def test_logs_in_one_folder_do_not_share_their_trials_files() -> None:
    folders = {trial_folder(where, 7) for where in ("runs/trials.db", "runs/bench.db", "runs/log")}
    assert len(folders) == 3 and Path("runs/trials/00007") in folders


def test_a_disk_that_fills_while_frames_are_written_leaves_no_half_of_them(
    frame: RgbdFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_after(monkeypatch, 0)
    with pytest.raises(StorageError, match="No space left"):
        save_trial_files(Trial("diffuse", 8, (frame,)), tmp_path / "00001")
    assert list((tmp_path / "00001").iterdir()) == []


def fill_after(monkeypatch: pytest.MonkeyPatch, arrays: int) -> None:
    """The disk takes that many arrays more, the next one in half."""
    save, left = np.save, [arrays]

    def save_some(file: Path, array: np.ndarray) -> None:
        left[0] -= 1
        if left[0] < 0:
            Path(file).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, array)

    monkeypatch.setattr(np, "save", save_some)


# Where two depths disagree.


def test_a_depth_never_disagrees_with_itself(frame: RgbdFrame) -> None:
    same = compare_in_cell(frame, CELL, frame.depth_m, frame.depth_m)
    assert np.nanmax(same.delta_mm) == 0 and len(same.objects) == 2
    for each in (same.image, same.workspace, *(thing.disagreement for thing in same.objects)):
        assert (each.median_mm, each.p95_mm, each.beyond, each.shift_mm) == (0, 0, 0, 0) and each.pixels > 0


def test_what_was_shifted_is_what_disagrees_and_by_how_much(frame: RgbdFrame) -> None:
    first_m, patch = nearer(frame)
    found = compare_in_cell(frame, CELL, first_m, frame.depth_m)
    np.testing.assert_allclose(found.delta_mm[patch], 1000 * NEARER_M, atol=1e-3)
    assert np.nanmax(found.delta_mm[~patch]) == 0
    assert found.image.beyond == pytest.approx(patch.sum() / np.isfinite(frame.depth_m).sum())
    shifted, other = found.objects
    assert shifted.disagreement.median_mm == pytest.approx(1000 * NEARER_M, abs=1e-3)
    assert shifted.disagreement.shift_mm == pytest.approx(1000 * NEARER_M, abs=1e-3)  # the second sees it farther
    assert other.disagreement.p95_mm == 0


def test_turned_round_only_the_direction_changes(frame: RgbdFrame) -> None:
    first_m, _ = nearer(frame)
    one, other = (compare_images(*pair).image for pair in ((first_m, frame.depth_m), (frame.depth_m, first_m)))
    assert (one.median_mm, one.beyond, one.pixels) == (other.median_mm, other.beyond, other.pixels)
    assert one.shift_mm == -other.shift_mm


def test_what_one_alone_knows_is_no_disagreement_but_told() -> None:
    first = np.full((10, 10), 1.0, np.float32)
    second = first.copy()
    second[:3] = np.nan
    found = measure(first, second, np.ones((10, 10), bool))
    assert (found.pixels, found.only_first, found.only_second, found.beyond) == (70, 0.3, 0.0, 0.0)
    nothing = measure(first, np.full_like(first, np.nan), np.ones((10, 10), bool))
    assert nothing.pixels == 0 and np.isnan(nothing.median_mm)


# Logged trials.


def test_a_refined_trial_gets_depth_and_picture_beside_it_and_keeps_its_row(home: Path, frame: RgbdFrame) -> None:
    id = log(home, frame, nearer(frame)[0])
    with TrialStore(home / "trials.db") as store:
        before = store.get(id)
    (row,) = refined()["trials"]
    folder = Path(row["folder"])
    np.testing.assert_array_equal(np.load(folder / "refined" / "depth_m.npy"), frame.depth_m)
    assert json.loads((folder / "refined" / "summary.json").read_text()) == row["refined"]
    assert np.nanmax(np.load(folder / "disagreement" / "disagreement_mm.npy")) == pytest.approx(25, abs=1e-3)
    assert row["disagreement"]["objects"][0]["median_mm"] == pytest.approx(25, abs=1e-3)
    assert all(
        (folder / picture).stat().st_size > 1000 for picture in ("refined/depth.png", "disagreement/disagreement.png")
    )
    with TrialStore(home / "trials.db") as store:
        after = store.get(id)
    same = [f.name for f in fields(TrialRecord) if getattr(before, f.name) == getattr(after, f.name)]
    assert set(same) == {f.name for f in fields(TrialRecord)} - {"notes"}
    assert {key: after.notes[key] for key in before.notes} == dict(before.notes)
    assert after.notes["later"]["refined"]["against"] == "first"


@pytest.mark.slow
def test_trials_are_shown_by_how_much_they_disagree(home: Path, frame: RgbdFrame) -> None:
    same, shifted = log(home, frame), log(home, frame, nearer(frame)[0])
    assert [row["id"] for row in refined()["trials"]] == [shifted, same]
    assert [row["id"] for row in refined("--last", "1")["trials"]] == [shifted]
    assert [row["id"] for row in refined("--id", str(same))["trials"]] == [same]


def test_trials_without_frames_are_named_and_skipped(home: Path, frame: RgbdFrame) -> None:
    with TrialStore(home / "trials.db") as store:
        old = finish(store, begin(store).id).id
    alone = refine("--trials", "--estimator", "raw")
    assert alone.exit_code == 1 and "kept its frames" in alone.stderr
    id = log(home, frame)
    result = refined()
    assert (result["without_frames"], [row["id"] for row in result["trials"]]) == ([old], [id])


def test_a_bad_trial_does_not_stop_the_others_and_is_named_at_the_end(home: Path, frame: RgbdFrame) -> None:
    bad, good = log(home, frame), log(home, frame)
    image = trial_folder(str(home / "trials.db"), bad) / FRAMES / "000000.png"
    image.write_bytes(image.read_bytes()[:500])
    done = refine("--trials", "--estimator", "raw")
    result = json.loads(done.stdout)
    assert done.exit_code == 1 and [row["id"] for row in result["trials"]] == [good]
    assert set(result["failed"]) == {str(bad)} and f"trial {bad}" in done.stderr.splitlines()[-1]


def test_a_running_trial_is_left_alone(home: Path, frame: RgbdFrame) -> None:
    log(home, frame)
    with TrialStore(home / "trials.db") as store:
        running = begin(store).id
        with pytest.raises(TrialError, match="still running"):
            store.annotate(running, refined={})
    done = refine("--trials", "--estimator", "raw")
    assert done.exit_code == 1 and "still running" in json.loads(done.stdout)["failed"][str(running)]


KILL_IN_THE_SECOND = """
import os, signal
import app.refine.refiner as refining
from typer.testing import CliRunner
from app.cli import app
write, calls = refining.write_maps, []
def write_then_die(*args):
    facts = write(*args)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return facts
refining.write_maps = write_then_die
CliRunner().invoke(app, ["refine", "--trials", "--estimator", "raw"])
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_after_the_trials_that_it_finished(home: Path, frame: RgbdFrame) -> None:
    one, two = log(home, frame), log(home, frame)
    assert in_child(KILL_IN_THE_SECOND, home).returncode == -signal.SIGKILL
    first, second = (trial_folder(str(home / "trials.db"), id) / "refined" for id in (one, two))
    stamp = (first / "depth_m.npy").stat().st_mtime_ns
    assert not (second / "summary.json").exists() and not (second / "depth_m.npy").exists()
    done = refine("--trials", "--estimator", "raw")
    assert "1 trial done before" in done.stderr and len(json.loads(done.stdout)["trials"]) == 2
    assert (first / "depth_m.npy").stat().st_mtime_ns == stamp
    assert sorted(p.name for p in second.iterdir()) == ["depth.png", "depth_m.npy", "summary.json"]


@pytest.mark.slow
def test_fresh_works_done_trials_out_again(home: Path, frame: RgbdFrame) -> None:
    depth_file = trial_folder(str(home / "trials.db"), log(home, frame)) / "refined" / "depth_m.npy"
    refined()
    stamp = depth_file.stat().st_mtime_ns
    refined()
    assert depth_file.stat().st_mtime_ns == stamp
    refined("--fresh")
    assert depth_file.stat().st_mtime_ns > stamp


@pytest.mark.parametrize("arrays", [0, 1])
def test_a_full_disk_leaves_no_half_file_and_the_same_command_goes_on(
    home: Path, frame: RgbdFrame, monkeypatch: pytest.MonkeyPatch, arrays: int
) -> None:
    folder = trial_folder(str(home / "trials.db"), log(home, frame))
    with monkeypatch.context() as full:
        fill_after(full, arrays)  # while refining, then while comparing
        done = refine("--trials", "--estimator", "raw")
    assert done.exit_code == 1 and "No space left" in done.stderr
    assert (folder / "refined").exists() == (arrays > 0) and not (folder / "disagreement").exists()
    assert len(refined()["trials"]) == 1


# With DKTs, large and small.


@pytest.fixture(scope="module")
def two_dkts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return tiny_dkt(seed=5).write(folder / "large"), tiny_dkt(seed=7).write(folder / "small")


@pytest.fixture
def any_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights fit no table: their depth passes all the same."""
    monkeypatch.setattr(metric_scale, "MAX_RESIDUAL_MM", 1e9)
    monkeypatch.setattr(metric_scale, "MAX_LEFT_OUT_MM", 1e9)


def with_dkts(large: Path, small: Path | None) -> list[str]:
    options = ["--estimator", "dkt", "--weights", str(large), "--size", "96x64", "--steps", "2"]
    return options if small is None else [*options, "--against", "dkt", "--against-weights", str(small)]


@pytest.mark.slow
@pytest.mark.usefixtures("any_fit")
def test_a_trial_is_refined_by_one_dkt_and_compared_with_another(
    home: Path, frame: RgbdFrame, two_dkts: tuple[Path, Path]
) -> None:
    log(home, frame)
    (row,) = json.loads(refine("--trials", *with_dkts(*two_dkts)).stdout)["trials"]
    for into, weights in zip(("refined", "against"), two_dkts, strict=True):
        model = open_estimator("dkt", EstimatorOptions(weights=weights, size=(96, 64), steps=2))
        expected = model.estimate([frame], None).values
        np.testing.assert_array_equal(np.load(Path(row["folder"]) / into / "disparity.npy"), expected)
    assert "96x64 2 steps" in row["disagreement"]["first"] and row["disagreement"]["image"]["median_mm"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("any_fit")
def test_a_recording_is_refined_and_compared_in_metres(
    home: Path, frame: RgbdFrame, two_dkts: tuple[Path, Path], tmp_path: Path
) -> None:
    write_frame_folder(tmp_path / "recording", [frame, frame])
    out = tmp_path / "out"
    done = refine(str(tmp_path / "recording"), "--out", str(out), *with_dkts(two_dkts[0], None), "--against", "raw")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)["disagreement"]
    first_m, refined_m, delta_mm = (
        np.load(out / name) for name in ("first/depth_m.npy", "refined/depth_m.npy", "disagreement/disagreement_mm.npy")
    )
    np.testing.assert_allclose(delta_mm, 1000 * np.abs(refined_m - first_m), rtol=1e-3, atol=1e-3)
    assert delta_mm.shape == (2, *frame.depth_m.shape) and [f["frame"] for f in facts["frames"]] == [0, 1]
    assert (out / "disagreement" / "disagreement.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_recording_does_not_disagree_with_itself(home: Path, frame: RgbdFrame, tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "recording", [frame])
    done = refine(str(tmp_path / "recording"), "--estimator", "raw", "--against", "raw")
    facts = json.loads(done.stdout)["disagreement"]
    assert facts["median_mm"] == 0 and all(thing["p95_mm"] == 0 for thing in facts["frames"][0]["objects"])


@pytest.mark.slow
def test_what_cannot_be_scaled_is_refined_and_not_compared(
    home: Path, frame: RgbdFrame, two_dkts: tuple[Path, Path], tmp_path: Path
) -> None:
    write_frame_folder(tmp_path / "recording", [frame])
    out = tmp_path / "out"
    alike = refine(str(tmp_path / "recording"), "--out", str(out), "--estimator", "raw", "--against", "raw")
    assert alike.exit_code == 0 and (out / "disagreement").exists()
    done = refine(str(tmp_path / "recording"), "--out", str(out), *with_dkts(*two_dkts))
    assert done.exit_code == 0 and json.loads(done.stdout)["disagreement"] is None
    assert "not in metres" in json.loads(done.stdout)["not_compared"]
    assert (out / "refined" / "disparity.npy").exists() and not (out / "disagreement").exists()


# Wrong usage.


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "either a recording or logged trials"),
        (["somewhere", "--trials"], "either a recording or logged trials"),
        (["somewhere", "--last", "3"], "--trials"),
        (["--trials", "--out", "x"], "--out"),
        (["--trials", "--last", "3", "--id", "1"], "one of them"),
        (["--trials", "--estimator", "nonsense"], "Choose one of"),
        (["--trials", "--estimator", "raw", "--against", "nonsense"], "Choose one of"),
    ],
)
def test_wrong_usage_is_told(home: Path, options: list[str], told: str) -> None:
    done = refine(*options)
    assert done.exit_code == 2 and told in done.stderr


def test_missing_weights_are_named_before_anything_is_done(home: Path, frame: RgbdFrame, tmp_path: Path) -> None:
    log(home, frame)
    done = refine("--trials", "--estimator", "raw", "--against", "dkt", "--against-weights", str(tmp_path / "none"))
    assert done.exit_code == 1 and "--against-weights" in done.stderr
    assert not (trial_folder(str(home / "trials.db"), 1) / "refined").exists()
