"""What the released computation costs, in floating-point operations, counted on modules without content.

Two for every multiplication and addition of matrices, convolutions and attention; what is done value
by value is left out, as is usual. Fast mode needs fewer (folded constants, no zeros before a clip),
so this is the floor of the method, not of every way to compute it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from perception.estimators.dkt.codec import FRAMES_PER_LATENT, latent_count
from perception.estimators.dkt.load import random_transformer, random_vae
from perception.estimators.dkt.sampler import Schedule
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.estimators.dkt.transformer import ExactTransformer


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
    (width, height), latents, none = size, latent_count(frames), torch.device("meta")
    coder = random_vae(vae, torch.float32, device=none)
    model = random_transformer(transformer, torch.float32, device=none)
    with none:
        prompt, time = torch.empty(1, 1, transformer.text_dim), torch.empty(1)
        exact = ExactTransformer(model, prompt, Schedule(time, time))
        clip = torch.empty(1, 3, 1 + FRAMES_PER_LATENT, height, width)
        cells = torch.empty(1, vae.z_dim, max(latents, 2), height // 8, width // 8)

        def whole(first: int, both: int) -> int:
            """Every latent but the first costs the same."""
            return first + (latents - 1) * (both - first)

        return ClipFlops(
            whole(_count(lambda: coder.encode(clip[:, :, :1])), _count(lambda: coder.encode(clip))),
            sum(
                number * _count(partial(exact.velocity, 0, cells[:, :, :length], cells[:, :, :length]))
                for length, number in Counter(window_lengths(latents, *windows)).items()
            ),
            whole(_count(lambda: coder.decode(cells[:, :, :1])), _count(lambda: coder.decode(cells[:, :, :2]))),
        )


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
