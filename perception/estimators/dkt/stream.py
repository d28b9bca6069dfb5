"""A clip on its way through a DKT: encode, five blended denoising steps, decode, all at once and in order.

What does not fit into the device's memory is tried once more, at half the size, and says so.
"""

import gc
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from torch import Tensor

from core.errors import PerceptionError
from perception.estimators.dkt.codec import CausalDecoder, CausalEncoder, FrameShape, Target, latent_count
from perception.estimators.dkt.sampler import NoiseStream, Schedule, WindowedStep, window_count
from perception.estimators.memory import is_out_of_memory
from perception.estimators.running import Size
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


Maps = list[NDArray[np.float32]]


class RetryStream:
    """A `ModelStream` that starts again at `fallback` where memory runs out before its first maps are out.

    Until then it keeps the frames: those of a window and of a stride for every further step. Where
    `fallback` is `size` it keeps none, and a lack of memory is an error. `size` says at which it runs.
    """

    def __init__(self, open_at: Callable[[Size], DktStream], size: Size, fallback: Size) -> None:
        self.size = size
        self._open_at, self._fallback = open_at, fallback
        self._stream: DktStream | None = open_at(size)
        self._kept: list[NDArray[np.uint8]] | None = None if size == fallback else []

    def push(self, seen: Observation) -> Maps:
        """Raises PerceptionError: no memory at the smaller size either, or once maps were given."""
        if self._kept is not None:
            self._kept.append(seen.color)
        return self._run(lambda stream: stream.push(seen))

    def finish(self) -> Maps:
        return self._run(lambda stream: stream.finish(), is_end=True)

    def state(self) -> dict[str, Any]:
        kept = None if self._kept is None else [torch.from_numpy(np.ascontiguousarray(color)) for color in self._kept]
        return {"size": self.size, "stream": self._current.state(), "kept": kept}

    def restore(self, state: dict[str, Any]) -> None:
        kept = state["kept"]
        self.size, self._kept = state["size"], None if kept is None else [color.numpy() for color in kept]
        self._stream = self._open_at(self.size)
        self._stream.restore(state["stream"])

    @property
    def _current(self) -> DktStream:
        assert self._stream is not None
        return self._stream

    def _run(self, step: Callable[[DktStream], Maps], is_end: bool = False) -> Maps:
        try:
            maps = step(self._current)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            # Outside the handler the error, and with it the memory that its frames hold, is gone.
            maps = None
        if maps is None:
            maps = self._again(is_end)
        if maps:
            self._kept = None
        return maps

    def _again(self, is_end: bool) -> Maps:
        width, height = self.size
        if self._kept is None or self.size == self._fallback:
            raise PerceptionError(
                f"DKT ran out of the device's memory at {width}x{height}.",
                "Close what else uses the device, or try a smaller --size, a shorter --window, or --device cpu.",
            )
        logging.getLogger(__name__).warning(
            "No memory for %dx%d: the clip starts again at %dx%d", width, height, *self._fallback
        )
        self._stream = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.size = self._fallback
        self._stream = self._open_at(self.size)
        kept, self._kept = self._kept, []
        maps = [a_map for color in kept for a_map in self.push(Observation(color))]
        return maps + self.finish() if is_end else maps
