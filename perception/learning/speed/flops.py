"""What the released computation costs, in floating-point operations, from sizes and shapes alone.

Two for every multiplication and addition of matrices, convolutions and attention; what is done value
by value is left out, as is usual. Fast mode needs fewer (folded constants, no zeros before a clip),
so this is the floor of the method, not of every way to compute it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from perception.estimators.dkt.codec import FRAMES_PER_LATENT, latent_count
from perception.estimators.dkt.sizes import IMAGE_TOKENS, TEXT_TOKENS, TransformerSize, VaeSize

#: Values of a kernel of 3 x 3 x 3, of one in space, of one in time.
_CUBE, _SQUARE, _LINE = 27, 9, 3
#: Pixels of a latent's side.
_LATENT_SIDE = 8


@dataclass(frozen=True)
class ClipFlops:
    """Of one clip: its encoding, one denoising step over it, its decoding."""

    encode: float
    step: float
    decode: float

    def total(self, steps: int) -> float:
        return self.encode + steps * self.step + self.decode


def clip_flops(
    transformer: TransformerSize, vae: VaeSize, frames: int, size: tuple[int, int], windows: tuple[int, int]
) -> ClipFlops:
    """Of `frames` frames at size (width, height) [px]; windows: length and stride in latents."""
    latents = latent_count(frames)
    cells = (size[1] // _LATENT_SIDE) * (size[0] // _LATENT_SIDE)
    tokens = cells // prod(transformer.patch[1:])
    step = sum(step_flops(transformer, tokens * length) for length in window_lengths(latents, *windows))
    return ClipFlops(encode_flops(vae, latents, size), step, decode_flops(vae, latents, size))


def window_lengths(latents: int, window: int, stride: int) -> Iterator[int]:
    """How long the windows over a clip are; the last one may be short."""
    start = 0
    while start + window < latents:
        yield window
        start += stride
    yield latents - start


def step_flops(size: TransformerSize, tokens: int) -> float:
    """Of one pass of the transformer over so many tokens, those of prompt and image aside."""
    dim, image = size.dim, IMAGE_TOKENS if size.image_dim else 0
    patch = tokens * dim * (size.in_channels + size.out_channels) * prod(size.patch)
    time = size.freq_dim * dim + dim * dim + 6 * dim * dim
    text = TEXT_TOKENS * (size.text_dim * dim + dim * dim)
    if size.image_dim:
        text += image * (size.image_dim * size.image_dim + size.image_dim * dim)
    own = tokens * 4 * dim * dim + 2 * tokens * tokens * dim
    read = tokens * 2 * dim * dim + (TEXT_TOKENS + image) * 2 * dim * (dim + tokens)
    block = own + read + 2 * tokens * dim * size.ffn_dim
    return 2.0 * (patch + time + text + size.layers * block)


def encode_flops(vae: VaeSize, latents: int, size: tuple[int, int]) -> float:
    """Of a clip of so many latents at size (width, height) [px]."""
    first = _encode_chunk(vae, 1, size[0] * size[1], is_first=True)
    return 2.0 * (first + (latents - 1) * _encode_chunk(vae, FRAMES_PER_LATENT, size[0] * size[1], is_first=False))


def decode_flops(vae: VaeSize, latents: int, size: tuple[int, int]) -> float:
    """Of a clip of so many latents at size (width, height) [px]."""
    cells = (size[0] // _LATENT_SIDE) * (size[1] // _LATENT_SIDE)
    return 2.0 * (_decode_chunk(vae, cells, True) + (latents - 1) * _decode_chunk(vae, cells, False))


def _encode_chunk(vae: VaeSize, frames: int, pixels: int, is_first: bool) -> int:
    """Multiplications of `frames` frames of `pixels` pixels."""
    widths = [vae.base_dim * factor for factor in vae.dim_mult]
    count, before = _CUBE * 3 * vae.base_dim * frames * pixels, vae.base_dim
    for level, width in enumerate(widths):
        count += _residuals(before, width, vae.res_blocks) * frames * pixels
        before = width
        if level < len(widths) - 1:
            pixels //= 4
            count += _SQUARE * width * width * frames * pixels
            if vae.temporal_downsample[level] and not is_first:
                frames //= 2
                count += _LINE * width * width * frames * pixels
    count += _middle(before, pixels) * frames
    return count + (_CUBE * before * 2 * vae.z_dim + (2 * vae.z_dim) ** 2) * frames * pixels


def _decode_chunk(vae: VaeSize, pixels: int, is_first: bool) -> int:
    """Multiplications of one latent of `pixels` cells."""
    widths = [vae.base_dim * factor for factor in reversed(vae.dim_mult)]
    frames, before = 1, widths[0]
    count = (vae.z_dim**2 + _CUBE * vae.z_dim * before) * pixels + _middle(before, pixels)
    for level, width in enumerate(widths):
        count += _residuals(before, width, vae.res_blocks + 1) * frames * pixels
        before = width
        if level < len(widths) - 1:
            if vae.temporal_downsample[::-1][level] and not is_first:
                count += _LINE * width * 2 * width * frames * pixels
                frames *= 2
            pixels *= 4
            before = width // 2
            count += _SQUARE * width * before * frames * pixels
    return count + _CUBE * before * 3 * frames * pixels


def _residuals(before: int, width: int, blocks: int) -> int:
    """For each pixel of each frame: two convolutions a block, and a shortcut where the width changes."""
    count = blocks * 2 * _CUBE * width * width + _CUBE * (before - width) * width
    return count if before == width else count + before * width


def _middle(width: int, pixels: int) -> int:
    """For each frame: two residual blocks with attention between them."""
    attention = 4 * width * width * pixels + 2 * width * pixels * pixels
    return _residuals(width, width, 2) * pixels + attention
