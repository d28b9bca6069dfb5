"""DepthCrafter's windows: one is SVD's own pipeline, several follow each other, and nothing grows."""

import io

import numpy as np
import pytest
import torch

import perception.estimators.depthcrafter.stream as stream_module
from core.errors import ConfigurationError
from hardware.cameras.clips.clip import ClipFrame
from perception.estimators.depthcrafter.model import DepthCrafterModel, shrink, tell_frames_apart
from perception.estimators.depthcrafter.stream import SEED, DepthCrafterStream, Windows
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from tests.support.tiny.estimators import CLIP_MEAN, CLIP_STD, save_depthcrafter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_depthcrafter(tmp_path_factory.mktemp("depthcrafter"))


def _estimator(folder, **changes):
    wanted = {"weights": folder, "window": 6, "stride": 4, "steps": 2, "device": "cpu", "size": (32, 32)} | changes
    return open_estimator("depthcrafter", EstimatorOptions(**wanted))


def _clip(count: int, side: int = 32) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


def _run(stream, clip) -> np.ndarray:
    return np.stack([m for color in clip for m in stream.push(ClipFrame(color))] + stream.finish())


@pytest.fixture(scope="module")
def svd(folder):
    """The pipeline of diffusers around the same weights."""
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )
    from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

    pipeline = StableVideoDiffusionPipeline(
        vae=AutoencoderKLTemporalDecoder.from_pretrained(folder / "vae"),
        image_encoder=CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder"),
        unet=UNetSpatioTemporalConditionModel.from_pretrained(folder / "unet"),
        scheduler=EulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
        feature_extractor=CLIPImageProcessorPil(image_mean=CLIP_MEAN, image_std=CLIP_STD),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_still_clip_of_one_window_equals_svds_pipeline(folder, svd, monkeypatch, count: int) -> None:
    """SVD sees one image for the whole clip: with every frame, and its noise, the same the two must agree."""
    from PIL import Image

    draw = stream_module._noise
    monkeypatch.setattr(stream_module, "_noise", lambda index, shape: draw(min(index, 1), shape))
    color = _clip(1)[0]
    expected = svd(
        Image.fromarray(color),
        height=32,
        width=32,
        num_frames=count,
        num_inference_steps=3,
        max_guidance_scale=1.0,
        fps=8,
        decode_chunk_size=8,
        generator=torch.Generator().manual_seed(SEED + 1),
        latents=draw(0, (9, 4, 4, 4))[None, :count],
        output_type="np",
    ).frames[0]
    maps = _run(_estimator(folder, window=9, stride=8, steps=3).stream(count, 32, 32), [color] * count)
    assert expected.std() > 0.01
    np.testing.assert_allclose(maps, expected.mean(-1), atol=2e-5)


def test_each_frame_is_told_of_its_own_image(svd) -> None:
    import copy

    torch.manual_seed(0)
    plain, ours = svd.unet, copy.deepcopy(svd.unet)
    tell_frames_apart(ours)
    sample, time, told = torch.randn(1, 3, 8, 8, 8), torch.tensor(0.5), torch.tensor([[7, 127, 0.02]])
    same, other = torch.randn(1, 1, 32), torch.randn(1, 1, 32) * 20
    with torch.inference_mode():
        expected = plain(sample, time, same, told).sample
        repeated = ours(sample, time, same.repeat(1, 3, 1), told).sample
        last_differs = ours(sample, time, torch.cat([same, same, other], 1), told).sample
    torch.testing.assert_close(repeated, expected, atol=1e-5, rtol=0)
    change = (last_differs - expected).abs().amax(dim=(0, 2, 3, 4))
    # Frames look at each other, but the frame whose own embedding changed changes most.
    assert change[2] > 2 * change[:2].max() > 0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (320, 448), (576, 1024), (900, 130)])
def test_images_shrink_for_clip_as_in_diffusers(height: int, width: int) -> None:
    from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing

    images = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(shrink(images, 224), _resize_with_antialiasing(images, (224, 224)), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_half_precision_as_on_cuda_is_near(folder) -> None:
    clip, maps = _clip(9), []
    for dtype in (torch.float32, torch.float16):
        model = DepthCrafterModel(folder, torch.device("cpu"), dtype)
        maps.append(_run(DepthCrafterStream(model, Windows(6, 2, 2), (32, 32), (32, 32)), clip))
    assert maps[1].dtype == np.float32
    assert 0 < np.abs(maps[1] - maps[0]).max() < 0.03 * np.ptp(maps[0])


class _Numbered:
    """A model whose windows answer with their own number: latents of window k are k everywhere."""

    device, multiple_px = torch.device("cpu"), 1

    def __init__(self) -> None:
        self.starts: list[torch.Tensor | None] = []
        self.noises: list[torch.Tensor] = []
        self.seen: list[list[float]] = []

    def encode(self, images, noise):
        level = images.mean(dim=(1, 2, 3))
        return level[:, None], level[:, None, None, None].expand(-1, 4, 4, 4).clone()

    def denoise(self, noise, start, embeddings, latents, steps):
        self.starts.append(None if start is None else start.clone())
        self.noises.append(noise)
        self.seen.append(latents[:, 0, 0, 0].tolist())
        return torch.full_like(latents, float(len(self.starts) - 1))

    def decode(self, latents, height, width):
        assert len(latents) <= 8
        return latents.mean(dim=(1, 2, 3)).view(-1, 1, 1).expand(-1, height, width)


def _numbered(count: int, frames: int, shared: int):
    """What a stream of `_Numbered` says of frames whose grey is their own number."""
    model = _Numbered()
    stream = DepthCrafterStream(model, Windows(frames, shared, 1), (4, 4), (4, 4))
    return model, _run(stream, [np.full((4, 4, 3), number, np.uint8) for number in range(count)])[:, 0, 0]


def test_windows_begin_a_stride_apart_and_the_last_one_is_short() -> None:
    model, values = _numbered(count=20, frames=8, shared=3)
    greys = [[round((level + 1) * 127.5) for level in window] for window in model.seen]
    assert greys == [list(range(8)), list(range(5, 13)), list(range(10, 18)), list(range(15, 20))]
    assert len(values) == 20


def test_seams_blend_linearly_from_the_old_window_to_the_new() -> None:
    _, values = _numbered(count=20, frames=8, shared=3)
    seam = lambda k: [k, k + 0.5, k + 1]  # noqa: E731
    expected = [0] * 5 + seam(0) + [1] * 2 + seam(1) + [2] * 2 + seam(2) + [3] * 2
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_window_starts_from_the_last_ones_latents_under_the_noise_they_had() -> None:
    model, _ = _numbered(count=20, frames=8, shared=3)
    assert model.starts[0] is None
    for number, start in enumerate(model.starts[1:]):
        torch.testing.assert_close(start, torch.full((3, 4, 4, 4), float(number)))
        torch.testing.assert_close(model.noises[number + 1][:3], model.noises[number][5:8])


@pytest.mark.parametrize("count", [1, 7, 8])
def test_a_clip_no_longer_than_a_window_has_one(count: int) -> None:
    model, values = _numbered(count, frames=8, shared=3)
    assert len(model.seen) == 1 and len(values) == count and not values.any()


@pytest.mark.parametrize("count", [8, 9, 13, 14, 23])
@pytest.mark.parametrize("shared", [1, 3, 5, 7])
def test_every_frame_gets_a_map_whatever_the_overlap(count: int, shared: int) -> None:
    model, values = _numbered(count, frames=8, shared=shared)
    assert len(values) == count
    assert all(len(window) > shared for window in model.seen[1:])


def test_maps_come_as_soon_as_no_window_and_no_chunk_is_open(folder) -> None:
    stream = _estimator(folder).stream(12, 32, 32)
    due = [len(stream.push(ClipFrame(color))) for color in _clip(12)]
    # Windows close at frames 6 and 10, with 4 and 8 frames final: a chunk of eight is decoded at the second.
    assert due == [0] * 9 + [8, 0, 0]
    assert len(stream.finish()) == 4


@pytest.mark.slow
def test_going_on_from_a_stored_state_gives_the_same_bits(folder) -> None:
    clip = _clip(13)
    whole = _run(_estimator(folder).stream(13, 32, 32), clip)
    for cut in (3, 9):
        first = _estimator(folder).stream(13, 32, 32)
        maps = [m for color in clip[:cut] for m in first.push(ClipFrame(color))]
        file = io.BytesIO()
        torch.save(first.state(), file)
        [first.push(ClipFrame(color)) for color in clip[cut:]]  # what was stored does not change with the stream
        file.seek(0)
        second = _estimator(folder).stream(13, 32, 32)
        second.restore(torch.load(file, weights_only=True))
        np.testing.assert_array_equal(np.stack([*maps, *_run(second, clip[cut:])]), whole)


def test_what_a_stream_holds_does_not_grow() -> None:
    model = _Numbered()
    stream = DepthCrafterStream(model, Windows(8, 3, 1), (4, 4), (4, 4))
    held = []
    for number in range(8 + 5 * 400):
        stream.push(ClipFrame(np.full((4, 4, 3), number % 256, np.uint8)))
        model.starts, model.noises, model.seen = [None], [], []
        file = io.BytesIO()
        if number % 200 == 7:
            torch.save(stream.state(), file)
            held.append(file.tell())
    assert len(held) > 8 and max(held) <= 1.05 * min(held)


def test_windows_that_cannot_follow_each_other_are_refused(folder) -> None:
    for window, stride in ((6, 6), (6, 7), (6, 0), (20, None)):
        with pytest.raises(ConfigurationError, match=f"windows of {window} frames.*must overlap"):
            _estimator(folder, window=window, stride=stride)
    with pytest.raises(ConfigurationError, match="0 steps"):
        _estimator(folder, steps=0)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (640, 512)),
        (480, 848, (832, 512)),
        (1080, 1920, (1024, 576)),
        (1920, 1080, (576, 1024)),
        (9, 9, (64, 64)),
    ],
)
def test_frames_are_seen_at_multiples_of_64_and_1024_at_most(height: int, width: int, expected: tuple) -> None:
    from perception.estimators.depthcrafter.estimator import _released_size

    assert _released_size(height, width, 64) == expected
