"""Overlapping windows over a stream of latent frames, blended at every denoising step.

The released sampler runs each step over the whole clip: windows of 21 latents, 18 apart, their
velocities blended where they overlap. A window's step needs of the step before only the frames
under it, so the steps follow one another through the clip like wave fronts, each a window behind
the last: any length in the memory of a few windows, and the same numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from core.errors import ConfigurationError

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
