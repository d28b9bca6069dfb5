"""The Wan VAE's two halves, computing the same sums with fewer copies and less memory: for fast mode.

- Before a clip's first frame there is nothing: all of a kernel but its last slice meets zeros, so the
  first frame is convolved in space alone.
- Convolutions pad space themselves, and what they saw of the chunk before is joined to what they see
  next by the very step that normalises and activates it, which fast mode compiles.
- What is done at full frame rate is done for two frames at a time: half the memory.

Each half takes and keeps its memory as diffusers' do, a list, so that either serves `CausalEncoder`
and `CausalDecoder`. float32 results agree to about 1e-6.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanAttentionBlock, WanResample, WanResidualBlock
from torch import Tensor, nn
from torch.nn import functional

#: Frames that a kernel of three sees beside the newest.
_REACH = 2
#: Frames worked on at once where a latent stands for four.
_FRAMES_AT_ONCE = 2

#: norm, x (1, C, T, h, w) and the frames before (1, C, 2, h, w) to `normalise_and_activate`'s result.
Activate = Callable[[nn.Module, Tensor, Tensor | None], Tensor]


def normalise_and_activate(norm: nn.Module, x: Tensor, before: Tensor | None) -> Tensor:
    """Normalised and activated, behind the frames before: (1, C, T, h, w), with `before` (1, C, T + 2, h, w)."""
    x = functional.silu(norm(x))
    return x if before is None else torch.cat([before, x], 2)


def make_fast(vae: AutoencoderKLWan) -> AutoencoderKLWan:
    """Puts the fast halves into a VAE in place of its own; on CUDA their weights are laid out channels last."""
    vae.encoder, vae.decoder = FastEncoder(vae.encoder), FastDecoder(vae.decoder)
    if vae.quant_conv.weight.is_cuda:
        channels_last(vae)
    return vae


def channels_last(vae: AutoencoderKLWan) -> None:
    """Lays the convolutions' weights, and with them all that they compute, out as matrix units want them."""
    for module in vae.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


class _Half(nn.Module):
    """Runs layers of diffusers' kinds over a chunk: the first, of one frame, or one that continues."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        #: How `normalise_and_activate` is computed, and within what a chunk runs: fast mode on CUDA sets both.
        self.activate: Activate = normalise_and_activate
        self.running: Callable[[], AbstractContextManager[None]] = nullcontext

    def _layers(self, layers: Iterable[nn.Module], x: Tensor, past: "_Past") -> Tensor:
        for layer in layers:
            if isinstance(layer, WanResidualBlock):
                x = self._residual(layer, x, past)
            elif isinstance(layer, WanResample):
                x = self._resample(layer, x, past)
            else:
                x = layer(x)
        return x

    def _residual(self, block: Any, x: Tensor, past: "_Past") -> Tensor:
        shortcut = x
        if not isinstance(block.conv_shortcut, nn.Identity):
            shortcut = functional.conv3d(x, block.conv_shortcut.weight, block.conv_shortcut.bias)
        # Nested: a name for what is between would keep it in memory.
        y = self._convolve(block.conv2, block.norm2, self._convolve(block.conv1, block.norm1, x, past), past)
        return y.add_(shortcut)

    def _convolve(self, conv: Any, norm: nn.Module | None, x: Tensor, past: "_Past") -> Tensor:
        """A causal convolution of 3 x 3 x 3, with `norm` of the activated x."""
        before = past.next
        if norm is not None:
            x = self.activate(norm, x, before)
        elif before is not None:
            x = torch.cat([before, x], 2)
        if before is None:
            past.keep(torch.cat([torch.zeros_like(x), x], 2))
            return functional.conv2d(x[:, :, 0], conv.weight[:, :, -1], conv.bias, padding=1)[:, :, None]
        del before  # as large as any; the convolution has what it needs of it
        past.keep(x[:, :, -_REACH:].clone())
        return functional.conv3d(x, conv.weight, conv.bias, padding=(0, 1, 1))

    def _resample(self, layer: Any, x: Tensor, past: "_Past") -> Tensor:
        if layer.mode == "upsample3d":
            frames = _frames(x) if past.is_first else self._double(layer.time_conv, x, past)
            if past.is_first:
                # What came first is not remembered here (released model).
                past.keep(torch.zeros_like(x).repeat(1, 1, _REACH, 1, 1))
        else:
            frames = _frames(x)
        if layer.mode.startswith("upsample"):
            frames = functional.interpolate(frames, scale_factor=2.0, mode="nearest-exact")
            return _clip(layer.resample[1](frames))
        x = _clip(layer.resample(frames))
        return self._halve(layer.time_conv, x, past) if layer.mode == "downsample3d" else x

    def _double(self, conv: Any, x: Tensor, past: "_Past") -> Tensor:
        """Two frames from each, (2 T, C, h, w)."""
        x = torch.cat([cast(Tensor, past.next), x], 2)
        past.keep(x[:, :, -_REACH:].clone())
        even, odd = functional.conv3d(x, conv.weight, conv.bias).chunk(2, 1)
        return torch.cat([half[:, :, number] for number in range(even.shape[2]) for half in (even, odd)])

    def _halve(self, conv: Any, x: Tensor, past: "_Past") -> Tensor:
        """One frame from every two; the first is left as it is."""
        before = past.next
        past.keep(x[:, :, -1:].clone())
        return x if before is None else functional.conv3d(torch.cat([before, x], 2), conv.weight, conv.bias, (2, 1, 1))

    def _piece_by_piece(self, work: Callable[[Tensor], Tensor], x: Tensor, past: "_Past") -> Tensor:
        """A few frames after the other; what they see of one another is what chunks see."""
        here, done = past.at, []
        for piece in x.split(_FRAMES_AT_ONCE, 2):
            past.at = here
            done.append(work(piece))
        return torch.cat(done, 2)


class FastEncoder(_Half):
    """Of the half that diffusers built."""

    def __init__(self, net: Any) -> None:
        super().__init__(net)
        layers: list[nn.Module] = [*net.down_blocks]
        split = next((number for number, layer in enumerate(layers) if _mode(layer) == "downsample3d"), len(layers))
        # In tuples they are not registered a second time.
        self._full_rate, self._slower = tuple(layers[:split]), (*layers[split:], *_middle(net))

    def forward(self, x: Tensor, feat_cache: list[Any], feat_idx: Sequence[int] = (0,)) -> Tensor:
        """Frames (1, 3, 1 or 4, H, W) to moments (1, 2 z, 1, H/8, W/8)."""
        past = _Past(feat_cache)
        with self.running():
            # Nested: a name for what is between would keep it in memory.
            x = self._layers(
                self._slower, self._piece_by_piece(lambda piece: self._first_layers(piece, past), x, past), past
            )
            return self._convolve(self.net.conv_out, self.net.norm_out, x, past)

    def _first_layers(self, x: Tensor, past: "_Past") -> Tensor:
        return self._layers(self._full_rate, self._convolve(self.net.conv_in, None, x, past), past)


class FastDecoder(_Half):
    """Of the half that diffusers built."""

    def __init__(self, net: Any) -> None:
        super().__init__(net)
        layers: list[nn.Module] = [*_middle(net)]
        for block in net.up_blocks:
            layers += [*block.resnets, *(block.upsamplers or [])]
        split = max((1 + number for number, layer in enumerate(layers) if _mode(layer) == "upsample3d"), default=0)
        self._slower, self._full_rate = tuple(layers[:split]), tuple(layers[split:])

    def forward(
        self, x: Tensor, feat_cache: list[Any], feat_idx: Sequence[int] = (0,), first_chunk: bool = False
    ) -> Tensor:
        """A latent (1, z, 1, H/8, W/8) to frames (1, 3, 1 or 4, H, W)."""
        past = _Past(feat_cache)
        with self.running():
            x = self._layers(self._slower, self._convolve(self.net.conv_in, None, x, past), past)
            return self._piece_by_piece(lambda piece: self._last_layers(piece, past), x, past)

    def _last_layers(self, x: Tensor, past: "_Past") -> Tensor:
        return self._convolve(self.net.conv_out, self.net.norm_out, self._layers(self._full_rate, x, past), past)


class _Past:
    """What the convolutions saw of the chunk before, in the order in which they ask: each reads, then keeps."""

    def __init__(self, kept: list[Any]) -> None:
        self._kept = kept
        self.at = 0
        self.is_first = kept[0] is None

    @property
    def next(self) -> Tensor | None:
        return None if self.is_first else self._kept[self.at]

    def keep(self, frames: Tensor) -> None:
        self._kept[self.at] = frames
        self.at += 1


def _middle(net: Any) -> list[WanResidualBlock | WanAttentionBlock]:
    middle = net.mid_block
    between = [layer for pair in zip(middle.attentions, middle.resnets[1:], strict=True) for layer in pair]
    return [middle.resnets[0], *between]


def _mode(layer: nn.Module) -> str:
    """`upsample3d` and the like, of layers that resample."""
    return getattr(layer, "mode", "")


def _frames(x: Tensor) -> Tensor:
    """(1, C, T, h, w) to (T, C, h, w)."""
    return x[0].transpose(0, 1)


def _clip(frames: Tensor) -> Tensor:
    """(T, C, h, w) to (1, C, T, h, w)."""
    return frames.transpose(0, 1)[None]
