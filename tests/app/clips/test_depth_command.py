"""`python main.py depth`: resumable bit by bit, bounded, metric where it can be, and never half-finished."""

import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

import app.clips.clip_run
import app.clips.depth
from app.cli import app as cli
from core.errors import CameraError, ConfigurationError
from core.size import parse_size
from hardware.cameras.clips.clip import Clip
from hardware.cameras.clips.files import open_clip
from hardware.cameras.frame_folder import write_frame_folder
from perception.depth_types import Kind
from perception.estimators.registry import ESTIMATORS
from perception.estimators.specification import EstimatorSpecification, Observation
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.paths import ROOT
from tests.support.recordings import make_frame, record
from tests.support.tiny.dkt import moving_clip, tiny_dkt
from tests.support.videos import write_video

COUNT = 30
RESULTS = ["disparity.npy", "preview.mp4", "preview.png", "summary.json"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "dkt")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("source") / "frames", moving_clip(COUNT))


@pytest.fixture(scope="module")
def whole(source: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What a run gives that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole")
    assert dkt(source, weights, out).exit_code == 0
    return np.load(out / "disparity.npy")


def save(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for number, color in enumerate(frames):
        Image.fromarray(color).save(folder / f"{number}.png")
    return folder


def arguments(source: Path, weights: Path, out: Path, *more: str) -> list[str]:
    settings = ("--size", "48x32", "--steps", "2", "--window", "3", "--stride", "2", "--dtype", "float32")
    named = ("--estimator", "dkt", "--weights", str(weights), "--device", "cpu")
    return ["depth", str(source), "--out", str(out), *named, *settings, *more]


def dkt(source: Path, weights: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, arguments(source, weights, out, *more))


def files_in(out: Path) -> list[str]:
    return sorted(p.name for p in out.iterdir()) if out.exists() else []


@pytest.mark.slow
def test_a_folder_and_a_video_of_it_give_the_same_maps_and_leave_nothing_unfinished(
    source: Path, weights: Path, whole: np.ndarray, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "clip.mkv", moving_clip(COUNT))
    done = dkt(video, weights, tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "disparity.npy"), whole)
    assert whole.shape == (COUNT, 32, 48) and whole.dtype == np.float32 and whole.std() > 0.01
    assert files_in(tmp_path / "out") == RESULTS
    summary = json.loads(done.stdout)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["frames"], summary["kind"], summary["settings"]["size"]) == (COUNT, "disparity", [48, 32])
    assert summary["estimator"].startswith("dkt-") and summary["settings"]["device"] == "cpu"
    assert summary["scale"] is None and "intrinsics" in summary["not_scaled"]
    preview = open_clip(tmp_path / "out" / "preview.mp4")
    assert (preview.count, preview.width) == (COUNT, 480)


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips_of_odd_size_are_clips_too(weights: Path, tmp_path: Path, count: int) -> None:
    folder = save(tmp_path / "frames", moving_clip(count, height=51, width=33))
    done = dkt(folder, weights, tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert np.load(tmp_path / "out" / "disparity.npy").shape == (count, 51, 33)


#: Runs that are killed at these moments, one after another, each forked, so that what is imported is imported once;
#: says how each ended, what it said, and what it left.
KILLED = """
import json, os, signal, sys
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
import app.clips.clip_run
import app.clips.depth
from app.cli import main

out, moments, arguments = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
app.clips.clip_run.CHECKPOINT_EVERY_S, app.clips.clip_run.SAVES_SHARE = 0.0, float("inf")
taken = 0

def deadly(function, calls):
    def call(*args, **kwargs):
        global taken
        taken += 1
        if taken == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call

def run(moment, said):
    os.dup2(said, 1)
    if moment == "checkpoint":
        os.fsync = deadly(os.fsync, 12)
    else:
        app.clips.clip_run._Run._take = deadly(app.clips.clip_run._Run._take, int(moment))
    main(arguments)

ends = []
for moment in moments:
    said = os.memfd_create("said")
    child = os.fork()
    if child == 0:
        run(moment, said)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ends.append((code, os.pread(said, 1 << 20, 0).decode(), os.listdir(out)))
print(json.dumps(ends))
"""


@pytest.mark.slow
def test_a_run_killed_again_and_again_goes_on_and_ends_as_if_it_had_not_been(
    source: Path, weights: Path, whole: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # In the middle of a frame, then between the two halves of saving: the maps are there, their checkpoint is not.
    command = [sys.executable, "-c", KILLED, str(out), "17,checkpoint", *arguments(source, weights, out)]
    runs = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert runs.returncode == 0, runs.stderr
    for (code, said, left), told in zip(json.loads(runs.stdout), ("", "going on: 16 of"), strict=True):
        assert code == -signal.SIGKILL and told in said, runs.stderr
        assert left == [".depth-unfinished"]
    done = dkt(source, weights, out)
    assert done.exit_code == 0 and "going on: 21 of" in done.output
    np.testing.assert_array_equal(np.load(out / "disparity.npy"), whole)
    assert files_in(out) == RESULTS


@pytest.mark.slow
def test_what_fails_after_the_last_map_costs_no_map(
    source: Path, weights: Path, whole: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise CameraError("The frames are gone.", "Bring them back.")

    with monkeypatch.context() as patch:
        patch.setattr(app.clips.depth, "save_previews", fail)
        assert dkt(source, weights, tmp_path).exit_code == 1
    assert files_in(tmp_path) == [".depth-unfinished"]
    done = dkt(source, weights, tmp_path)
    assert done.exit_code == 0 and f"going on: {COUNT} of" in done.output
    np.testing.assert_array_equal(np.load(tmp_path / "disparity.npy"), whole)


class Interrupting:
    """A clip at whose frame `at` somebody presses Ctrl-C; it is read a few frames ahead."""

    def __init__(self, clip: Clip, at: int) -> None:
        self._clip, self._at = clip, at
        self.name, self.count, self.fps = clip.name, clip.count, clip.fps
        self.width, self.height = clip.width, clip.height

    def frames(self, start: int = 0):
        for number, frame in enumerate(self._clip.frames(start), start):
            if number == self._at:
                os.kill(os.getpid(), signal.SIGINT)
            yield frame


def interrupt_at(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.clips.clip_run, "open_clip", lambda path, show: Interrupting(open_clip(path, show), at))


def test_ctrl_c_keeps_the_work(
    source: Path, weights: Path, whole: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_at(19, patch)
        stopped = dkt(source, weights, tmp_path)
    assert stopped.exit_code == 130
    assert (told := re.search(r"stopped after (\d+) frames", stopped.output)) and 14 <= int(told[1]) <= 20
    assert files_in(tmp_path) == [".depth-unfinished"]
    done = dkt(source, weights, tmp_path)
    assert done.exit_code == 0 and f"going on: {told[1]} of 30" in done.output
    np.testing.assert_array_equal(np.load(tmp_path / "disparity.npy"), whole)


def test_it_goes_on_with_as_many_threads_as_it_was_begun_with(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]
) -> None:
    source = save(tmp_path / "frames", moving_clip(13))
    threads(2)
    assert dkt(source, weights, tmp_path / "straight").exit_code == 0
    with monkeypatch.context() as patch:
        interrupt_at(9, patch)
        assert dkt(source, weights, tmp_path / "stopped").exit_code == 130
    threads(1)
    assert dkt(source, weights, tmp_path / "stopped").exit_code == 0 and torch.get_num_threads() == 2
    straight, stopped = (np.load(tmp_path / name / "disparity.npy") for name in ("straight", "stopped"))
    np.testing.assert_array_equal(stopped, straight)


def other_settings(folder: Path) -> tuple[str, ...]:
    return ("--steps", "3")


def other_pixels(folder: Path) -> tuple[str, ...]:
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(folder / "7.png")
    return ()


def freshness(folder: Path) -> tuple[str, ...]:
    return ("--fresh",)


@pytest.mark.parametrize(
    ("change", "told"), [(other_settings, "steps changed"), (other_pixels, "source changed"), (freshness, "as asked")]
)
def test_unfinished_work_on_something_else_is_begun_anew(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], tuple[str, ...]], told: str
) -> None:
    folder = save(tmp_path / "frames", moving_clip(12))
    with monkeypatch.context() as patch:
        interrupt_at(9, patch)
        assert dkt(folder, weights, tmp_path / "out").exit_code == 130
    more = change(folder)
    done = dkt(folder, weights, tmp_path / "out", *more)
    assert done.exit_code == 0 and f"starting anew: {told}" in done.output
    assert dkt(folder, weights, tmp_path / "new", *more).exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out/disparity.npy"), np.load(tmp_path / "new/disparity.npy"))


def test_what_is_done_is_not_done_again_unless_asked(weights: Path, tmp_path: Path) -> None:
    folder, out = save(tmp_path / "frames", moving_clip(3)), tmp_path / "out"
    first = dkt(folder, weights, out, "--json")
    written = (out / "disparity.npy").stat().st_mtime_ns
    again = dkt(folder, weights, out, "--json")
    assert "--fresh" in again.stderr and json.loads(again.stdout) == json.loads(first.stdout)
    assert (out / "disparity.npy").stat().st_mtime_ns == written
    assert dkt(folder, weights, out, "--fresh").exit_code == 0
    assert (out / "disparity.npy").stat().st_mtime_ns > written


def test_results_may_lie_inside_the_source_but_not_among_its_frames(weights: Path, tmp_path: Path) -> None:
    folder = save(tmp_path / "frames", moving_clip(3))
    assert dkt(folder, weights, folder / "depth").exit_code == 0
    assert "--fresh" in dkt(folder, weights, folder / "depth").output
    assert dkt(folder, weights, folder).exit_code == 2
    assert files_in(folder) == ["0.png", "1.png", "2.png", "depth"]


def test_a_damaged_clip_leaves_nothing_that_looks_finished(weights: Path, tmp_path: Path) -> None:
    folder, out = save(tmp_path / "frames", moving_clip(5)), tmp_path / "out"
    assert dkt(folder, weights, out).exit_code == 0
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:200])
    for target in (out, tmp_path / "new"):
        failed = dkt(folder, weights, target)
        assert failed.exit_code == 1 and "3.png" in failed.stderr and "→" in failed.stderr
        assert files_in(target) == []


def test_a_result_that_is_not_finite_is_named_and_not_kept(tmp_path: Path) -> None:
    model = tiny_dkt()
    for tensor in model.vae.values():
        tensor.fill_(float("nan"))
    folder = save(tmp_path / "frames", moving_clip(5))
    failed = dkt(folder, model.write(tmp_path / "weights"), tmp_path / "out")
    assert failed.exit_code == 1 and "finite" in failed.stderr and "→" in failed.stderr
    assert not [name for name in files_in(tmp_path / "out") if not name.startswith(".")]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--estimator", "psychic"), "psychic"),
        (("--size", "huge"), "WIDTHxHEIGHT"),
        (("--weights", "/nowhere"), "/nowhere"),
        (("--device", "abacus"), "abacus"),
        (("--cell", "nowhere"), "nowhere"),
    ],
)
def test_wrong_options_are_named_and_cost_no_earlier_result(
    source: Path, weights: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    (tmp_path / "disparity.npy").write_bytes(b"earlier")
    failed = dkt(source, weights, tmp_path, *more)
    assert failed.exit_code in (1, 2) and told in failed.stderr and "→" in failed.stderr
    assert (tmp_path / "disparity.npy").read_bytes() == b"earlier"


@pytest.mark.parametrize(("text", "size"), [("", None), ("832x480", (832, 480)), ("96X64", (96, 64))])
def test_sizes_are_width_by_height(text: str, size: tuple[int, int] | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["832", "x480", "832x", "0x4", "-1x5", "1x2x3", "1.5x2"])
def test_other_sizes_are_wrong_usage(text: str) -> None:
    with pytest.raises(ConfigurationError, match="832x480"):
        parse_size(text)


@pytest.mark.slow
def test_raw_is_the_recordings_own_depth_with_its_holes(tmp_path: Path) -> None:
    frames = [make_frame(k) for k in range(3)]
    recording = record(tmp_path / "clip.db3", frames)
    done = CliRunner().invoke(cli, ["depth", str(recording), "--out", str(tmp_path / "out"), "--estimator", "raw"])
    assert done.exit_code == 0, done.output
    depth_m = np.load(tmp_path / "out" / "depth_m.npy")
    np.testing.assert_allclose(depth_m, [f.depth_m for f in frames], rtol=0, atol=0.51e-4)
    assert not (tmp_path / "out" / "disparity.npy").exists()


def test_raw_without_depth_is_wrong_usage(source: Path, tmp_path: Path) -> None:
    failed = CliRunner().invoke(cli, ["depth", str(source), "--out", str(tmp_path), "--estimator", "raw"])
    assert failed.exit_code == 2 and "no depth" in failed.stderr and "weights" in failed.stderr


class Seer:
    """Answers with given maps in turn."""

    def __init__(self, kind: Kind, maps: list[np.ndarray]) -> None:
        self.kind = kind
        self._maps = iter(maps)

    def estimate(self, seen: Sequence[Observation]) -> np.ndarray:
        return next(self._maps)


@pytest.fixture(scope="module")
def cell_frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Three frames of the drawn cell, and the true depth in each."""
    frame = draw_frame(CELL)
    folder = tmp_path_factory.mktemp("cell") / "frames"
    write_frame_folder(folder, [frame] * 3)
    return folder, frame.depth_m


def seen_by(seer: Seer, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    specification = EstimatorSpecification("seer", "given maps", seer.kind, load=lambda options: seer)
    monkeypatch.setitem(ESTIMATORS, "seer", specification)
    done = CliRunner().invoke(cli, ["depth", str(folder), "--out", str(out), "--estimator", "seer"])
    assert done.exit_code == 0, done.output
    return json.loads((out / "summary.json").read_text())


def relative(depth_m: np.ndarray, kind: Kind, scale: float = 1.0) -> np.ndarray:
    values = scale * (0.5 / depth_m - 0.1 if kind == "disparity" else 0.4 * depth_m - 0.2)
    return np.nan_to_num(values, nan=float(np.nanmin(values))).astype(np.float32)


@pytest.mark.parametrize(("kind", "file"), [("disparity", "disparity.npy"), ("depth", "relative_depth.npy")])
def test_a_clip_of_the_cell_is_made_metric_by_its_tags(
    cell_frames: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, file: str
) -> None:
    folder, truth_m = cell_frames
    summary = seen_by(Seer(kind, [relative(truth_m, kind)] * 3), folder, tmp_path, monkeypatch)
    depth_m = np.load(tmp_path / "depth_m.npy")
    assert np.nanmedian(np.abs(depth_m - truth_m)) < 1e-3
    np.testing.assert_array_equal(np.load(tmp_path / file)[0], relative(truth_m, kind))
    assert sorted(summary["files"]) == sorted(["depth_m.npy", file, "preview.mp4", "preview.png"])
    scale = summary["scale"]
    assert scale["by"] == "tags" and [frame["number"] for frame in scale["frames"]] == [0, 1, 2]
    expected = (2.0, 0.2) if kind == "disparity" else (2.5, 0.5)
    assert (scale["scale"], scale["shift"]) == pytest.approx(expected, rel=0.02)
    assert max(frame["drift_mm"] for frame in scale["frames"]) < 0.5


def test_one_frame_that_drifts_does_not_move_the_clip_and_is_told(
    cell_frames: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth_m = cell_frames
    maps = [relative(truth_m, "disparity", 1.1 if k == 2 else 1.0) for k in range(3)]
    summary = seen_by(Seer("disparity", maps), folder, tmp_path, monkeypatch)
    depth_m = np.load(tmp_path / "depth_m.npy")
    assert np.nanmedian(np.abs(depth_m[1] - truth_m)) < 2e-3
    drift_mm = {frame["number"]: frame["drift_mm"] for frame in summary["scale"]["frames"]}
    assert drift_mm[2] > 20 and max(mm for number, mm in drift_mm.items() if number != 2) < 2


@pytest.mark.slow
def test_where_no_frame_can_be_scaled_the_summary_says_why(
    cell_frames: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, truth_m = cell_frames
    noise = np.random.default_rng(0).random(truth_m.shape, np.float32)
    summary = seen_by(Seer("disparity", [noise] * 3), folder, tmp_path, monkeypatch)
    assert summary["scale"] is None and "seer" in summary["not_scaled"]
    assert not (tmp_path / "depth_m.npy").exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def peak_bytes(count: int) -> int:
        color = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
        video = write_video(tmp_path / f"{count}.mkv", [color] * count)
        seer = Seer("disparity", [color[..., 0].astype(np.float32)] * count)
        tracemalloc.start()
        seen_by(seer, video, tmp_path / f"out-{count}", monkeypatch)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(5)
    # 200 maps more would be 15 MB.
    assert peak_bytes(220) < peak_bytes(20) + 1_000_000


def test_results_of_another_command_are_not_mixed_in(weights: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"command": "normals", "fingerprint": "", "files": []}))
    failed = dkt(source, weights, tmp_path)
    assert failed.exit_code == 2 and "normals" in failed.stderr


def test_a_folder_of_any_name_may_take_the_results(weights: Path, tmp_path: Path) -> None:
    source, out = save(tmp_path / "frames", moving_clip(1)), tmp_path / "take [2]" / "[" / "b]"
    for told in ("disparity.npy in", "holds this already"):
        done = dkt(source, weights, out)
        assert done.exit_code == 0 and told in done.output and str(out) in done.output, done.output


def test_files_that_no_run_left_are_not_removed(weights: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "depth_m.npy").write_bytes(b"of somebody else")
    (tmp_path / "summary.json").write_text(json.dumps({"estimator": "of a trial"}))
    failed = dkt(source, weights, tmp_path, "--fresh")
    assert failed.exit_code == 2 and "in the way" in failed.stderr
    assert files_in(tmp_path) == ["depth_m.npy", "summary.json"]
