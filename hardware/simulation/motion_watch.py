"""How the true joints of every arm move, whatever their encoders say: seen at each step of the physics."""

from bisect import bisect_right
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hardware.arms.emulator import PiperEmulator

#: An arm moves that is faster than this [rad/s]: servos tremble.
MOVING_RAD_S = 0.02
#: And stands once it is slower than this: what is left is the servos' own settling, a millimetre of the hand.
STANDING_RAD_S = 0.1


class MotionWatch:
    """A device of `SimClock` that does nothing but look; what falls without power does not move by our doing."""

    def __init__(self, emulators: Mapping[str, PiperEmulator]) -> None:
        self._emulators = emulators
        self._times_s: list[float] = []
        self._joints_rad: list[NDArray[np.float64]] = []
        self._speeds_rad_s: list[list[float]] = []  # of every arm's fastest joint

    def update(self, now_s: float) -> None:
        emulators = self._emulators.values()
        speeds = [float(np.abs(one.plant.velocities_rad_s()).max()) * one.is_powered for one in emulators]
        self._times_s.append(now_s)
        self._joints_rad.append(np.concatenate([one.plant.joints_rad() for one in emulators]))
        self._speeds_rad_s.append(speeds)

    def drained(self) -> bool:
        return True

    def fastest_rad_s(self, since_s: float) -> float:
        """The fastest joint of any arm since then."""
        return float(self._speeds(since_s).max(initial=0.0))

    def stopped_after_s(self, since_s: float) -> float:
        """How long after `since_s` the last joint came to stand for good; 0 where none moved."""
        moving = np.flatnonzero(self._speeds(since_s).max(axis=1) > STANDING_RAD_S)
        return self._times_s[self._first(since_s) + int(moving[-1])] - since_s if len(moving) else 0.0

    def begins_to_move_s(self, arm: str, since_s: float) -> float:
        """When an arm first moves after `since_s`; the last step where it does not."""
        moving = np.flatnonzero(self._speeds(since_s)[:, list(self._emulators).index(arm)] > MOVING_RAD_S)
        return self._times_s[self._first(since_s) + int(moving[0])] if len(moving) else self._times_s[-1]

    def travel_rad(self, since_s: float) -> float:
        """How far any joint got from where it was then."""
        joints = np.array(self._joints_rad[max(self._first(since_s) - 1, 0) :])
        return float(np.abs(joints - joints[0]).max()) if len(joints) else 0.0

    def _speeds(self, since_s: float) -> NDArray[np.float64]:
        """(steps, arms) since then."""
        return np.array(self._speeds_rad_s[self._first(since_s) :]).reshape(-1, len(self._emulators))

    def _first(self, since_s: float) -> int:
        return bisect_right(self._times_s, since_s)
