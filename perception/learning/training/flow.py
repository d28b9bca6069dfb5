"""Flow matching between depth's latents and noise, with the release's noise levels."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from perception.estimators.dkt.sampler import Schedule, released_schedule

#: Noise levels of the released `training_loss`: the sampler's schedule in this many steps.
LEVELS = 1000


@dataclass(frozen=True)
class Noised:
    """A point on the way from truth to noise: x_t = (1 - t) x_0 + t x_1, and its velocity x_1 - x_0."""

    latents: Tensor
    velocity: Tensor


def training_levels(dtype: torch.dtype) -> Schedule:
    """All levels t = 5 s / (1 + 4 s), s = 1, 0.999, .. 0.001, as inference's schedule of 1,000 steps has them.

    dtype: in which the transformer is told its timestep (released: rounded to it).
    """
    return released_schedule(LEVELS, dtype)


def noised(truth: Tensor, noise: Tensor, t: float) -> Noised:
    """Where truth x_0 is after the share t of the straight way to noise x_1, and how it moves there."""
    return Noised((1 - t) * truth + t * noise, noise - truth)


def velocity_loss(predicted: Tensor, velocity: Tensor, known: Tensor) -> Tensor:
    """Mean squared error (1, 16, T, h, w) over what is known; with everything known the plain mean.

    known: (1, 1, T, h, w) in 0..1, the weight of each latent.
    """
    errors = (predicted.float() - velocity.float()).square()
    weight = known.expand_as(errors)
    return (errors * weight).sum() / weight.sum()


def level_weights(weighting: Literal["plain", "released"]) -> Tensor:
    """(LEVELS,) what each level's loss is multiplied with; 1 on average.

    `released`: a bell around timestep 500 down to 0 at its lowest, of the released scheduler.
    """
    if weighting == "plain":
        return torch.ones(LEVELS)
    timesteps = training_levels(torch.float32).sigmas[:-1] * LEVELS
    bell = torch.exp(-2 * ((timesteps - LEVELS / 2) / LEVELS) ** 2)
    raised = bell - bell.min()
    return raised * (LEVELS / raised.sum())
