"""`synth`: the same bytes however it was run, cut off or spread; every failure named, nothing half done."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import app as cli
from hardware.simulation.rendering.renderer import Renderer, Rendering
from tests.support.small_set import ROOT, SMALL_SET, contents
from tests.support.stand_ins.full_disk import disk_of

TINY = SMALL_SET


def here(*options: str) -> Result:
    """The command in this process, which has loaded the renderer already."""
    return CliRunner().invoke(cli, ["synth", *options])


@pytest.fixture(scope="module")
def whole(small_set: Path) -> Path:
    """Two clips, rendered in one go."""
    return small_set


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.mark.slow
def test_killed_in_mid_clip_and_gone_on_with_it_is_the_same_bytes(copy: Path, whole: Path) -> None:
    out = copy
    shutil.rmtree(out / "clips" / "000001")
    command = [sys.executable, "main.py", "synth", "--out", str(out), "--clips", "2", *TINY]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(out.glob("clips/.*.partial/000000.png")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "clips" / "000001").exists() and list(out.glob("clips/.*.partial"))
    assert here("--out", str(out), "--clips", "2", *TINY).exit_code == 0
    assert contents(out) == contents(whole)


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_leaves_no_half_clip(tmp_path: Path) -> None:
    command = [sys.executable, "main.py", "synth", "--out", str(tmp_path / "out"), "--clips", "3", *TINY]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob("out/clips/.*.partial/000000.png")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 130 and "of 3 clips are whole" in said, errors
    assert not list(tmp_path.glob("out/clips/.*.partial"))


@pytest.mark.slow
def test_a_disk_that_runs_full_in_mid_clip_names_it_and_is_gone_on_with(
    copy: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "clips" / "000001")
    see = Renderer.render

    def see_with_a_full_disk(*args: Any) -> Rendering:
        seen = see(*args)
        disk.enter_context(disk_of(2000))
        return seen

    with monkeypatch.context() as full, ExitStack() as disk:
        full.setattr(Renderer, "render", see_with_a_full_disk)
        done = here("--out", str(copy), "--clips", "2", *TINY)
    assert done.exit_code == 1 and "Traceback" not in done.stderr
    assert "000001 cannot be written" in done.stderr and "→" in done.stderr
    assert [path.name for path in (copy / "clips").iterdir()] == ["000000"]
    assert here("--out", str(copy), "--clips", "2", *TINY).exit_code == 0
    assert contents(copy) == contents(whole)


@pytest.mark.slow
def test_what_is_whole_is_not_rendered_again(copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (copy / "clips").rglob("*")}
    done = here("--out", str(copy), "--clips", "2", *TINY, "--json")
    assert json.loads(done.stdout)["rendered"] == 0
    assert {path: path.stat().st_mtime_ns for path in (copy / "clips").rglob("*")} == before


def test_other_settings_are_refused_by_name(copy: Path) -> None:
    done = here("--out", str(copy), "--clips", "2", *TINY[:-1], "7", "--frames", "9")
    assert done.exit_code == 2
    assert "frames: 2 there, 9 asked for" in done.stderr and "seed: 123 there, 7" in done.stderr


def test_verifying_names_what_is_wrong_and_repairing_mends_it(copy: Path, whole: Path) -> None:
    (copy / "clips" / "000001" / "000001.truth.png").unlink()
    ids = copy / "clips" / "000001" / "000000.ids.png"
    ids_damaged = ids.read_bytes()[:-1] + b"\0"
    ids.write_bytes(ids_damaged)
    found = here("--out", str(copy), "--verify", "--json")
    assert found.exit_code == 1 and "--repair" in found.stderr
    problems = json.loads(found.stdout)["problems"]
    assert [line.rpartition("/")[2] for line in problems] == [
        "000001.truth.png is missing",
        "000000.ids.png is changed",
    ]
    refused = here("--out", str(copy), "--clips", "2", *TINY)
    assert refused.exit_code == 1 and "000001.truth.png is missing" in refused.stderr
    assert here("--out", str(copy), "--clips", "2", *TINY, "--repair").exit_code == 0
    assert (copy / "set-aside" / "000001" / "000000.ids.png").read_bytes() == ids_damaged
    shutil.rmtree(copy / "set-aside")
    assert contents(copy) == contents(whole)
    assert here("--out", str(copy), "--verify").exit_code == 0


def test_nothing_written_says_where_or_on_what_machine(whole: Path) -> None:
    for path in (path for path in whole.rglob("*") if path.suffix in (".json", ".md")):
        assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b|{re.escape(str(whole))}", path.read_text()), path


def test_a_clip_is_a_frame_folder_with_its_table_and_objects(whole: Path) -> None:
    from hardware.cameras.frame_folder import FrameFolderCamera
    from perception.learning.datasets.base import open_dataset

    with FrameFolderCamera(whole / "clips" / "000000") as camera:
        assert camera.read().color.shape == (48, 64, 3)
    dataset = open_dataset("transphy3d", whole)
    assert [len(clip) for clip in dataset.clips] == [2, 2]
    frame = dataset.clips[0].frame(1)
    on_table = (frame.instance_ids == 0) & (abs(frame.table.depth(frame.intrinsics.rays()) - frame.depth_m) < 1e-3)
    assert on_table.mean() > 0.2, "the table's plane is where the truth sees it"
    assert set(frame.families) >= set(frame.instance_ids[frame.instance_ids > 0].tolist())


def test_the_card_counts_and_shows_the_clips(whole: Path) -> None:
    card = (whole / "README.md").read_text()
    assert "2 of 2 clips of 2 frames (4 frames" in card and "64x48 pixels, seed 123" in card
    facts = [json.loads(file.read_text()) for file in whole.glob("clips/*/clip.json")]
    told = [one for clip in facts for one in clip["objects"]]
    objects, parts = [one for one in told if "of" not in one], [one for one in told if "of" in one]
    assert objects and parts, "a lid is no object"
    for optics in {one["optics"] for one in objects}:
        assert f"| {optics} | {sum(one['optics'] == optics for one in objects)} |" in card
    kinds = [f"{one['family']}, {one['material']}" for one in parts]
    for kind in kinds:
        assert f"| {kind} | {kinds.count(kind)} |" in card
    assert facts[0]["renderer"] in card
    assert cv2.imread(str(whole / "card.png")).shape == (2 * 156, 6 * 208, 3)


def test_cell_scenes_take_their_camera_from_the_cell_and_refuse_what_is_not_theirs(tmp_path: Path) -> None:
    for refused in (("--meshes", str(tmp_path)), ("--views", "jump"), ("--zoom", "2"), ("--cell", "nowhere")):
        done = here("--out", str(tmp_path / "out"), "--clips", "1", "--scenes", "cell", *refused)
        assert done.exit_code == 2 and refused[0].strip("-") in done.stderr, refused
    assert not (tmp_path / "out").exists()


def test_a_set_without_a_number_of_clips_is_wrong_usage(tmp_path: Path) -> None:
    done = here("--out", str(tmp_path))
    assert done.exit_code == 2 and "--clips" in done.stderr
