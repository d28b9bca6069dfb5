"""DKT's transformer over one window: as released, token by token, or with all that is constant folded away.

Constant, with a fixed prompt and schedule, are:
- All 257 image tokens, which are alike (a zero image): attending to them adds one vector a block, whatever
  the query, which goes into the bias of the output projection.
- The prompt's padding, one token repeated: n + 1 keys instead of 512, the last one's logit raised
  by log(512 - n). Keys and values of the prompt are computed once; what the output projection makes of
  each value, too, which leaves a weighted sum of a few vectors of that projection.
- Colour's zero companions, which drop out of the patch embedding.
- The time embedding and its modulations, computed once for each step of the schedule.

Folded are the same sums in another order: float32 results agree to about 1e-5.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor, nn
from torch.nn import functional

from perception.estimators.dkt.sampler import Schedule
from perception.estimators.dkt.sizes import IMAGE_TOKENS, TEXT_TOKENS


class ExactTransformer:
    """Velocity of a window: 16 noisy channels, 16 of colour, zeros; zero CLIP image, padded prompt."""

    def __init__(self, transformer: WanTransformer3DModel, prompt: Tensor, schedule: Schedule) -> None:
        """prompt: its n real tokens (1, n, text_dim)."""
        self._transformer = transformer
        weight = transformer.patch_embedding.weight
        self._zero_channels = transformer.config.in_channels - 2 * transformer.config.out_channels
        # Exactly 512: diffusers tells image from text tokens by that number.
        padding = prompt.new_zeros(1, TEXT_TOKENS - prompt.shape[1], prompt.shape[2])
        self._prompt = torch.cat([prompt, padding], 1).to(weight)
        image_dim = transformer.config.image_dim
        self._image = None if image_dim is None else weight.new_zeros(1, IMAGE_TOKENS, image_dim)
        self._timesteps = schedule.timesteps.to(weight.device)

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """Of latents and colours (1, 16, T, h, w) in a step of the schedule."""
        batch, _, *grid = latents.shape
        zeros = latents.new_zeros(batch, self._zero_channels, *grid)
        return self._transformer(
            hidden_states=torch.cat([latents, colors, zeros], 1),
            timestep=self._timesteps[step].reshape(1),
            encoder_hidden_states=self._prompt,
            encoder_hidden_states_image=self._image,
            return_dict=False,
        )[0]


class FoldedTransformer(nn.Module):
    """Velocity of a window, as `ExactTransformer`. Takes the transformer's weights over: it is used up."""

    def __init__(self, transformer: WanTransformer3DModel, prompt: Tensor, schedule: Schedule) -> None:
        """prompt: its n real tokens (1, n, text_dim)."""
        super().__init__()
        config = transformer.config
        self._patch, self._out_channels = tuple(config.patch_size), config.out_channels
        weight, bias = transformer.patch_embedding.weight, transformer.patch_embedding.bias
        used = weight[:, : 2 * config.out_channels].flatten(1)
        self.patch_embedding = _linear(used, bias)
        self.rope = transformer.rope
        self._angles: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = {}
        time, modulation, text, image = _constants(transformer, prompt.to(weight), schedule)
        padding = math.log(TEXT_TOKENS - prompt.shape[1])
        tables = [block.scale_shift_table.float() for block in transformer.blocks]
        #: (steps, blocks, 6, dim): shifts, scales and gates. They go into blocks as tensors: compiled code
        #: would be made anew for every number of a step.
        self.register_buffer("modulation", torch.stack([table + modulation.float() for table in tables], 1))
        self.blocks = nn.ModuleList()
        while transformer.blocks:  # one at a time: both copies of all of them might not fit
            self.blocks.append(FoldedBlock(transformer.blocks[0], text, padding, image))
            del transformer.blocks[0]
        #: How a block is computed (`run_block`'s arguments): fast mode on CUDA puts a compiled twin here.
        self.run_block: Callable[..., Tensor] = run_block
        self.norm_out, self.proj_out = transformer.norm_out, transformer.proj_out
        #: (steps, 2, dim): shift and scale of the last norm.
        self.register_buffer("out_modulation", transformer.scale_shift_table.float() + time.float()[:, None])

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """Of latents and colours (1, 16, T, h, w) in a step of the schedule."""
        return self(step, latents, colors)

    @torch.no_grad()
    def forward(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """What `velocity` says, where the hooks of offloading find it."""
        tokens, grid = self._patches(torch.cat([latents, colors], 1))
        cos, sin = self._rotations(grid, latents)
        # A copy, as what comes is a view, and compiled code makes a graph of its own for views.
        x = self.patch_embedding(tokens).clone()
        for block, modulation in zip(self.blocks, cast(Tensor, self.modulation)[step], strict=True):
            x = self.run_block(block, x, modulation, cos, sin)
        shift, scale = cast(Tensor, self.out_modulation)[step]
        x = self.proj_out((self.norm_out(x.float()) * (1 + scale) + shift).to(x.dtype))
        return self._image(x, grid)

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """The rotations that the last window used; another window's length may replace them."""
        return tuple(table for pair in self._angles.values() for table in pair)

    def _patches(self, x: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
        """(1, C, T, h, w) to tokens (1, L, C * patch) and their grid."""
        t, h, w = self._patch
        grid = (x.shape[2] // t, x.shape[3] // h, x.shape[4] // w)
        x = x.reshape(1, x.shape[1], grid[0], t, grid[1], h, grid[2], w)
        return x.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3), grid

    def _image(self, tokens: Tensor, grid: tuple[int, int, int]) -> Tensor:
        x = tokens.reshape(1, *grid, *self._patch, self._out_channels)
        return x.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)

    def _rotations(self, grid: tuple[int, int, int], latents: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin (1, L, 1, head_dim / 2) float32 of a grid, kept for the next window of its shape."""
        if grid not in self._angles:
            self._angles.clear()  # windows of one shape follow each other; tables of all shapes would pile up
            cos, sin = self.rope(latents)
            self._angles[grid] = (cos[..., ::2].float().contiguous(), sin[..., ::2].float().contiguous())
        return self._angles[grid]


class FoldedBlock(nn.Module):
    """One transformer block, its constants folded."""

    def __init__(self, block: Any, text: Tensor, padding: float, image: Tensor | None) -> None:
        """text: (n + 1, dim) embedded prompt, padding last, whose logit is raised by `padding`."""
        super().__init__()
        self.heads = block.attn1.heads
        own, cross = block.attn1, block.attn2
        self.qkv = _linear(
            torch.cat([own.to_q.weight, own.to_k.weight, own.to_v.weight]),
            torch.cat([own.to_q.bias, own.to_k.bias, own.to_v.bias]),
        )
        self.norm_q, self.norm_k, self.out = own.norm_q, own.norm_k, own.to_out[0]
        self.cross_q = cross.to_q
        self.cross_norm_eps = cross.norm_q.eps
        self.prompt_keys, self.prompt_values = _read_by(cross, text, image)
        bias = torch.full((_padded_keys(len(text)),), -math.inf)
        bias[: len(text)] = 0
        bias[len(text) - 1] = padding
        self.register_buffer("prompt_bias", bias.to(text.device))
        self.norm1, self.norm2, self.norm3, self.ffn = block.norm1, block.norm2, block.norm3, block.ffn

    def forward(self, x: Tensor, modulation: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: (1, L, dim) tokens; modulation: (6, dim) of the step; cos, sin: (1, L, 1, head_dim / 2)."""
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = modulation
        attended = self._attend((self.norm1(x.float()) * (1 + scale) + shift).to(x.dtype), cos, sin)
        x = (x.float() + attended * gate).to(x.dtype)
        x = x + self._read_prompt(self.norm2(x.float()).to(x.dtype))
        fed = self.ffn((self.norm3(x.float()) * (1 + ffn_scale) + ffn_shift).to(x.dtype))
        return (x.float() + fed.float() * ffn_gate).to(x.dtype)

    def _attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = (_rotate(self._split(n(y)), cos, sin) for n, y in ((self.norm_q, q), (self.norm_k, k)))
        q, k, v = (y.transpose(1, 2) for y in (q, k, self._split(v)))
        return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def _read_prompt(self, x: Tensor) -> Tensor:
        q = self.cross_q(x)
        # The norm of q is a factor of its logits; its weight is in the keys.
        inverse_rms = torch.rsqrt(q.float().square().mean(-1, keepdim=True) + self.cross_norm_eps)
        logits = self._split(self.prompt_keys(q).float() * inverse_rms) + cast(Tensor, self.prompt_bias)
        return self.prompt_values(logits.softmax(-1).flatten(2).to(x.dtype))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1))


def run_block(block: nn.Module, x: Tensor, modulation: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """A block by `FoldedBlock.forward`: one function for all of them, so that they share what is compiled."""
    return cast(Tensor, block(x, modulation, cos, sin))


def _constants(
    transformer: WanTransformer3DModel, prompt: Tensor, schedule: Schedule
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Time (steps, dim), its modulation (steps, 6, dim), prompt and padding (n + 1, dim), image token (dim)."""
    embedder, image_dim = transformer.condition_embedder, transformer.config.image_dim
    padded = torch.cat([prompt, torch.zeros_like(prompt[:, :1])], 1)
    image = None if image_dim is None else prompt.new_zeros(1, IMAGE_TOKENS, image_dim)[:, :1]
    with torch.no_grad():
        time, modulation, text, image = embedder(schedule.timesteps.to(prompt.device), padded, image)
    return time, modulation.unflatten(1, (6, -1)), text[0], None if image is None else image[0, 0]


def _read_by(cross: Any, text: Tensor, image: Tensor | None) -> tuple[nn.Linear, nn.Linear]:
    """Queries (dim) to the logits (heads * keys) of the prompt's tokens, and their softmax to what was read (dim)."""
    heads, count, dtype = cross.heads, len(text), text.dtype
    empty = text.new_zeros(_padded_keys(count) - count, text.shape[1])
    k, v = (
        torch.cat([y, empty]).float().unflatten(1, (heads, -1))
        for y in (cross.norm_k(cross.to_k(text)), cross.to_v(text))
    )
    out = cross.to_out[0]
    k = k * cross.norm_q.weight.float().unflatten(0, (heads, -1)) / math.sqrt(k.shape[-1])
    # Each head sees its own part of the query: its keys are zero elsewhere.
    keys = torch.einsum("jhd,hg->hjgd", k, torch.eye(heads).to(k)).flatten(2).flatten(0, 1)
    values = torch.einsum("ohd,jhd->ohj", out.weight.float().unflatten(1, (heads, -1)), v).flatten(1)
    constant = 0 if image is None else out.weight @ cross.add_v_proj(image)
    return _linear(keys.to(dtype)), _linear(values.to(dtype), out.bias + constant)


def _padded_keys(keys: int) -> int:
    """A multiple of four: matrix units want rows of whole 16 bytes."""
    return -(-keys // 4) * 4


def _linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    with torch.device("meta"):
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    tensors = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    linear.load_state_dict({name: tensor.detach() for name, tensor in tensors.items()}, assign=True)
    return linear.requires_grad_(False)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of (1, L, heads, head_dim): neighbouring channels are turned in pairs."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2).to(x.dtype)
