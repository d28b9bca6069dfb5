"""Time as the hardware sees it: the wall clock of a real cell, the stepped clock of the digital one."""

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock. In the digital cell `sleep` is what makes the physics advance."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Lets `duration_s` seconds of this clock pass."""
        ...


class WallClock:
    """Real time, immune to changes of the system's date."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        time.sleep(max(duration_s, 0.0))
