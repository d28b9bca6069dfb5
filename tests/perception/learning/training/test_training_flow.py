"""What is learnt: straight ways from truth to noise, the release's noise levels, disparities of -1 to 1."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import DatasetError
from core.image import Intrinsics
from perception.estimators.dkt.load import random_vae
from perception.estimators.dkt.sampler import released_schedule
from perception.learning.datasets.base import DatasetFrame
from perception.learning.training.base import TINY_VAE
from perception.learning.training.clips import known_of_latents, normalised_disparity, read_clip
from perception.learning.training.trainer import (
    LEVELS,
    add_noise,
    encode,
    level_weights,
    training_levels,
    velocity_loss,
)
from tests.support.tiny.training import SIZE, BallClip, BlindClip


def test_the_velocity_leads_from_any_point_to_noise_and_back_to_truth() -> None:
    truth, noise = torch.randn(2, 1, 16, 2, 4, 4).unbind()
    for t in (0.0, 0.3, 1.0):
        latents, velocity = add_noise(truth, noise, t)
        torch.testing.assert_close(latents + (1 - t) * velocity, noise)
        torch.testing.assert_close(latents - t * velocity, truth)


def test_training_knows_every_level_that_inference_passes_through() -> None:
    levels = training_levels(torch.float32)
    s = torch.arange(LEVELS, 0, -1) / LEVELS
    torch.testing.assert_close(levels.sigmas[:-1], 5 * s / (1 + 4 * s))
    torch.testing.assert_close(levels.timesteps, 1000 * levels.sigmas[:-1])
    for sigma in released_schedule(5).sigmas[:-1]:
        assert (levels.sigmas - sigma).abs().min() < 1e-6


def test_levels_weigh_one_on_average_and_the_released_bell_peaks_in_the_middle() -> None:
    assert torch.equal(level_weights("plain"), torch.ones(LEVELS))
    bell = level_weights("released")
    assert bell.mean().item() == pytest.approx(1, abs=1e-5) and bell.min() == 0
    assert training_levels(torch.float32).timesteps[bell.argmax()].item() == pytest.approx(500, abs=3)


def test_the_loss_is_the_mean_square_and_unknown_latents_do_not_count() -> None:
    predicted, velocity = torch.randn(2, 1, 16, 2, 4, 4).unbind()
    known = torch.ones(1, 1, 2, 4, 4)
    assert velocity_loss(predicted, velocity, known) == pytest.approx(
        torch.nn.functional.mse_loss(predicted, velocity).item(), rel=1e-6
    )
    known[..., 0] = 0
    before = velocity_loss(predicted, velocity, known)
    predicted[..., 0] += 100
    assert torch.equal(velocity_loss(predicted, velocity, known), before)


def test_disparity_spans_a_clip_from_minus_one_at_its_farthest_to_one_at_its_nearest() -> None:
    depth_m = np.random.default_rng(0).uniform(0.4, 2.0, (3, 6, 8)).astype(np.float32)
    disparity, known = normalised_disparity(depth_m)
    assert known.all() and disparity.min() == -1 and disparity.max() == 1
    assert disparity.flat[depth_m.argmin()] == 1 and disparity.flat[depth_m.argmax()] == -1
    np.testing.assert_allclose(normalised_disparity(3 * depth_m)[0], disparity, atol=1e-5)


def test_a_hole_takes_its_nearest_neighbours_value_and_is_marked() -> None:
    depth_m = np.ones((2, 6, 8), np.float32)
    depth_m[:, :, 4:] = 0.5
    depth_m[0, :, 6:] = np.nan
    depth_m[1] = np.nan
    disparity, known = normalised_disparity(depth_m)
    assert (disparity[0, :, 4:] == 1).all() and (disparity[0, :, :4] == -1).all() and (disparity[1] == -1).all()
    assert not known[0, :, 6:].any() and not known[1].any() and known[0, :, :6].all()


def test_a_latent_counts_by_the_share_of_truth_under_it() -> None:
    known = torch.ones(1, 1, 5, 16, 16)
    known[:, :, 0, :8, :8] = 0
    known[:, :, 1, :8, :8] = 0
    of_latents = known_of_latents(known, (2, 2, 2))
    assert of_latents[0, 0, 0].tolist() == [[0, 1], [1, 1]] and of_latents[0, 0, 1].tolist() == [[0.75, 1], [1, 1]]


def test_colour_and_truth_of_a_clip_meet_at_the_same_pixels_portrait_or_not() -> None:
    for clip in (BallClip("upright", 5), Turned("portrait", 5)):
        read = read_clip(clip, 0, 5, SIZE)
        assert read.color.shape == read.disparity.shape == (1, 3, 5, *SIZE[::-1])
        ball, near = read.color[0, 0] > 0, read.disparity[0, 0] > 0
        assert (ball == near).float().mean() > 0.95 and near.any()


def test_a_clip_without_any_truth_or_of_two_sizes_is_named() -> None:
    with pytest.raises(DatasetError, match="blind has no true depth in frames 0 to 4"):
        read_clip(BlindClip("blind", 5), 0, 5, SIZE)
    with pytest.raises(DatasetError, match="Frame 2 of mixed is"):
        read_clip(Mixed("mixed", 5), 0, 5, SIZE)


def test_latents_are_those_of_the_whole_clip_encoded_at_once() -> None:
    vae = random_vae(TINY_VAE, torch.float32)
    frames = read_clip(BallClip("ball", 5), 0, 5, SIZE).color
    with torch.no_grad():
        mean, std = (torch.tensor(v).reshape(1, -1, 1, 1, 1) for v in (vae.config.latents_mean, vae.config.latents_std))
        whole = (vae.encode(frames).latent_dist.mode() - mean) / std
    torch.testing.assert_close(encode(vae, frames), whole, atol=1e-5, rtol=1e-5)


class Turned(BallClip):
    def frame(self, i: int) -> DatasetFrame:
        frame = super().frame(i)
        k = Intrinsics(24, 40, 40.0, 40.0, 12.0, 20.0)
        color, depth_m = np.rot90(frame.color).copy(), np.rot90(frame.depth_m).copy()
        return replace(frame, color=color, depth_m=depth_m, intrinsics=k)


class Mixed(BallClip):
    def frame(self, i: int) -> DatasetFrame:
        frame = super().frame(i)
        return frame if i != 2 else replace(frame, color=frame.color[:, :20].copy(), depth_m=frame.depth_m[:, :20])
