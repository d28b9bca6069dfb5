"""`python main.py train dkt`: what it trains, inference takes; it goes on, and says what is wrong."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file
from typer.testing import CliRunner

from app.cli import app as cli
from perception.estimators.dkt.files import find_files
from perception.estimators.dkt.load import check_files, load_prompt, load_transformer
from perception.estimators.dkt.sampler import released_schedule
from perception.estimators.dkt.transformer import ExactTransformer
from perception.learning.training.base import find_base, load_base
from perception.learning.training.run import publish_model
from tests.support.dataset_samples import write_cleargrasp_real, write_hiss
from tests.support.paths import ROOT
from tests.support.tiny.training import tiny_trainer, write_balls

SMALL = ("--size", "32x32", "--batch", "1", "--rank", "2", "--device", "cpu", "--checkpoint-every", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_balls(tmp_path_factory.mktemp("data") / "balls")


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps."""
    out = tmp_path_factory.mktemp("runs") / "run"
    result = train(data, out, "--steps", "2")
    assert result.exit_code == 0, result.output
    return out


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["train", "dkt", "--base", "tiny", "--data", f"transphy3d={data}", "--out", str(out), *SMALL, *more]


def train(data: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, arguments(data, out, *more))


def losses(out: Path) -> list[tuple[str, str]]:
    return [(row["step"], row["loss"]) for row in csv.DictReader((out / "log.csv").open())]


def test_a_run_leaves_log_curve_checkpoints_scores_and_pictures(run: Path) -> None:
    assert [step for step, _ in losses(run)] == ["1", "2"]
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step-000001", "step-000002"]
    scored = json.loads((run / "validation" / "step-000002" / "scores.json").read_text())["clips"]
    assert scored[0]["frames"] == 5 and {"all", "transparent"} <= scored[0]["metrics"].keys()
    for picture in (run / "loss.png", *(run / "validation" / "step-000002").glob("*.png")):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_inference_adds_what_was_learnt_and_nothing_else(tmp_path: Path) -> None:
    trainer, _ = tiny_trainer(tmp_path / "base", learning_rate=0.05)
    before = load_base(find_base(tmp_path / "base"), torch.float32, torch.device("cpu"))
    for _ in range(2):
        trainer.step()
    publish_model(tmp_path / "model", find_base(tmp_path / "base"), trainer.transformer)
    parts = check_files(find_files(tmp_path / "model"))
    schedule, prompt = released_schedule(5), load_prompt(parts.files)
    latents, colors = torch.randn(2, 1, 16, 2, 4, 4).unbind()
    with torch.no_grad():
        live, loaded, base = (
            ExactTransformer(model, prompt, schedule).velocity(1, latents, colors)
            for model in (trainer.transformer, load_transformer(parts, torch.float32), before.transformer)
        )
    torch.testing.assert_close(loaded, live, atol=1e-5, rtol=1e-4)
    assert (loaded - base).abs().max() > 1e-3


def test_the_depth_command_takes_the_trained_folder_as_it_is(run: Path, data: Path, tmp_path: Path) -> None:
    clip, more = data / "clips" / "000000", ("--size", "32x32", "--steps", "1", "--device", "cpu")
    told = ["depth", str(clip), "--out", str(tmp_path), "--estimator", "dkt", "--weights", str(run / "model"), *more]
    result = CliRunner().invoke(cli, told)
    assert result.exit_code == 0, result.output
    maps = np.load(tmp_path / "disparity.npy")
    assert maps.shape == (5, 24, 40) and np.isfinite(maps).all()


@pytest.mark.slow
def test_after_a_kill_the_same_command_ends_where_a_straight_run_does(data: Path, tmp_path: Path) -> None:
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    told = [sys.executable, "main.py", *arguments(data, killed, "--steps", "100000", "--validate-every", "0")]
    process = subprocess.Popen(told, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (killed / "checkpoints" / "step-000002").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    last = max(int(path.name.removeprefix("step-")) for path in (killed / "checkpoints").glob("step-*"))
    more = ("--steps", str(last + 2), "--validate-every", "0")
    result = train(data, killed, *more)
    assert result.exit_code == 0 and f"going on from step-{last:06d}" in result.output
    assert train(data, straight, *more).exit_code == 0
    assert losses(killed) == losses(straight) and len(losses(killed)) == last + 2
    lora = [(out / "model" / "lora.safetensors").read_bytes() for out in (killed, straight)]
    assert lora[0] == lora[1]


def test_a_run_that_is_done_says_so_and_gives_its_result(run: Path, data: Path) -> None:
    result = train(data, run, "--steps", "2", "--json")
    assert result.exit_code == 0 and "All 2 steps are done already" in result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert (told["steps"], told["begun_at"]) == (2, 2) and "random base" in told["base"]


def test_a_folder_of_another_layout_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = train(tmp_path / "empty", tmp_path / "out")
    assert result.exit_code == 1 and "dataset.json" in result.output and not (tmp_path / "out").exists()


def test_clips_that_are_too_short_are_told_with_the_length_that_would_do(data: Path, tmp_path: Path) -> None:
    result = train(data, tmp_path / "out", "--longest", "9")
    assert result.exit_code == 1 and "--longest 5" in result.output and not (tmp_path / "out").exists()


def test_a_run_begins_from_a_given_lora_of_its_rank_and_refuses_another(run: Path, data: Path, tmp_path: Path) -> None:
    given = run / "model" / "lora.safetensors"
    more = ("--init-lora", str(given), "--validate-every", "0", "--steps", "1")
    assert train(data, tmp_path / "same", *more, "--learning-rate", "1e-12").exit_code == 0
    begun, ended = (load_file(path) for path in (given, tmp_path / "same" / "model" / "lora.safetensors"))
    for key, tensor in begun.items():
        torch.testing.assert_close(ended[key], tensor, atol=1e-9, rtol=1e-6)
    other = train(data, tmp_path / "other", *more, "--rank", "3")
    assert other.exit_code == 1 and "has rank 2" in other.output


def test_going_on_needs_no_lora_to_begin_from(run: Path, data: Path, tmp_path: Path) -> None:
    given = tmp_path / "begun-from.safetensors"
    shutil.copyfile(run / "model" / "lora.safetensors", given)
    more = ("--init-lora", str(given), "--validate-every", "0")
    assert train(data, tmp_path / "out", *more, "--steps", "1").exit_code == 0
    given.unlink()
    result = train(data, tmp_path / "out", *more, "--steps", "2")
    assert result.exit_code == 0 and "going on from step-000001" in result.output
    assert train(data, tmp_path / "new", *more, "--steps", "1").exit_code == 1


def test_validation_on_clips_that_are_trained_on_is_called_so(data: Path, tmp_path: Path) -> None:
    (tmp_path / "named-otherwise").symlink_to(data)
    others = write_balls(tmp_path / "others")
    more = ("--steps", "1", "--validate-every", "0", "--config", str(tmp_path / "two.yaml"))
    (tmp_path / "two.yaml").write_text("validation_clips: 2\n")
    for root, told in (
        (tmp_path / "named-otherwise", "validation on 2 clips, 2 of them seen in training too"),
        (others, "validation on 2 clips never trained on"),
    ):
        result = train(data, tmp_path / f"out-{root.name}", *more, "--validation", f"transphy3d={root}")
        assert result.exit_code == 0 and told in " ".join(result.output.split()), result.output


def test_image_sets_as_published_are_learnt_from_beside_videos(data: Path, tmp_path: Path) -> None:
    hiss, real = write_hiss(tmp_path / "hiss"), write_cleargrasp_real(tmp_path / "cleargrasp")
    more = ("--data", f"hiss={hiss}", "--data", f"cleargrasp={real}", "--validate-every", "0")
    result = train(data, tmp_path / "out", *more, "--steps", "3", "--longest", "1")
    assert result.exit_code == 0, result.output
    assert all(np.isfinite(float(loss)) for _, loss in losses(tmp_path / "out"))
