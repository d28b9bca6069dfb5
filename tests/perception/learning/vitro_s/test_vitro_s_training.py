"""Training vitro-s: what it is shown, what it is trained to, and that a run goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError, DatasetError, StorageError, TrainingError
from perception.estimators.vitro_s import network
from perception.estimators.vitro_s.encoding import CHANNELS, decode_depth, plane_disparity
from perception.estimators.vitro_s.model import UNCALIBRATED, load_vitro_s, weights_bytes
from perception.estimators.vitro_s.network import MULTIPLE, OUTPUTS
from perception.learning.datasets.base import open_dataset
from perception.learning.training.averaged import STATE
from perception.learning.vitro_s.batches import HELD_OUT_EVERY, BatchSource, split_clips
from perception.learning.vitro_s.samples import KnownFrame, disturbed_color, disturbed_plane, sample, sensed
from perception.learning.vitro_s.settings import VitroSettings
from perception.learning.vitro_s.training import VitroTraining, loss
from perception.learning.vitro_s.validation import Scores, Validation, calibrate
from tests.support.dataset_samples import write_transphy3d
from tests.support.scenes.vitro_s import COLOR, TABLE, K, spread_out


def test_no_better_depth_can_be_bought_with_expected_error() -> None:
    answer = torch.randn(1, OUTPUTS, 8, 8, requires_grad=True)
    q, weight = torch.randn(1, 8, 8), torch.ones(1, 8, 8)
    gradients = []
    for log_b in (-3.0, 1.0):
        shifted = torch.cat([answer[:, :1], torch.full_like(answer[:, 1:2], log_b), answer[:, 2:]], 1)
        gradients.append(torch.autograd.grad(loss(shifted, q, weight), answer)[0][:, 0])
    assert torch.allclose(*gradients)


def test_pixels_without_weight_count_for_nothing() -> None:
    answer, q, weight = torch.randn(1, OUTPUTS, 16, 16), torch.randn(1, 16, 16), torch.ones(1, 16, 16)
    weight[:, :, 8:] = 0
    other = q.clone()
    other[:, :, 8:] += 5
    assert loss(answer, q, weight) == loss(answer, other, weight)


def test_disturbances_keep_shape_and_kind() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        color = disturbed_color(rng, COLOR)
        assert color.shape == COLOR.shape
        assert color.dtype == np.uint8
        plane = disturbed_plane(rng, TABLE)
        assert np.linalg.norm(plane.normal) == pytest.approx(1.0)
        assert plane.offset_m == pytest.approx(TABLE.offset_m, rel=0.08)


def test_a_guessed_sensor_lies_on_glass_and_hardly_elsewhere() -> None:
    rng = np.random.default_rng(0)
    depth_m = np.full((96, 160), 0.6, np.float32)
    glass = np.zeros((96, 160), bool)
    glass[20:70, 40:120] = True
    behind = np.where(glass, 0.8, depth_m).astype(np.float32)
    maps = np.stack([sensed(rng, depth_m, behind, glass, np.zeros_like(glass)) for _ in range(20)])
    wrong = ~(np.abs(maps - 0.6) < 0.02)
    assert wrong[:, glass].mean() > 0.5
    assert wrong[:, ~glass].mean() < 0.3


def test_a_sample_turned_over_is_the_same_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = KnownFrame.of(open_dataset("transphy3d", write_transphy3d(tmp_path)).clips[0].frame(0))
    # A principal point off the middle tells a mirrored picture whose rays were not mirrored.
    frame = frame.part(slice(0, 60), slice(0, 90))
    monkeypatch.setattr("perception.learning.vitro_s.samples.disturbed_color", lambda rng, color: color)
    monkeypatch.setattr("perception.learning.vitro_s.samples.disturbed_plane", lambda rng, plane: plane)
    seen = [sample(np.random.default_rng(seed), frame) for seed in range(12)]
    left = {round(float(x[4].mean()), 4) for x, _, _ in seen}
    assert len(left) == 2
    assert sum(left) == pytest.approx(0.0, abs=1e-3)
    for x, q, weight in seen:
        assert x.shape[1:] == q.shape == weight.shape
        points = np.dstack([*x[4:6], np.ones_like(q)])
        depth_m = decode_depth(q, plane_disparity(points.astype(np.float32), frame.table))
        there = np.where(np.sign(x[4].mean()) == np.sign(frame.intrinsics.rays()[..., 0].mean()), 1, -1)
        assert np.allclose(
            depth_m[:, ::there][weight[:, ::there] > 0], frame.depth_m[weight[:, ::there] > 0], rtol=1e-4
        )


def test_a_smaller_frame_is_the_same_scene(tmp_path: Path) -> None:
    frame = KnownFrame.of(open_dataset("transphy3d", write_transphy3d(tmp_path)).clips[0].frame(0))
    assert frame.shrunk(3).color.shape[:2] == frame.shrunk(3).depth_m.shape == (32, 42)
    small = frame.shrunk(2)
    k = small.intrinsics
    assert (k.height, k.width) == small.depth_m.shape
    whole, half = (one.intrinsics.rays().reshape(-1, 3) for one in (frame, small))
    assert np.allclose(whole.mean(0), half.mean(0), atol=1e-6)


def settings(root: Path, **changes: object) -> VitroSettings:
    values = {"data": [root], "steps": 4, "decay": 2, "batch": 2, "width": 0, "device": "cpu"}
    return VitroSettings(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_transphy3d(tmp_path_factory.mktemp("data"), clips=3)


def weights_after(run: VitroTraining, steps: int) -> list[torch.Tensor]:
    for _ in range(steps):
        run.step()
    run.save()
    run.close()
    return [p.detach().clone() for p in (*run.net.parameters(), *run.slow.parameters())]


def test_of_large_frames_the_whole_and_parts_are_learned(tmp_path: Path) -> None:
    clips = open_dataset("transphy3d", write_transphy3d(tmp_path)).clips
    whole = KnownFrame.of(clips[0].frame(0))
    height, width = whole.object_.shape
    batch = BatchSource(clips, 24, None, 0, width // 2).batch(0)
    assert batch.inputs.shape == (24, CHANNELS, height // 2, width // 2)
    field = batch.inputs[:, 4].amax((1, 2)) - batch.inputs[:, 4].amin((1, 2))
    assert field.max() > 1.8 * field.min() > 0, "some see twice as much as others"


def test_a_part_sees_what_the_whole_sees_there(tmp_path: Path) -> None:
    frame = KnownFrame.of(open_dataset("transphy3d", write_transphy3d(tmp_path)).clips[0].frame(0))
    part = frame.part(slice(10, 40), slice(20, 80))
    assert np.allclose(part.intrinsics.rays(), frame.intrinsics.rays()[10:40, 20:80], atol=1e-6)
    assert np.array_equal(part.color, frame.color[10:40, 20:80])


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of the same build with a hundredth of the kernels, whose orthogonal steps take most of a step."""
    monkeypatch.setattr(network, "WIDTHS", (8, 16, 24, 32, 32))


@pytest.mark.slow
@pytest.mark.usefixtures("narrow")
def test_training_goes_on_to_the_bit(tmp_path: Path, data: Path) -> None:
    straight = weights_after(VitroTraining(tmp_path / "one", settings(data)), 4)
    weights_after(VitroTraining(tmp_path / "two", settings(data)), 2)
    resumed = VitroTraining(tmp_path / "two", settings(data))
    assert resumed.steps_done == 2
    assert all(torch.equal(a, b) for a, b in zip(straight, weights_after(resumed, 2), strict=True))


@pytest.mark.slow
@pytest.mark.usefixtures("narrow")
def test_training_learns(tmp_path: Path, data: Path) -> None:
    run = VitroTraining(tmp_path, settings(data, steps=60, decay=0, rate=5.0))
    losses = [run.step().loss for _ in range(60)]
    run.close()
    assert np.mean(losses[-8:]) < 0.7 * np.mean(losses[:4])


@pytest.mark.slow
def test_what_training_writes_is_what_inference_loads(tmp_path: Path, data: Path) -> None:
    run = VitroTraining(tmp_path, settings(data))
    weights_after(run, 2)
    run.finish(lambda done, of: None)
    seen = load_vitro_s(tmp_path / "vitro-s.safetensors").see(COLOR, K, TABLE)
    assert np.isfinite(seen.depth_m).all()


def test_training_can_begin_from_weights(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(weights_bytes(spread_out(), UNCALIBRATED))
    run = VitroTraining(tmp_path / "run", settings(data, init=file))
    run.close()
    assert torch.allclose(run.net.head.weight, spread_out().head.weight, atol=1e-4)


@pytest.mark.slow
def test_a_checkpoint_that_is_damaged_or_of_another_model_is_refused(tmp_path: Path, data: Path) -> None:
    weights_after(VitroTraining(tmp_path, settings(data)), 1)
    state = tmp_path / STATE
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="damaged"):
        VitroTraining(tmp_path, settings(data))
    state.write_bytes(b"")
    with pytest.raises(TrainingError, match="ends early"):
        VitroTraining(tmp_path, settings(data))
    torch.save({"format": "something else", "network": {}}, state)
    with pytest.raises(TrainingError, match="another model"):
        VitroTraining(tmp_path, settings(data))


@pytest.mark.slow
def test_a_run_gone_on_with_otherwise_says_so(tmp_path: Path, data: Path) -> None:
    weights_after(VitroTraining(tmp_path, settings(data)), 1)
    run = VitroTraining(tmp_path, settings(data, batch=3))
    run.close()
    assert run.changes == ("batch: 2 before, 3 now",)


def test_an_out_that_is_a_file_is_named(tmp_path: Path, data: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(StorageError, match=r"notes.log\.csv cannot be written") as caught:
        VitroTraining(tmp_path / "notes", settings(data))
    assert "Move away the file" in caught.value.remedy
    assert "write elsewhere: another file or --out" in caught.value.remedy
    assert (tmp_path / "notes").read_text() == "mine"


def test_folders_that_hold_no_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        VitroTraining(tmp_path / "run", settings(tmp_path))
    with pytest.raises(TrainingError, match="One clip is too few"):
        VitroTraining(tmp_path / "run", settings(write_transphy3d(tmp_path / "one", clips=1)))


def test_a_file_that_a_clip_lost_is_named_before_a_step_is_made(tmp_path: Path) -> None:
    root = write_transphy3d(tmp_path / "data", clips=3)
    facts = root / "clips" / "000001" / "clip.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"files": ["000000.png", "000007.png"]}))
    with pytest.raises(DatasetError, match=r"000001.000007\.png is missing"):
        VitroTraining(tmp_path / "run", settings(root))


@pytest.mark.slow
@pytest.mark.parametrize("width", [41, 50, 64])
def test_frames_of_any_size_can_be_learned_from(tmp_path: Path, data: Path, width: int) -> None:
    run = VitroTraining(tmp_path, settings(data, width=width))
    assert np.isfinite(run.step().loss)
    run.close()


def test_a_crop_larger_than_the_frames_is_named(tmp_path: Path, data: Path) -> None:
    run = VitroTraining(tmp_path, settings(data, crop=f"{MULTIPLE * 40}x{MULTIPLE * 40}"))
    with pytest.raises(TrainingError, match="smaller --crop"):
        run.step()
    run.close()


def test_a_crop_is_understood_or_refused_before_anything_is_read(data: Path) -> None:
    assert settings(data, crop="160X96").crop_shape == (96, 160)
    with pytest.raises(ConfigurationError, match="--crop 'wide' is not WIDTHxHEIGHT"):
        settings(data, crop="wide")


def test_the_rate_rises_stays_and_falls() -> None:
    plan = VitroSettings(data=[], steps=1000, decay=400)
    assert plan.factor(0) < 0.1
    assert plan.factor(300) == plan.factor(600) == 1.0
    assert plan.factor(999) == pytest.approx(1 / 400)


def test_a_run_shorter_than_its_decay_still_begins_at_the_full_rate() -> None:
    plan = VitroSettings(data=[], steps=300, decay=12_000)
    assert max(plan.factor(step) for step in range(300)) > 0.8
    assert plan.factor(299) < 0.01


def test_a_set_that_grows_holds_out_nothing_that_was_trained_on(tmp_path: Path) -> None:
    small, other = write_transphy3d(tmp_path / "small", clips=3), write_transphy3d(tmp_path / "other", clips=2)
    before = split_clips([small])
    grown = write_transphy3d(tmp_path / "grown", clips=HELD_OUT_EVERY + 2)
    own = {clip.stamp(): clip.name for clip in open_dataset("transphy3d", grown).clips}
    for after in (split_clips([grown]), split_clips([other, grown]), split_clips([grown, other])):
        trained = {clip.name for clip in before.training}
        held_out = {own[clip.stamp()] for clip in after.held_out if clip.stamp() in own}
        assert held_out
        assert not held_out & trained


def test_calibration_tells_how_often_it_was_so() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 40_000).astype(np.float32)
    validation = Validation(Scores(1, 0, 0, 0, 0), said, rng.random(40_000) < said**2)
    assert np.allclose(np.interp([0.3, 0.6, 0.9], *calibrate(validation)), [0.09, 0.36, 0.81], atol=0.03)
