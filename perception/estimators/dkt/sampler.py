"""The released sampler over a stream of latent frames: its noise levels, its noise, its overlapping windows.

It runs each step over the whole clip: windows of 21 latents, 18 apart, their velocities blended where they
overlap. A window's step needs of the step before only the frames under it, so the steps follow one another
through the clip like wave fronts, each a window behind the last: any length in the memory of a few windows,
and the same numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import ConfigurationError

#: Of the released sampler.
SHIFT = 5.0
STEPS = 5


@dataclass(frozen=True)
class Schedule:
    """sigmas (N + 1,) float32 from 1 to 0, and the timesteps (N,) that the transformer is told."""

    sigmas: Tensor
    timesteps: Tensor

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    def change(self, step: int) -> float:
        """What a velocity is multiplied with in a step."""
        return float(self.sigmas[step + 1] - self.sigmas[step])


def released_schedule(steps: int = STEPS, dtype: torch.dtype = torch.float32) -> Schedule:
    """Sigmas 1, .952381, .882353, .769231, .555556, 0 for five steps; in bf16 the timesteps are rounded."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    # Its own sigmas would end at another place than the released sampler's.
    scheduler.set_timesteps(sigmas=np.linspace(1, 0, steps + 1)[:-1])
    return Schedule(scheduler.sigmas.float().cpu(), scheduler.timesteps.to(dtype).float().cpu())


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


#: In latents, of the released sampler.
WINDOW, STRIDE = 21, 18

#: latents and colour latents (1, C, T, h, w) of a window -> velocity of the same shape.
Velocity = Callable[[Tensor, Tensor], Tensor]


def demand_windows(window: int, stride: int) -> None:
    """Raises ConfigurationError unless windows of this size and stride cover every latent."""
    if not 1 <= stride <= window:
        raise ConfigurationError(
            f"Windows of {window} latents, {stride} apart, do not cover a clip.",
            f"Choose 1 <= --stride <= --window (as released: --window {WINDOW} --stride {STRIDE}).",
        )


def window_count(latents: int, window: int, stride: int) -> int:
    """Windows that cover so many latents."""
    return 1 + max(0, -(-(latents - window) // stride))


class WindowedStep:
    """One denoising step: frames in, the same frames a step less noisy out, once no window can change them."""

    def __init__(self, velocity: Velocity, change: float, window: int, stride: int) -> None:
        demand_windows(window, stride)
        self._velocity = velocity
        self._change = change
        self._window, self._stride = window, stride
        self._latents: list[Tensor] = []
        self._colors: list[Tensor] = []
        self._is_first = True
        #: Blended so far over the first frames that wait: sum of weighted velocities, sum of weights.
        self._blend: tuple[Tensor, Tensor] | None = None

    def push(self, latent: Tensor, color: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Takes a frame (1, C, 1, h, w) and its colour; gives those that became final."""
        self._latents.append(latent)
        self._colors.append(color)
        # One frame more than a window: only then is it known not to be the last one.
        return self._run(self._window, is_last=False) if len(self._latents) > self._window else []

    def finish(self) -> list[tuple[Tensor, Tensor]]:
        """The frames still waiting; the last window is as short as they are."""
        return self._run(len(self._latents), is_last=True) if self._latents else []

    def state(self) -> dict[str, Any]:
        waiting = {"latents": list(self._latents), "colors": list(self._colors)}
        return waiting | {"is_first": self._is_first, "blend": self._blend}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._latents, self._colors = list(state["latents"]), list(state["colors"])
        self._is_first, self._blend = state["is_first"], state["blend"]

    def _run(self, length: int, is_last: bool) -> list[tuple[Tensor, Tensor]]:
        latents, colors = torch.cat(self._latents[:length], 2), torch.cat(self._colors[:length], 2)
        weight = blend_weights(length, self._window - self._stride, self._is_first, is_last).to(latents)
        weight = weight.reshape(1, 1, -1, 1, 1)
        value = self._velocity(latents, colors) * weight
        if self._blend is not None:
            earlier, earlier_weight = self._blend
            shared = earlier.shape[2]
            value = torch.cat([earlier + value[:, :, :shared], value[:, :, shared:]], 2)
            weight = torch.cat([earlier_weight + weight[:, :, :shared], weight[:, :, shared:]], 2)
        final = length if is_last else self._stride
        done = latents[:, :, :final] + value[:, :, :final] / weight[:, :, :final] * self._change
        self._blend = None if is_last or final == length else (value[:, :, final:], weight[:, :, final:])
        self._is_first = False
        out_colors = self._colors[:final]
        del self._latents[:final], self._colors[:final]
        return list(zip(done.split(1, 2), out_colors, strict=True))


def blend_weights(length: int, overlap: int, is_first: bool, is_last: bool) -> Tensor:
    """(length,) float32: ramps of half steps (1/6, 3/6, 5/6 for 3) on the sides that have a neighbour."""
    weights = torch.ones(length)
    if overlap:
        ramp = (torch.arange(overlap) + 0.5) / overlap
        if not is_first:
            weights[:overlap] = ramp
        if not is_last:
            weights[-overlap:] = ramp.flip(0)
    return weights
