"""The one time line of a trial's recording."""

import time

from core.clock import Clock


class TrialClock:
    """Nanoseconds since 1970 that never go backwards, whatever is done to the system's date meanwhile.

    They are the machine's monotonic clock, laid onto the wall clock once, at the beginning. While arms move they are
    the cell's: in a real cell that is the same; in the digital one, whose time passes faster or slower than the
    machine's, motions so keep the speed that they were planned with.
    """

    def __init__(self, cell: Clock) -> None:
        self._cell = cell
        self._wall_ns, self._start_ns = time.time_ns(), time.monotonic_ns()
        self._moving: tuple[int, float] | None = None

    def now_ns(self) -> int:
        """From any thread."""
        if (moving := self._moving) is not None:
            began_ns, began_s = moving
            return began_ns + round((self._cell.now_s() - began_s) * 1e9)
        return self._wall_ns + time.monotonic_ns() - self._start_ns

    def begin_motion(self) -> None:
        self._moving = self.now_ns(), self._cell.now_s()

    def end_motion(self) -> None:
        """Goes on from where the cell's clock is."""
        if self._moving is not None:
            end_ns, self._moving = self.now_ns(), None
            self._wall_ns += end_ns - self.now_ns()
