"""The objects' network: EfficientNet-lite0 on colour, all that is known beside it at every level, one light decoder.

The encoder is Tan & Le's EfficientNet (arXiv 1905.11946) in its `lite0` form (no squeeze and excitation, ReLU6),
its batch norms folded into the convolutions.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception.estimators.vitro_s.network import Attention, Block, decode_levels
from perception.objects.encoding import CHANNELS

#: Kernel, stride, expansion, channels in and out, blocks.
LITE0 = (
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
)
#: Blocks after which a level ends, and its channels: level k works at 1/2^(k+1) of the picture's resolution.
TAPS = {0: 16, 2: 24, 4: 40, 10: 112, 15: 320}
#: The decoder's channels by level.
WIDTHS = (32, 64, 128, 192, 240)
#: Mask logit; distance to the object's middle (2); the nearer front, how far behind it the farther one is, and the
#: logit of the farther; the back behind the nearer front; the log of the front's expected error.
OUTPUTS = 8
#: What `imagenet` was normalised by: (x - 127) / 128 of 0..255.
_MIDDLE, _SPAN = 127.0, 128.0


class ObjectsNet(nn.Module):
    """(B, CHANNELS, H, W) in, (B, OUTPUTS, H, W) out; H and W are multiples of `vitro_s.network.MULTIPLE`."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([_Conv(3, 32, 3, 2), *_blocks()])
        self.stem = nn.Conv2d(4 * CHANNELS, WIDTHS[0], 3, padding=1)
        self.first = Block(WIDTHS[0])
        self.side = nn.ModuleList(
            nn.Conv2d(taken + CHANNELS, width, 1) for taken, width in zip(TAPS.values(), WIDTHS, strict=True)
        )
        self.middle = Block(WIDTHS[-1])
        self.attend = Attention(WIDTHS[-1])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(WIDTHS))
        self.decode = nn.ModuleList(Block(width) for width in WIDTHS[:-1])
        self.head = nn.Conv2d(WIDTHS[0], 4 * OUTPUTS, 3, padding=1)
        for tensor in self.head.parameters():
            nn.init.zeros_(tensor)

    def forward(self, x: Tensor) -> Tensor:
        feature = self.encoder[0](((x[:, :3] + 1) * 127.5 - _MIDDLE) / _SPAN)
        levels: list[Tensor] = []
        for number, block in enumerate(list(self.encoder)[1:]):
            feature = block(feature)
            if number in TAPS:
                known = functional.adaptive_avg_pool2d(x, feature.shape[-2:]).to(feature.dtype)
                levels.append(self.side[len(levels)](torch.cat([feature, known], 1)))
        levels[0] = levels[0] + self.first(self.stem(functional.pixel_unshuffle(x, 2)))
        y = decode_levels(self.attend(self.middle(levels[-1])), levels[:-1], self.up, self.decode)
        return functional.pixel_shuffle(self.head(y), 2)


def _blocks() -> list["_Inverted"]:
    blocks = []
    for kernel, stride, expansion, inside, outside, count in LITE0:
        for k in range(count):
            blocks.append(_Inverted(inside if k == 0 else outside, outside, kernel, stride if k == 0 else 1, expansion))
    return blocks


class _Conv(nn.Module):
    """A convolution padded as TensorFlow's 'same'."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outside, inside // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.kernel, self.stride, self.groups, self.act = kernel, stride, groups, act

    def forward(self, x: Tensor) -> Tensor:
        pad = 0
        if self.kernel > 1:
            rest = max((-(-x.shape[-1] // self.stride) - 1) * self.stride + self.kernel - x.shape[-1], 0)
            pad = rest // 2
            if rest % 2:
                x, pad = functional.pad(x, (pad, rest - pad, pad, rest - pad)), 0
        if self.groups > 1 and x.device.type == "cpu":
            # On CPUs the backward pass of wide depthwise kernels in bfloat16 takes eight times as long.
            with torch.autocast("cpu", enabled=False):
                y = functional.conv2d(x.float(), self.weight, self.bias, self.stride, pad, 1, self.groups)
        else:
            y = functional.conv2d(x, self.weight, self.bias, self.stride, pad, 1, self.groups)
        return functional.relu6(y) if self.act else y


class _Inverted(nn.Module):
    """Expand, filter each channel, project; a residual where shapes allow (MobileNetV2's block)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        layers = [_Conv(inside, wide, 1)] if expansion > 1 else []
        layers += [_Conv(wide, wide, kernel, stride, groups=wide), _Conv(wide, outside, 1, act=False)]
        self.body = nn.Sequential(*layers)
        self.has_skip = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.has_skip else self.body(x)
