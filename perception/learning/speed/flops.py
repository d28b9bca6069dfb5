"""What the released computation costs, in floating-point operations, counted on modules without content.

Two for every multiplication and addition of matrices, convolutions and attention; what is done value
by value is left out, as is usual. Fast mode needs fewer (folded constants, no zeros before a clip),
so this is the floor of the method, not of every way to compute it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from perception.estimators.dkt.codec import FRAMES_PER_LATENT, latent_count
from perception.estimators.dkt.load import random_transformer, random_vae
from perception.estimators.dkt.sampler import Schedule
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.estimators.dkt.transformer import ExactTransformer

_NONE = torch.device("meta")


@dataclass(frozen=True)
class ClipFlops:
    """Of one clip: its encoding, one denoising step over it, its decoding."""

    encode: int
    step: int
    decode: int


def clip_flops(
    transformer: TransformerSize, vae: VaeSize, frames: int, size: tuple[int, int], windows: tuple[int, int]
) -> ClipFlops:
    """Of `frames` frames at size (width, height) [px]; windows: length and stride in latents."""
    latents, (width, height) = latent_count(frames), size
    encode, decode = _coding_flops(vae, width, height)
    lengths = Counter(window_lengths(latents, *windows))
    cells = (vae.z_dim, height // 8, width // 8)
    step = sum(number * _step_flops(transformer, length, *cells) for length, number in lengths.items())
    return ClipFlops(_evenly(*encode, latents), step, _evenly(*decode, latents))


def _evenly(one: int, two: int, count: int) -> int:
    """What `count` cost of which every one but the first costs the same, by what one and two do."""
    return one + (count - 1) * (two - one)


@lru_cache
def _coding_flops(size: VaeSize, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of one latent and of two: their encoding, their decoding."""
    coder = random_vae(size, torch.float32, device=_NONE)
    with _NONE:
        clip = torch.empty(1, 3, 1 + FRAMES_PER_LATENT, height, width)
        cells = torch.empty(1, size.z_dim, 2, height // 8, width // 8)
        encode = _count(lambda: coder.encode(clip[:, :, :1])), _count(lambda: coder.encode(clip))
        return encode, (_count(lambda: coder.decode(cells[:, :, :1])), _count(lambda: coder.decode(cells)))


@lru_cache
def _step_flops(size: TransformerSize, length: int, channels: int, rows: int, columns: int) -> int:
    """Of a window of `length` latents, counted on one layer and on two."""

    def layers(number: int) -> int:
        model = random_transformer(replace(size, layers=number), torch.float32, device=_NONE)
        with _NONE:
            time, cells = torch.empty(1), torch.empty(1, channels, length, rows, columns)
            exact = ExactTransformer(model, torch.empty(1, 1, size.text_dim), Schedule(time, time))
            return _count(partial(exact.velocity, 0, cells, cells))

    return _evenly(layers(1), layers(2), size.layers)


def window_lengths(latents: int, window: int, stride: int) -> Iterator[int]:
    """How long the windows over a clip are; the last one may be short."""
    start = 0
    while start + window < latents:
        yield window
        start += stride
    yield latents - start


@torch.no_grad()
def _count(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()
