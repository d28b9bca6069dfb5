"""Streaming changes nothing: a clip pushed frame by frame gives what the whole clip at once would."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import ConfigurationError, PerceptionError
from perception.estimators.dkt.codec import latent_count
from perception.estimators.dkt.model import Dkt, DktSettings, load_dkt
from perception.estimators.dkt.sampler import NoiseStream, blend_weights, released_schedule
from perception.estimators.dkt.stream import DktStream, RetryStream
from perception.estimators.dkt.transformer import ExactTransformer
from perception.estimators.running import half_size
from perception.estimators.specification import Observation, Progress
from tests.support.tiny.dkt import TRANSFORMER, moving_clip, tiny_dkt, without_image_branch

SIZE = (48, 32)
SETTINGS = DktSettings(size=SIZE, window=4, stride=3)


@pytest.fixture(scope="module")
def model(folder: Path) -> Dkt:
    return load_dkt(folder, SETTINGS)


def maps_of(stream: DktStream | RetryStream, frames: list[np.ndarray]) -> np.ndarray:
    return np.stack([a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish())


def run(model: Dkt, frames: list[np.ndarray], target: str = "depth") -> np.ndarray:
    height, width = frames[0].shape[:2]
    return maps_of(model.open(len(frames), height, width, target), frames)  # type: ignore[arg-type]


@torch.no_grad()
def whole_clip(model: Dkt, frames: list[np.ndarray], window: int, stride: int) -> np.ndarray:
    """The published method in the plainest form: every step over the whole clip, diffusers' own encode and decode."""
    assert isinstance(model.transformer, ExactTransformer)
    vae, schedule = model.vae, model.schedule
    padded = frames + [frames[-1]] * (4 * (latent_count(len(frames)) - 1) + 1 - len(frames))
    clip = torch.from_numpy(np.stack(padded)).permute(3, 0, 1, 2)[None].float() * (2 / 255) - 1
    mean, std = (torch.tensor(v).reshape(1, -1, 1, 1, 1) for v in (vae.config.latents_mean, vae.config.latents_std))
    colors = (vae.encode(clip).latent_dist.mode() - mean) / std
    latents = torch.randn(colors.shape, generator=torch.Generator().manual_seed(1))
    total = colors.shape[2]
    for step in range(schedule.steps):
        value, weight = torch.zeros_like(latents), torch.zeros(1, 1, total, 1, 1)
        start = 0
        while True:
            end = min(start + window, total)
            velocity = model.transformer.velocity(step, latents[:, :, start:end], colors[:, :, start:end])
            ramp = blend_weights(end - start, window - stride, start == 0, end == total).reshape(1, 1, -1, 1, 1)
            value[:, :, start:end] += velocity * ramp
            weight[:, :, start:end] += ramp
            if end == total:
                break
            start += stride
        latents = latents + value / weight * (schedule.sigmas[step + 1] - schedule.sigmas[step])
    decoded: Tensor = vae.decode(latents * std + mean).sample[0, :, : len(frames)]
    return (decoded.mean(0) / 2 + 0.5).numpy()


@pytest.mark.parametrize("count", [1, 2, 5, 13, 14, 31])
def test_a_stream_equals_the_whole_clip_at_once(model: Dkt, count: int) -> None:
    frames = moving_clip(count)
    assert np.allclose(run(model, frames), whole_clip(model, frames, 4, 3), atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(5, 2), (3, 1), (4, 4), (1, 1), (21, 18)])
def test_so_it_does_with_any_windows(folder: Path, window: int, stride: int) -> None:
    model = load_dkt(folder, replace(SETTINGS, window=window, stride=stride, steps=2))
    frames = moving_clip(22)
    assert np.allclose(run(model, frames), whole_clip(model, frames, window, stride), atol=1e-5)


@pytest.mark.parametrize("image_branch", [True, False])
def test_folded_constants_change_no_result(tmp_path: Path, image_branch: bool) -> None:
    size = TRANSFORMER if image_branch else without_image_branch()
    folder = tiny_dkt(size=size).write(tmp_path / "dkt")
    frames = moving_clip(18)
    exact, fast = (run(load_dkt(folder, replace(SETTINGS, mode=mode)), frames) for mode in ("exact", "fast"))
    assert exact.std() > 0.02 and np.abs(exact - fast).max() < 5e-5


def test_the_prompt_and_the_lora_matter(folder: Path, tmp_path: Path, model: Dkt) -> None:
    weights = tiny_dkt()
    frames = moving_clip(5)
    said = run(model, frames)
    other_prompt = replace(weights, context={"prompt_embeds": -weights.context["prompt_embeds"]})
    weaker = replace(weights, lora={key: 0.5 * tensor for key, tensor in weights.lora.items()})
    for number, changed in enumerate((other_prompt, weaker)):
        answer = run(load_dkt(changed.write(tmp_path / str(number)), SETTINGS), frames)
        assert np.abs(answer - said).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("taken", [0, 1, 4, 9, 17, 26, 29])
def test_a_clip_goes_on_in_another_process_bit_for_bit(model: Dkt, tmp_path: Path, taken: int) -> None:
    frames = moving_clip(30)
    first = model.open(30, *frames[0].shape[:2], "depth")
    before = [a_map for frame in frames[:taken] for a_map in first.push(Observation(frame))]
    torch.save(first.state(), tmp_path / "state.pt")
    maps_of(first, frames[taken:])  # what the first does afterwards does not reach the state
    second = model.open(30, *frames[0].shape[:2], "depth")
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    after = maps_of(second, frames[taken:])
    assert np.array_equal(np.concatenate([np.array(before).reshape(-1, 32, 48), after]), run(model, frames))


@pytest.mark.slow
def test_what_waits_does_not_grow_with_the_clip(model: Dkt) -> None:
    frames = moving_clip(160)
    stream = model.open(160, *frames[0].shape[:2], "depth")
    given, waiting = 0, []
    for number, frame in enumerate(frames):
        given += len(stream.push(Observation(frame)))
        waiting.append(number + 1 - given)
    settled = 4 * (SETTINGS.steps + 1) * SETTINGS.window
    assert max(waiting) <= settled and max(waiting[:80]) == max(waiting)


@pytest.mark.parametrize("count", [1, 13, 30])
def test_progress_grows_to_the_whole_also_over_two_processes(model: Dkt, count: int) -> None:
    frames = moving_clip(count)
    shares: list[float] = []
    first = model.open(count, *frames[0].shape[:2], "depth", progress=shares.append)
    for frame in frames[: count // 2]:
        first.push(Observation(frame))
    second = model.open(count, *frames[0].shape[:2], "depth", progress=shares.append)
    second.restore(first.state())
    maps_of(second, frames[count // 2 :])
    assert shares == sorted(set(shares)) and shares[-1] == 1 and len(shares) >= SETTINGS.steps


def test_portrait_is_landscape_turned(model: Dkt) -> None:
    landscape = moving_clip(6)
    portrait = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in landscape]
    turned = np.rot90(run(model, landscape), -1, (1, 2))
    assert np.array_equal(run(model, portrait), turned)


def test_normals_are_unit_vectors_that_turn_with_the_camera(model: Dkt) -> None:
    landscape = moving_clip(3)
    normals = run(model, landscape, "normal")
    assert normals.shape == (3, 32, 48, 3)
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    portrait = run(model, [np.ascontiguousarray(np.rot90(frame, -1)) for frame in landscape], "normal")
    # What pointed right in the landscape image points down in the portrait one, what pointed down points left.
    x, y, z = np.moveaxis(np.rot90(normals, -1, (1, 2)), -1, 0)
    assert np.allclose(portrait, np.stack([-y, x, z], -1), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(33, 61), (7, 9), (97, 45)])
def test_maps_have_the_frames_own_size(model: Dkt, height: int, width: int) -> None:
    maps = run(model, moving_clip(2, height, width))
    assert maps.shape == (2, height, width) and maps.dtype == np.float32
    assert maps.min() >= 0 and maps.max() <= 1 and len(np.unique(maps)) > 0.9 * maps.size


def test_bfloat16_stays_near_float32(folder: Path, model: Dkt) -> None:
    frames = moving_clip(9)
    rough = run(load_dkt(folder, replace(SETTINGS, dtype=torch.bfloat16)), frames)
    exact = run(model, frames)
    assert np.median(np.abs(rough - exact)) < 0.1 * exact.std() and not np.array_equal(rough, exact)


def test_in_bfloat16_the_timesteps_are_the_released_codes_round_ones() -> None:
    assert released_schedule(5, torch.bfloat16).timesteps.tolist() == [1000, 952, 884, 768, 556]


# Noise.


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 2, 2), (3, 6, 6), (7, 4, 9), (2, 60, 104)])
def test_noise_cut_along_time_is_one_draw(frames: int, height: int, width: int) -> None:
    whole = torch.randn((1, 16, frames, height, width), generator=torch.Generator().manual_seed(1))
    stream = NoiseStream(16, frames, height, width)
    assert torch.equal(torch.cat([stream.next() for _ in range(frames)], 2), whole)


# Bad input.


def test_frames_beyond_or_below_the_count_are_refused(model: Dkt) -> None:
    frames = moving_clip(3)
    stream = model.open(2, *frames[0].shape[:2], "depth")
    stream.push(Observation(frames[0]))
    with pytest.raises(PerceptionError, match="after 1 of 2"):
        stream.finish()
    stream.push(Observation(frames[1]))
    with pytest.raises(PerceptionError, match="more than its 2"):
        stream.push(Observation(frames[2]))


def test_a_frame_of_another_size_is_refused(model: Dkt) -> None:
    stream = model.open(2, 32, 48, "depth")
    stream.push(Observation(moving_clip(1)[0]))
    with pytest.raises(PerceptionError, match="one size"):
        stream.push(Observation(moving_clip(1, 30, 48)[0]))


def test_an_answer_that_is_not_finite_is_named(folder: Path) -> None:
    model = load_dkt(folder, SETTINGS)
    model.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(PerceptionError, match="not finite"):
        run(model, moving_clip(1))


@pytest.mark.parametrize(
    "wrong", [{"size": (50, 32)}, {"size": (0, 32)}, {"steps": 0}, {"stride": 5}, {"window": 0, "stride": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="--"):
        replace(SETTINGS, **wrong)


# Where memory runs out.


class Crowded:
    """A transformer on a device with room for small windows only."""

    def __init__(self, model: Dkt, most: int, calls_before: int = 0) -> None:
        self._model, self._most, self._left = model, most, calls_before

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        self._left -= 1
        if latents[0, 0].numel() > self._most and self._left < 0:
            raise torch.OutOfMemoryError("no memory")
        return self._model.transformer.velocity(step, latents, colors)


def forgiving(
    model: Dkt, most: int, frames: list[np.ndarray], calls_before: int = 0, progress: Progress = lambda share: None
) -> RetryStream:
    crowded = replace(model, transformer=Crowded(model, most, calls_before))
    height, width = frames[0].shape[:2]
    return RetryStream(
        lambda size: crowded.open(len(frames), height, width, "depth", size, progress), SIZE, half_size(SIZE, 16)
    )


@pytest.mark.parametrize("count", [1, 30])
def test_a_clip_that_does_not_fit_is_run_once_more_at_half_the_size(model: Dkt, count: int) -> None:
    frames = moving_clip(count)
    shares: list[float] = []
    stream = forgiving(model, most=4 * 2 * 2, frames=frames, progress=shares.append)
    maps = maps_of(stream, frames)
    assert stream.size == (16, 16) and shares[-1] == 1
    assert np.array_equal(maps, maps_of(model.open(count, 32, 48, "depth", (16, 16)), frames))


def test_a_second_lack_of_memory_is_an_error_with_a_remedy(model: Dkt) -> None:
    with pytest.raises(PerceptionError, match="--size"):
        maps_of(forgiving(model, most=0, frames=moving_clip(1)), moving_clip(1))


@pytest.mark.slow
def test_maps_already_given_are_never_mixed_with_smaller_ones(model: Dkt) -> None:
    frames = moving_clip(120)
    with pytest.raises(PerceptionError, match="ran out"):
        maps_of(forgiving(model, most=4 * 2 * 2, frames=frames, calls_before=40), frames)
