"""How the true joints of every arm move, whatever their encoders say: seen at each step of the physics."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hardware.arms.emulator import PiperEmulator

#: Slower than this [rad/s] an arm stands: servos tremble.
STILL_RAD_S = 0.02


class MotionWatch:
    """A device of `SimClock` that does nothing but look."""

    def __init__(self, emulators: Mapping[str, PiperEmulator]) -> None:
        self._emulators = emulators
        self._times_s: list[float] = []
        self._speeds_rad_s: list[float] = []

    def update(self, now_s: float) -> None:
        speeds = [np.abs(emulator.plant.velocities_rad_s()).max() for emulator in self._emulators.values()]
        self._times_s.append(now_s)
        self._speeds_rad_s.append(float(max(speeds)))

    def drained(self) -> bool:
        return True

    def joints_rad(self) -> dict[str, NDArray[np.float64]]:
        return {name: emulator.plant.joints_rad().copy() for name, emulator in self._emulators.items()}

    def fastest_rad_s(self, since_s: float) -> float:
        """The fastest joint of any arm since then."""
        return max((v for t, v in zip(self._times_s, self._speeds_rad_s, strict=True) if t > since_s), default=0.0)

    def stopped_after_s(self, since_s: float) -> float:
        """How long after `since_s` the last joint came to stand for good; 0 where none moved."""
        moving = [t for t, v in zip(self._times_s, self._speeds_rad_s, strict=True) if t > since_s and v > STILL_RAD_S]
        return moving[-1] - since_s if moving else 0.0
