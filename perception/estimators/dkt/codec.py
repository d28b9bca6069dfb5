"""Between a camera's images and the model's latents: turned, resized, scaled, through the VAE; and the way back.

The VAE is causal in time, so its convolutions' memories carry a clip of any length.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d
from numpy.typing import NDArray
from torch import Tensor

from core.errors import PerceptionError

#: What the decoded channels are: their mean a disparity, or together a normal.
Target = Literal["depth", "normal"]


@dataclass(frozen=True)
class FrameShape:
    """How frames of height x width [px] meet a model that works at size (width, height) [px]."""

    height: int
    width: int
    size: tuple[int, int]

    @property
    def is_turned(self) -> bool:
        """A model that works in landscape sees portrait images turned left by 90° (released code)."""
        return self.width < self.height and self.size[0] >= self.size[1]

    def to_model(self, color: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
        """(H, W, 3) uint8 RGB to (1, 3, 1, h, w) in -1..1.

        Raises:
            PerceptionError: an image of another size or kind.
        """
        self.demand(color)
        return self.scaled(torch.from_numpy(np.ascontiguousarray(color)).to(device))[:, :, None].to(dtype)

    def demand(self, color: NDArray[np.uint8]) -> None:
        """Raises a PerceptionError unless it is an 8-bit RGB image of this size."""
        if color.shape != (self.height, self.width, 3) or color.dtype != np.uint8:
            raise PerceptionError(
                f"A frame is {color.dtype} {color.shape}, the clip's first was 8-bit {(self.height, self.width, 3)}.",
                "All frames of a clip must be 8-bit RGB of one size.",
            )

    def scaled(self, color: Tensor) -> Tensor:
        """(H, W, 3) uint8 to (1, 3, h, w) float32 in -1..1, on the device that it is on."""
        turned = torch.rot90(color) if self.is_turned else color
        image = turned.permute(2, 0, 1)[None].float()
        if image.shape[-2:] != self.size[::-1]:
            # The released code resizes with 8-bit results, cut off rather than rounded.
            image = (_resize(image / 255, self.size).clamp(0, 1) * 255).floor()
        return image * (2 / 255) - 1

    def disparity(self, decoded: Tensor) -> Tensor:
        """(1, 3, F, h, w) in -1..1 to (F, H, W) in 0..1 on the same device: never through 8 bits."""
        maps = self._restore(decoded.float().mean(1) / 2 + 0.5, scale=(0, 1))
        return torch.rot90(maps, -1, (1, 2)) if self.is_turned else maps

    def normals(self, decoded: Tensor) -> Tensor:
        """(1, 3, F, h, w) in -1..1 to (F, H, W, 3), unit vectors in the axes of the camera as held."""
        x, y, z = (self._restore(channel[None], scale=(-1, 1)) for channel in decoded[0].float())
        if self.is_turned:
            # Turning the image back turns its axes too: right was down, down was left.
            x, y, z = (torch.rot90(channel, -1, (1, 2)) for channel in (-y, x, z))
        vectors = torch.stack([x, y, z], -1)
        length = vectors.norm(dim=-1, keepdim=True)
        towards_camera = vectors.new_tensor([0.0, 0.0, -1.0])
        return torch.where(length > 1e-6, vectors / length.clamp(min=1e-6), towards_camera)

    def _restore(self, maps: Tensor, scale: tuple[float, float]) -> Tensor:
        """(1, F, h, w) resized to (F, H, W), still turned."""
        height, width = (self.width, self.height) if self.is_turned else (self.height, self.width)
        if maps.shape[-2:] != (height, width):
            maps = _resize(maps, (width, height)).clamp(*scale)
        return maps[0]


def _resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.nn.functional.interpolate(image, size[::-1], mode="bicubic", align_corners=False, antialias=True)


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
