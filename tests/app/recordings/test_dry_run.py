"""Dry runs: everything but motion, a report whatever comes of it, and clear words for bad recordings."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from core.image_file import read_image
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import write_frame_folder
from tests.support.quick_cell import QuickCell
from tests.support.real_captures import captures_folder, convert

PICTURES = ("color.png", "tags.png", "depth.png", "grasps.png", "chosen.png")


@pytest.fixture(scope="module")
def frame() -> RgbdFrame:
    world = QuickCell()
    world.stage("diffuse", 8, 1)
    frame = world.camera.read()
    world.close()
    return frame


def dry_run(recording: Path, out: Path, *options: str):
    arguments = ["dry-run", str(recording), "--out", str(out), "--estimator", "raw", "--json", *options]
    return CliRunner().invoke(app, arguments)


def test_a_recorded_scene_leaves_pictures_a_plan_and_its_facts(frame: RgbdFrame, tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    done = dry_run(tmp_path / "scene", tmp_path / "report")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert json.loads(done.stdout)["grasps"] == report["grasps"] > 0
    assert report["table"]["source"] == "tags" and len(report["table"]["tags"]) == 6
    assert report["plan"]["gate"]["passed"] and report["plan"]["placement"] == "by tags"
    assert set(report["stages_s"]) == {"locate", "estimate", "scale", "detect", "plan"}
    assert all((tmp_path / "report" / name).stat().st_size > 1000 for name in PICTURES)
    assert np.load(tmp_path / "report" / "grasps.npy").shape == (report["grasps"], 17)


@pytest.mark.parametrize("hole", [np.nan, 0.0])
def test_a_recording_without_depth_is_a_clear_failure_with_its_report_kept(
    frame: RgbdFrame, tmp_path: Path, hole: float
) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    np.save(tmp_path / "scene" / "000000.depth.npy", np.full_like(frame.depth_m, hole))
    done = dry_run(tmp_path / "scene", tmp_path / "report")
    assert done.exit_code == 1 and "→" in done.stderr
    assert json.loads((tmp_path / "report" / "report.json").read_text())["stopped_by"]


def without_intrinsics(folder: Path) -> None:
    (folder / "intrinsics.json").unlink()


def with_half_an_image(folder: Path) -> None:
    image = folder / "000000.png"
    image.write_bytes(image.read_bytes()[:500])


def with_half_its_depth(folder: Path) -> None:
    depth = folder / "000000.depth.npy"
    depth.write_bytes(depth.read_bytes()[:1000])


def with_depth_of_another_size(folder: Path) -> None:
    np.save(folder / "000000.depth.npy", np.ones((10, 10), np.float32))


@pytest.mark.parametrize(
    "harm", [without_intrinsics, with_half_an_image, with_half_its_depth, with_depth_of_another_size]
)
def test_a_damaged_folder_is_named_with_what_to_do(
    frame: RgbdFrame, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    harm(tmp_path / "scene")
    done = dry_run(tmp_path / "scene", tmp_path / "report")
    assert done.exit_code == 1
    assert "scene" in done.stderr and "→" in done.stderr and done.exception.__class__ is SystemExit


def test_a_report_folder_that_cannot_be_written_is_named(frame: RgbdFrame, tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    (tmp_path / "report").write_text("a file")
    done = dry_run(tmp_path / "scene", tmp_path / "report")
    assert done.exit_code == 1 and "cannot be written" in done.stderr


def test_the_oracle_is_refused_on_recordings(frame: RgbdFrame, tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    done = dry_run(tmp_path / "scene", tmp_path / "report", "--estimator", "oracle")
    assert done.exit_code == 2 and "cheat" in done.stderr


@pytest.mark.slow
def test_several_estimators_share_a_sheet_and_one_that_is_refused_stops_no_other(
    frame: RgbdFrame, tmp_path: Path
) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    out = tmp_path / "report"
    arguments = ["dry-run", str(tmp_path / "scene"), "--out", str(out), "--json", "--estimators", "oracle,raw"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    oracle, raw = facts["estimators"]
    assert oracle["estimator"] == "oracle" and "cheat" in oracle["stopped_by"] and oracle["plan"] is None
    assert raw["estimator"] == "raw" and raw["plan"] is not None and raw["stages_s"]["estimate"] > 0
    assert raw == json.loads((out / "report.json").read_text())["estimators"][1]
    alone = json.loads((out / "raw" / "report.json").read_text())
    assert (alone["grasps"], alone["plan"]["expected"]) == (raw["grasps"], round(raw["expected"], 3))
    sheet = read_image(out / "sheet.png")
    assert sheet.shape[1] > 4 * 480 and np.ptp(sheet) > 200
    assert "sheet.png" in (out / "report.html").read_text() and "| raw |" in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--estimators", "raw,nonsense"), "nonsense"),
        (("--estimators", "raw", "--estimator", "raw"), "both"),
        (("--estimators", "raw,vitro-s", "--weights", "x"), "weights"),
    ],
)
def test_a_list_of_estimators_that_cannot_be_meant_is_refused_before_any_work(
    frame: RgbdFrame, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    done = CliRunner().invoke(app, ["dry-run", str(tmp_path / "scene"), "--out", str(tmp_path / "report"), *options])
    assert done.exit_code == 2 and words in done.stderr and not (tmp_path / "report").exists()


def test_a_frame_without_depth_fails_by_every_estimator_that_needs_it_and_says_why(
    frame: RgbdFrame, tmp_path: Path
) -> None:
    write_frame_folder(tmp_path / "scene", [frame])
    (tmp_path / "scene" / "000000.depth.npy").unlink()
    out = tmp_path / "report"
    done = CliRunner().invoke(
        app, ["dry-run", str(tmp_path / "scene"), "--out", str(out), "--estimators", "raw,oracle"]
    )
    assert done.exit_code == 1 and "→" in done.stderr
    assert all(one["stopped_by"] for one in json.loads((out / "report.json").read_text())["estimators"])


@pytest.mark.slow
@pytest.mark.skipif(not captures_folder().is_dir(), reason=f"no real captures at {captures_folder()}")
def test_real_captures_of_glass_run_through_and_are_said_to_have_no_tags(tmp_path: Path) -> None:
    folders = convert(captures_folder(), tmp_path / "captures")
    assert len(folders) == 2
    for folder in folders:
        done = dry_run(folder, tmp_path / folder.name)
        assert done.exit_code == 0, done.output
        report = json.loads((tmp_path / folder.name / "report.json").read_text())
        assert report["table"]["source"] == "sensor" and report["grasps"] > 0
        assert report["plan"] is None or "nominal" in report["plan"]["placement"]
        assert (tmp_path / folder.name / "grasps.png").exists()
