"""The noise levels of the released sampler."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
