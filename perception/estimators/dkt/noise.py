"""The released sampler's noise, latent frame by latent frame, whatever the length of the clip."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

#: Of the released sampler.
SEED = 1
#: torch fills normal numbers in groups of this many (Box-Muller on eight pairs): draws of whole
#: groups, one after the other, are the numbers of one long draw.
_GROUP = 16
_SKIP = 1 << 20


class NoiseStream:
    """`torch.randn((1, channels, frames, height, width))` of a seed, cut along its frames.

    The tensor is drawn channel by channel, and an hour of video makes it gigabytes: so each channel
    keeps a generator of its own, set to where the channel begins.
    """

    def __init__(self, channels: int, frames: int, height: int, width: int, seed: int = SEED) -> None:
        self._shape = (height, width)
        self._channels = _channel_starts(channels, frames * height * width, seed)

    def next(self) -> Tensor:
        """The next latent frame's noise (1, channels, 1, height, width) float32."""
        height, width = self._shape
        frame = torch.stack([channel.draw(height * width) for channel in self._channels])
        return frame.reshape(1, -1, 1, height, width)

    def state(self) -> dict[str, Any]:
        return {"channels": [channel.state() for channel in self._channels]}

    def restore(self, state: Mapping[str, Any]) -> None:
        for channel, its in zip(self._channels, state["channels"], strict=True):
            channel.restore(its)


class _Normals:
    """Normal numbers of one generator, in any portions."""

    def __init__(self, state: Tensor, skip: int) -> None:
        self._generator = torch.Generator()
        self._generator.set_state(state)
        self._left = torch.empty(0)
        self.draw(skip)

    def draw(self, count: int) -> Tensor:
        lacking = count - len(self._left)
        if lacking > 0:
            drawn = torch.randn(-(-lacking // _GROUP) * _GROUP, generator=self._generator)
            self._left = torch.cat([self._left, drawn])
        numbers, self._left = self._left[:count], self._left[count:].clone()
        return numbers

    def state(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "left": self._left.clone()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._left = state["left"].clone()


def _channel_starts(channels: int, each: int, seed: int) -> list[_Normals]:
    """A source of numbers for each channel, `each` numbers apart in one draw."""
    generator = torch.Generator().manual_seed(seed)
    sources, drawn = [], 0
    for channel in range(channels):
        start = channel * each
        while (groups := (start - drawn) // _GROUP) > 0:
            portion = min(groups * _GROUP, _SKIP)
            torch.randn(portion, generator=generator)
            drawn += portion
        sources.append(_Normals(generator.get_state(), start - drawn))
    return sources
