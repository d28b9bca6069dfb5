"""The digital cell's time: it passes only when somebody sleeps, and then the physics steps."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

#: Simulated time [s] between waits for the readers, and how long [s of wall clock] one wait may take.
_BATCH_S = 0.05
_PATIENCE_S = 1.5
_NAP_S = 1e-4


class Device(Protocol):
    """Something that runs beside the physics and talks to threads of the wall clock."""

    def update(self, now_s: float) -> None:
        """Acts at simulated time `now_s`."""
        ...

    def drained(self) -> bool:
        """Whether its listeners have read all it sent."""
        ...


class SimClock:
    """A `Clock` whose `sleep` advances the physics and then lets the arms' readers catch up.

    Simulated time may run faster or slower than the wall clock; what is read after `sleep` is what
    the cell looked like at its end, never older than one feedback period.
    """

    def __init__(self, step: Callable[[], None], timestep_s: float, devices: Sequence[Device]) -> None:
        """step: advances the physics by `timestep_s`; devices: the emulated arms."""
        self._step = step
        self._timestep_s = timestep_s
        self._devices = devices
        self._steps = 0
        self._wanted_s = 0.0

    def now_s(self) -> float:
        return self._steps * self._timestep_s

    def sleep(self, duration_s: float) -> None:
        """Lets simulated time pass; what is less than one step is kept for the next call."""
        self._wanted_s += max(duration_s, 0.0)
        while self._steps * self._timestep_s < self._wanted_s - self._timestep_s / 2:
            end_s = min(self.now_s() + _BATCH_S, self._wanted_s)
            self._advance(end_s)
            self._wait_for_readers()

    def _advance(self, end_s: float) -> None:
        while self._steps * self._timestep_s < end_s - self._timestep_s / 2:
            self._step()
            self._steps += 1
            for device in self._devices:
                device.update(self.now_s())

    def _wait_for_readers(self) -> None:
        """Bounded: a listener that has died must not hang the cell; its watchdog will say so."""
        give_up_s = time.monotonic() + _PATIENCE_S
        while not all(device.drained() for device in self._devices):
            if time.monotonic() > give_up_s:
                return
            time.sleep(_NAP_S)
