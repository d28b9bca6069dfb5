"""The network of vitro-s: a small convolutional encoder and decoder with one look at the whole picture.

It is told the table's plane in every pixel and answers with how far above it the first surface is.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from perception.estimators.vitro_s.encoding import CHANNELS

#: Channels by level; level k works at 1/2^(k+1) of the picture's resolution.
WIDTHS = (32, 64, 128, 192, 256)
#: Residual blocks by level on the way down; on the way up there is one a level.
DEPTHS = (1, 1, 2, 2, 2)
OUTPUTS = 3
GROUPS = 8
HEADS = 8
#: Pictures are padded to a multiple of this.
MULTIPLE = 2 ** len(WIDTHS)


class VitroNet(nn.Module):
    """(B, CHANNELS, H, W) in, (B, 3, H, W) out: encoded depth, the log of its expected error (`encoding`), and
    the logit of standing above the table, which keeps outlines sharp in training.

    H and W are multiples of `MULTIPLE`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4 * CHANNELS, WIDTHS[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(WIDTHS))
        self.encode = nn.ModuleList(
            nn.Sequential(*[Block(width) for _ in range(depth)]) for width, depth in zip(WIDTHS, DEPTHS, strict=True)
        )
        self.attend = Attention(WIDTHS[-1])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(WIDTHS))
        self.decode = nn.ModuleList(Block(width) for width in WIDTHS[:-1])
        self.head = nn.Conv2d(WIDTHS[0], 4 * OUTPUTS, 3, padding=1)
        # The first answer is the bare table.
        for tensor in self.head.parameters():
            nn.init.zeros_(tensor)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(functional.pixel_unshuffle(x, 2))
        skips = []
        for level, encode in enumerate(self.encode):
            x = encode(x)
            if level < len(self.down):
                skips.append(x)
                x = self.down[level](x)
        return functional.pixel_shuffle(self.head(decode_levels(self.attend(x), skips, self.up, self.decode)), 2)


def decode_levels(x: Tensor, skips: Sequence[Tensor], up: nn.ModuleList, decode: nn.ModuleList) -> Tensor:
    """The coarsest level's features x brought up through the levels, the encoder's `skips` added to each."""
    for level in reversed(range(len(skips))):
        wider = functional.interpolate(up[level](x), scale_factor=2.0, mode="bilinear", align_corners=False)
        x = decode[level](wider + skips[level])
    return x


class Block(nn.Module):
    """Two 3x3 convolutions around a residual, normalised by groups."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(self.norm(x)))))


class Attention(nn.Module):
    """Self-attention over the coarsest level: what one glass looks like tells about the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        b, width, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, HEADS, width // HEADS, h * w).transpose(-1, -2).unbind(1)
        seen = functional.scaled_dot_product_attention(q, k, v)
        return x + self.out(seen.transpose(-1, -2).reshape(b, width, h, w))


def parameters(net: VitroNet) -> int:
    """How many numbers it has."""
    return sum(p.numel() for p in net.parameters())


def pad_to_multiple(x: Tensor) -> Tensor:
    """Repeats the last row and column of (B, C, H, W) up to a size that the network takes."""
    height, width = x.shape[-2:]
    return functional.pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
