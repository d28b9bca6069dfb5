"""How the true joints of every arm move, whatever their encoders say: seen at each step of the physics."""

from bisect import bisect_right
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hardware.arms.emulator import PiperEmulator

#: Slower than this [rad/s] an arm stands: servos tremble.
STILL_RAD_S = 0.02


class MotionWatch:
    """A device of `SimClock` that does nothing but look; what falls without power does not move by our doing."""

    def __init__(self, emulators: Mapping[str, PiperEmulator]) -> None:
        self._emulators = emulators
        self._times_s: list[float] = []
        self._joints_rad: list[NDArray[np.float64]] = []
        self._speeds_rad_s: list[float] = []

    def update(self, now_s: float) -> None:
        emulators = self._emulators.values()
        speeds = [np.abs(one.plant.velocities_rad_s()).max() if one.is_powered else 0.0 for one in emulators]
        self._times_s.append(now_s)
        self._joints_rad.append(np.concatenate([one.plant.joints_rad() for one in emulators]))
        self._speeds_rad_s.append(float(max(speeds)))

    def drained(self) -> bool:
        return True

    def fastest_rad_s(self, since_s: float) -> float:
        """The fastest joint of any arm since then."""
        return max(self._speeds_rad_s[self._first(since_s) :], default=0.0)

    def stopped_after_s(self, since_s: float) -> float:
        """How long after `since_s` the last joint came to stand for good; 0 where none moved."""
        moving = np.flatnonzero(np.array(self._speeds_rad_s[self._first(since_s) :]) > STILL_RAD_S)
        return self._times_s[self._first(since_s) + int(moving[-1])] - since_s if len(moving) else 0.0

    def begins_to_move_s(self, since_s: float) -> float:
        """When the first joint moves after `since_s`; the last step where none does."""
        moving = np.flatnonzero(np.array(self._speeds_rad_s[self._first(since_s) :]) > STILL_RAD_S)
        return self._times_s[self._first(since_s) + int(moving[0])] if len(moving) else self._times_s[-1]

    def travel_rad(self, since_s: float) -> float:
        """How far any joint got from where it was then."""
        joints = np.array(self._joints_rad[max(self._first(since_s) - 1, 0) :])
        return float(np.abs(joints - joints[0]).max()) if len(joints) else 0.0

    def _first(self, since_s: float) -> int:
        return bisect_right(self._times_s, since_s)
