"""A clip on its way through a DKT: encode, five blended denoising steps, decode, all at once and in order."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from core.errors import PerceptionError
from perception.estimators.dkt.causal_vae import CausalDecoder, CausalEncoder, latent_count
from perception.estimators.dkt.frames import FrameShape, Target
from perception.estimators.dkt.noise import NoiseStream
from perception.estimators.dkt.schedule import Schedule
from perception.estimators.dkt.wavefront import WindowedStep, window_count
from perception.estimators.specification import Observation, Progress


class Transformer(Protocol):
    """What predicts velocities: the released transformer, or its folded twin."""

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor: ...


class DktStream:
    """`ModelStream` of one clip; memory is that of a few windows, however long the clip."""

    def __init__(
        self,
        transformer: Transformer,
        vae: AutoencoderKLWan,
        schedule: Schedule,
        windows: tuple[int, int],
        shape: FrameShape,
        count: int,
        target: Target = "depth",
        progress: Progress = lambda share: None,
    ) -> None:
        """windows: length and stride in latents; count: frames of the clip, on which the noise depends. progress:
        nearly all of the work is the transformer's.

        Raises:
            ConfigurationError: windows that do not cover the clip.
        """
        self._shape, self._count, self._target = shape, count, target
        self._weight = vae.quant_conv.weight
        self._encoder, self._decoder = CausalEncoder(vae), CausalDecoder(vae)
        width, height = shape.size
        self._noise = NoiseStream(vae.config.z_dim, latent_count(count), height // 8, width // 8)
        self._steps = [
            WindowedStep(partial(self._velocity, transformer, step), schedule.change(step), *windows)
            for step in range(schedule.steps)
        ]
        self._passes, self._all_passes = 0, schedule.steps * window_count(latent_count(count), *windows)
        self._progress = progress
        self._taken = self._given = 0

    @torch.no_grad()
    def push(self, seen: Observation) -> list[NDArray[np.float32]]:
        """The next observation in, of which it sees the colour; the maps that became final out.

        Raises:
            PerceptionError: a frame of another size, more frames than announced, or a result that is
                not finite.
        """
        if self._taken == self._count:
            raise PerceptionError(f"The clip has more than its {self._count} frames.", "Open it again.")
        self._taken += 1
        latent = self._encoder.push(self._shape.to_model(seen.color, self._weight.device, self._weight.dtype))
        return [] if latent is None else self._denoise(latent)

    @torch.no_grad()
    def finish(self) -> list[NDArray[np.float32]]:
        """The maps still due.

        Raises:
            PerceptionError: fewer frames than announced, or a result that is not finite.
        """
        if self._taken != self._count:
            raise PerceptionError(f"The clip ended after {self._taken} of {self._count} frames.", "Open it again.")
        latent = self._encoder.finish()
        maps = [] if latent is None else self._denoise(latent)
        for number, step in enumerate(self._steps):
            for denoised, color in step.finish():
                maps += self._through(number + 1, denoised, color)
        return maps

    def state(self) -> dict[str, Any]:
        return {
            "encoder": self._encoder.state(),
            "decoder": self._decoder.state(),
            "noise": self._noise.state(),
            "steps": [step.state() for step in self._steps],
            "frames": (self._taken, self._given),
            "passes": self._passes,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._encoder.restore(state["encoder"])
        self._decoder.restore(state["decoder"])
        self._noise.restore(state["noise"])
        for step, its in zip(self._steps, state["steps"], strict=True):
            step.restore(its)
        self._taken, self._given = state["frames"]
        self._passes = state["passes"]

    def _velocity(self, transformer: Transformer, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        velocity = transformer.velocity(step, latents, colors)
        self._passes += 1
        self._progress(self._passes / self._all_passes)
        return velocity

    def _denoise(self, color: Tensor) -> list[NDArray[np.float32]]:
        return self._through(0, self._noise.next().to(color), color)

    def _through(self, number: int, latent: Tensor, color: Tensor) -> list[NDArray[np.float32]]:
        """A frame on its way from step `number` on."""
        if number == len(self._steps):
            return self._decode(latent)
        final = self._steps[number].push(latent, color)
        return [a_map for frame in final for a_map in self._through(number + 1, *frame)]

    def _decode(self, latent: Tensor) -> list[NDArray[np.float32]]:
        decoded = self._decoder.push(latent)[:, :, : self._count - self._given]
        if not decoded.isfinite().all():
            raise not_finite(self._given)
        self._given += decoded.shape[2]
        maps = self._shape.disparity(decoded) if self._target == "depth" else self._shape.normals(decoded)
        return list(maps.cpu().numpy())


def not_finite(frame: int) -> PerceptionError:
    """The error of an answer with NaN or infinities in it."""
    return PerceptionError(
        f"The model's answer at frame {frame} is not finite.",
        "Check the weights (python main.py weights verify); with bfloat16 or fast, try --dtype float32.",
    )
