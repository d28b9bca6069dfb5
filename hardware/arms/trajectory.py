"""A joint path with times: what planners make, the gate checks and arms follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class JointTrajectory:
    """times_s (N,) from 0, strictly increasing; positions_rad (N, 6); ends at rest."""

    times_s: NDArray[np.float64]
    positions_rad: NDArray[np.float64]

    @property
    def duration_s(self) -> float:
        return float(self.times_s[-1])

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Joint positions (6,) at a time, held at both ends."""
        return np.array([np.interp(time_s, self.times_s, column) for column in self.positions_rad.T])
