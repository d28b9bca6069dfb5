"""DKT as anyone would write it with diffusers' classes: the whole clip encoded, denoised and decoded at once.

What fast mode is measured against. Every token is computed in every step: 512 of the prompt and 257
of the empty image; nothing is folded, compiled or streamed. Where a clip is longer than a window, the
windows' velocities are blended at every step, as in the released sampler.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception.estimators.dkt.codec import FRAMES_PER_LATENT, FrameShape, latent_count
from perception.estimators.dkt.model import DktSettings
from perception.estimators.dkt.sampler import SEED, blend_weights, released_schedule
from perception.estimators.dkt.sizes import IMAGE_TOKENS, TEXT_TOKENS
from perception.learning.speed.models import Built
from perception.learning.speed.watch import Stopwatch


class PlainPipeline:
    """Runs clips through the modules as they are."""

    note = ""

    def __init__(self, built: Built, settings: DktSettings) -> None:
        self._transformer, self._vae, self._settings = built.transformer, built.vae, settings
        weight = built.vae.quant_conv.weight
        self._device, self._dtype = weight.device, weight.dtype
        self._schedule = released_schedule(settings.steps, settings.dtype)
        config, prompt = built.transformer.config, built.prompt.to(weight)
        padding = prompt.new_zeros(1, TEXT_TOKENS - prompt.shape[1], prompt.shape[2])
        self._prompt = torch.cat([prompt, padding], 1)
        self._image = None if config.image_dim is None else weight.new_zeros(1, IMAGE_TOKENS, config.image_dim)
        self._empty_channels = config.in_channels - 2 * config.out_channels
        self._mean, self._std = (
            torch.tensor(values).to(weight).reshape(1, -1, 1, 1, 1)
            for values in (built.vae.config.latents_mean, built.vae.config.latents_std)
        )

    @torch.no_grad()
    def run(self, frames: list[NDArray[np.uint8]], watch: Stopwatch) -> NDArray[np.float32]:
        """Disparities (F, H, W) of frames (H, W, 3)."""
        height, width = frames[0].shape[:2]
        shape = FrameShape(height, width, self._settings.size)
        padded = frames + [frames[-1]] * ((latent_count(len(frames)) - 1) * FRAMES_PER_LATENT + 1 - len(frames))
        clip = torch.cat([shape.to_model(frame, self._device, self._dtype) for frame in padded], 2)
        with watch.stage("encode"):
            colors = (self._vae.encode(clip).latent_dist.mode() - self._mean) / self._std
        noise = torch.randn(colors.shape, generator=torch.Generator().manual_seed(SEED)).to(colors)
        with watch.stage("denoise"):
            latents = self._denoise(noise, colors)
        with watch.stage("decode"):
            decoded = self._vae.decode(latents * self._std + self._mean).sample
        return shape.disparity(decoded[:, :, : len(frames)]).cpu().numpy()

    def _denoise(self, latents: Tensor, colors: Tensor) -> Tensor:
        for step in range(self._schedule.steps):
            latents = latents + self._blend(step, latents, colors) * self._schedule.change(step)
        return latents

    def _blend(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """The velocity of the whole clip, from that of its windows."""
        window, stride, total = self._settings.window, self._settings.stride, latents.shape[2]
        value, weight = torch.zeros_like(latents), latents.new_zeros(1, 1, total, 1, 1)
        start, end = 0, 0
        while end < total:
            end = min(start + window, total)
            here = slice(start, end)
            ramp = blend_weights(end - start, window - stride, start == 0, end == total).to(latents)
            ramp = ramp.reshape(1, 1, -1, 1, 1)
            value[:, :, here] += self._velocity(step, latents[:, :, here], colors[:, :, here]) * ramp
            weight[:, :, here] += ramp
            start += stride
        return value / weight

    def _velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        empty = latents.new_zeros(1, self._empty_channels, *latents.shape[2:])
        return self._transformer(
            hidden_states=torch.cat([latents, colors, empty], 1),
            timestep=self._schedule.timesteps[step].reshape(1).to(self._device),
            encoder_hidden_states=self._prompt,
            encoder_hidden_states_image=self._image,
            return_dict=False,
        )[0]
