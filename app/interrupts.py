"""Ctrl-C with care: the first stops a motion and holds, the second stops now, none cuts the power."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Interrupts:
    """While entered, decides what SIGINT, SIGTERM and SIGHUP (a dropped SSH session) do.

    Outside a motion they raise KeyboardInterrupt at once. During one, the first makes
    `stop_requested` true, which the arm obeys with a controlled stop; a second calls `emergency`.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        self.emergency: Callable[[], None] | None = None
        self._saved: dict[int, object] = {}

    def should_stop(self) -> bool:
        return self.stop_requested

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Within, the first only makes `stop_requested` true, for work that saves first; the second stops now."""
        self.emergency = _stop_now
        try:
            yield
        finally:
            self.emergency = None

    def __enter__(self) -> "Interrupts":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._saved[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._saved.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.emergency is None:
            raise KeyboardInterrupt
        if self.stop_requested:
            self.emergency()
        self.stop_requested = True


def _stop_now() -> None:
    raise KeyboardInterrupt
