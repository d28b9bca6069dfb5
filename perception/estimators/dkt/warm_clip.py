"""A clip of a few frames, again and again: what a fixed camera asks for, kept warm.

All that one answer needs is there beforehand: buffers for the frames and the map, the noise, and on
CUDA one graph of everything in between (upload, encode, denoise, decode, resize, download), so that an
answer allocates nothing and launches once.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception.estimators.dkt.codec import CausalDecoder, CausalEncoder, FrameShape, latent_count
from perception.estimators.dkt.model import Dkt
from perception.estimators.dkt.sampler import NoiseStream
from perception.estimators.dkt.speed import first_line
from perception.estimators.dkt.stream import not_finite
from perception.estimators.dkt.transformer import FoldedTransformer

#: Runs before the capture: the first compiles and tunes, the second finds all of it done.
_WARM_UPS = 2


def fits_one_window(model: Dkt, frames: int) -> bool:
    """Whether a clip of so many frames needs no blending of windows."""
    return latent_count(frames) <= model.settings.window


class WarmClip:
    """The newest map of a clip of always as many frames of one size; equals the last of `DktStream`'s."""

    def __init__(self, model: Dkt, frames: int, height: int, width: int, pool: Any = None) -> None:
        """Clips must fit one window. pool: graph memory that clips share of which one runs at a time.

        Raises:
            torch.OutOfMemoryError: it does not fit on the device.
        """
        self._model, self._count = model, frames
        self._shape = FrameShape(height, width, model.settings.size)
        self._encoder, self._decoder = CausalEncoder(model.vae), CausalDecoder(model.vae)
        self._start = self._encoder.state(), self._decoder.state()
        weight = model.vae.quant_conv.weight
        (across, down), latents = self._shape.size, latent_count(frames)
        noise = NoiseStream(model.vae.config.z_dim, latents, down // 8, across // 8)
        self._noise = torch.cat([noise.next() for _ in range(latents)], 2).to(weight)
        self._frames = torch.zeros(frames, height, width, 3, dtype=torch.uint8, pin_memory=weight.is_cuda)
        self._uploaded = torch.zeros_like(self._frames, device=weight.device)
        self._map = torch.zeros(height, width, pin_memory=weight.is_cuda)
        self._is_finite = torch.zeros((), dtype=torch.bool, pin_memory=weight.is_cuda)
        self._tables: tuple[Tensor, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None
        #: A capture was tried, and failed.
        self.lacks_graph = False
        if weight.is_cuda and isinstance(model.transformer, FoldedTransformer) and not model.settings.offload:
            self._capture(pool)

    def newest(self, colors: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Relative disparity (H, W) in 0..1 of the last of the clip's frames (H, W, 3).

        Raises:
            PerceptionError: frames of another size, or a result that is not finite.
        """
        for buffer, color in zip(self._frames.numpy(), colors, strict=True):
            self._shape.demand(color)
            np.copyto(buffer, color)
        if self._graph is None:
            self._compute()
        else:
            self._graph.replay()
        if self._uploaded.is_cuda:
            torch.cuda.current_stream(self._uploaded.device).synchronize()
        if not self._is_finite:
            raise not_finite(self._count - 1)
        return self._map.numpy().copy()

    @torch.no_grad()
    def _compute(self) -> None:
        """From the frames' buffer to the map's."""
        self._uploaded.copy_(self._frames, non_blocking=True)
        decoded = self._decode(self._denoise())
        self._map.copy_(self._shape.disparity(decoded[-1][:, :, -1:])[0], non_blocking=True)
        self._is_finite.copy_(torch.stack([frames.isfinite().all() for frames in decoded]).all(), non_blocking=True)

    def _denoise(self) -> Tensor:
        """The latents of the uploaded frames' maps."""
        self._encoder.restore(self._start[0])
        latents, schedule = self._noise, self._model.schedule
        images = (self._shape.scaled(frame)[:, :, None].to(latents.dtype) for frame in self._uploaded)
        encoded = [*map(self._encoder.push, images), self._encoder.finish()]
        colors = torch.cat([latent for latent in encoded if latent is not None], 2)
        for step in range(schedule.steps):
            latents = latents + self._model.transformer.velocity(step, latents, colors) * schedule.change(step)
        return latents

    def _decode(self, latents: Tensor) -> list[Tensor]:
        """The clip's frames, those of each latent together."""
        self._decoder.restore(self._start[1])
        decoded, left = [], self._count
        for latent in latents.split(1, 2):
            frames = self._decoder.push(latent)[:, :, :left]
            left -= frames.shape[2]
            decoded.append(frames)
        self._decoder.restore(self._start[1])
        return decoded

    def _capture(self, pool: Any) -> None:
        """Records the graph; where that fails, clips run without one, with a warning."""
        transformer = self._model.transformer
        assert isinstance(transformer, FoldedTransformer)
        try:
            with torch.cuda.device(self._uploaded.device):
                self._run_aside()
                # The graph reads these tables where they are now: they must stay.
                self._tables = transformer.tables
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                    self._compute()
            self._graph = graph
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            self.lacks_graph = True
            logging.getLogger(__name__).warning("CUDA graph failed: clips run without one (%s)", first_line(error))

    def _run_aside(self) -> None:
        """Compiles and tunes on a stream of its own, as capturing demands, and gives memory back for the graph."""
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                self._compute()
        here.wait_stream(aside)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
