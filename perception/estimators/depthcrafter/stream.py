"""DepthCrafter's rule for long videos, as a stream: windows that start from the last one's latents.

Released rule: windows of 110 frames that share 25; each is denoised to the end; the shared frames
start from the last window's clean latents, noised with the noise they had there; their final latents
are blended linearly from the old to the new. Decoding goes in chunks of eight frames from the start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from perception.estimators.depthcrafter import NAME
from perception.estimators.depthcrafter.model import CHUNK, DepthCrafterModel
from perception.estimators.running import Size, fitting
from perception.estimators.specification import Observation

#: Seed of all noise, drawn on the CPU in float32: the same on every device.
SEED = 42


@dataclass(frozen=True)
class Windows:
    """frames: of one window; shared: how many of them the next one sees again; steps: of denoising."""

    frames: int
    shared: int
    steps: int


class DepthCrafterStream:
    """A `ModelStream` that holds one window's latents, however long the clip is."""

    def __init__(self, model: DepthCrafterModel, windows: Windows, frame_size: tuple[int, int], size: Size) -> None:
        """frame_size: (height, width) of the frames; size: (width, height) that the model works at."""
        self._model, self._windows, self._frame_size, self._size = model, windows, frame_size, size
        self._seen = 0
        self._turns = 0
        #: Frames not encoded yet, (H, W, 3) uint8.
        self._fresh: list[Tensor] = []
        #: Of the window that is being filled: embeddings (n, C) and latents (n, c, h, w), the shared frames first.
        self._embeddings: Tensor | None = None
        self._latents: Tensor | None = None
        #: Disparity latents: of the frames shared with the next window, and final ones that wait for their chunk.
        self._shared: Tensor | None = None
        self._final: Tensor | None = None

    def push(self, seen: Observation) -> list[NDArray[np.float32]]:
        """A window's maps come when it is full."""
        self._fresh.append(torch.from_numpy(seen.color.copy()))
        self._seen += 1
        is_full = _length(self._latents) + len(self._fresh) == self._windows.frames
        if is_full or len(self._fresh) == CHUNK:
            self._encode()
        return self._close_window() if is_full else []

    def finish(self) -> list[NDArray[np.float32]]:
        """The maps still due: of a last, shorter window, or of frames that no further window shares."""
        if self._fresh:
            self._encode()
        if _length(self._latents) > _length(self._shared):
            return self._close_window(is_last=True)
        self._final, self._shared = _join(self._final, self._shared), None
        return self._decode(is_last=True)

    def state(self) -> dict[str, Any]:
        tensors = {key: getattr(self, f"_{key}") for key in _TENSORS}
        kept = {key: None if tensor is None else tensor.cpu().clone() for key, tensor in tensors.items()}
        return {"seen": self._seen, "turns": self._turns, "fresh": list(self._fresh), **kept}

    def restore(self, state: dict[str, Any]) -> None:
        self._seen, self._turns, self._fresh = state["seen"], state["turns"], list(state["fresh"])
        for key in _TENSORS:
            tensor = state[key]
            setattr(self, f"_{key}", None if tensor is None else tensor.to(self._model.device))

    @contextmanager
    def _inference(self) -> Iterator[None]:
        with fitting(NAME, self._size, self._model.multiple_px), torch.inference_mode():
            yield

    def _encode(self) -> None:
        first = self._seen - len(self._fresh)
        with self._inference():
            images = torch.stack(self._fresh).permute(0, 3, 1, 2).to(self._model.device) / 255
            images = interpolate(images, self._size[::-1], mode="bicubic", antialias=True).clamp(0, 1) * 2 - 1
            noise = torch.stack([_noise(1 + first + i, images.shape[1:]) for i in range(len(images))])
            embeddings, latents = self._model.encode(images, noise.to(images))
        self._embeddings, self._latents = _join(self._embeddings, embeddings), _join(self._latents, latents)
        self._fresh = []

    def _close_window(self, is_last: bool = False) -> list[NDArray[np.float32]]:
        """Denoises the window that is being filled, blends what it shares with the last one, decodes what is final."""
        assert self._latents is not None and self._embeddings is not None
        # The first window's noise, turned so that shared frames keep theirs.
        noise = _noise(0, (self._windows.frames, *self._latents.shape[1:]))
        noise = noise.roll(self._turns * self._windows.shared, dims=0)[: len(self._latents)]
        with self._inference():
            new = self._model.denoise(
                noise.to(self._model.device), self._shared, self._embeddings, self._latents, self._windows.steps
            )
            if self._shared is not None:
                rise = torch.linspace(0, 1, len(self._shared), device=new.device).view(-1, 1, 1, 1)
                new[: len(self._shared)] = (rise * new[: len(self._shared)] + (1 - rise) * self._shared).to(new.dtype)
        keep = 0 if is_last else self._windows.shared
        done = len(new) - keep
        self._final, self._shared = _join(self._final, new[:done]), new[done:].clone()
        self._latents, self._embeddings = self._latents[done:].clone(), self._embeddings[done:].clone()
        self._turns += 1
        return self._decode(is_last)

    def _decode(self, is_last: bool) -> list[NDArray[np.float32]]:
        maps: list[NDArray[np.float32]] = []
        while _length(self._final) >= CHUNK or (is_last and _length(self._final)):
            assert self._final is not None
            with self._inference():
                disparity = self._model.decode(self._final[:CHUNK], *self._frame_size).cpu().numpy()
            maps += list(disparity)
            self._final = self._final[CHUNK:].clone()
        return maps


_TENSORS = ("embeddings", "latents", "shared", "final")


def _noise(index: int, shape: tuple[int, ...] | torch.Size) -> Tensor:
    """Unit noise: 0 of the latents of a window, 1 + f of frame f."""
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(SEED + index))


def _length(tensor: Tensor | None) -> int:
    return 0 if tensor is None else len(tensor)


def _join(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return torch.cat([first, second])
