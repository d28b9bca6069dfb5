"""The Wan VAE over a stream: it is causal in time, so its convolutions' memories carry a clip of any length."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from torch import Tensor

#: Frames that one latent stands for, but for the first, which stands for one.
FRAMES_PER_LATENT = 4


def latent_count(frames: int) -> int:
    """Latents of a clip, its end padded to 4k + 1 frames."""
    return 1 + -(-(frames - 1) // FRAMES_PER_LATENT)


class CausalEncoder:
    """Frames to normalised latents: the first frame alone, then four at a time."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae = vae
        self._mean, self._std = _statistics(vae)
        self._memory = _empty_memory(vae.encoder)
        self._waiting: list[Tensor] = []
        self._is_first = True

    def push(self, frame: Tensor) -> Tensor | None:
        """Takes a frame (1, 3, 1, H, W) in -1..1; gives the latent (1, z, 1, H/8, W/8) that it completes."""
        self._waiting.append(frame)
        if len(self._waiting) < (1 if self._is_first else FRAMES_PER_LATENT):
            return None
        frames, self._waiting, self._is_first = torch.cat(self._waiting, 2), [], False
        moments = self._vae.quant_conv(self._vae.encoder(frames, feat_cache=self._memory, feat_idx=[0]))
        return (moments.chunk(2, dim=1)[0] - self._mean) / self._std

    def finish(self) -> Tensor | None:
        """The last latent, its frames completed by repeating the last one; nothing is remembered any more."""
        latent = None
        while self._waiting:
            latent = self.push(self._waiting[-1])
        self._memory = []  # a gigabyte at full size, which the decoder of a clip of one window can have
        return latent

    def state(self) -> dict[str, Any]:
        return {"memory": list(self._memory), "waiting": list(self._waiting), "is_first": self._is_first}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._memory, self._waiting = list(state["memory"]), list(state["waiting"])
        self._is_first = state["is_first"]


class CausalDecoder:
    """Normalised latents to frames: one from the first, four from every other."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae = vae
        self._mean, self._std = _statistics(vae)
        self._memory = _empty_memory(vae.decoder)
        self._is_first = True

    def push(self, latent: Tensor) -> Tensor:
        """Frames (1, 3, 1 or 4, H, W) in -1..1 of a latent (1, z, 1, H/8, W/8)."""
        z = self._vae.post_quant_conv(latent * self._std + self._mean)
        frames = self._vae.decoder(z, feat_cache=self._memory, feat_idx=[0], first_chunk=self._is_first)
        self._is_first = False
        return frames.clamp(-1, 1)

    def state(self) -> dict[str, Any]:
        return {"memory": list(self._memory), "is_first": self._is_first}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._memory, self._is_first = list(state["memory"]), state["is_first"]


def _statistics(vae: AutoencoderKLWan) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the latents, (1, z, 1, 1, 1)."""
    weight = vae.quant_conv.weight
    mean, std = (
        torch.tensor(v).to(weight).reshape(1, -1, 1, 1, 1) for v in (vae.config.latents_mean, vae.config.latents_std)
    )
    return mean, std


def _empty_memory(half: torch.nn.Module) -> list[Any]:
    return [None] * sum(isinstance(module, WanCausalConv3d) for module in half.modules())
