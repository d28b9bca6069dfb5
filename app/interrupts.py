"""Ctrl-C with care: the first stops a motion and holds, the second stops now, none cuts the power."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

#: After a wish to stop, what is done to end well (arms hold, the row is written) is not broken off by more of them
#: within this long [s].
ENDING_S = 5.0


class Interrupts:
    """While entered, decides what SIGINT, SIGTERM and SIGHUP (a dropped SSH session) do.

    Outside a motion the first raises KeyboardInterrupt at once; more do nothing while its work is brought to an end.
    During a motion, the first makes `stop_requested` true, which the arm obeys with a controlled stop; each other calls
    `emergency`.
    """

    def __init__(self) -> None:
        self.stop_requested = False
        #: Whether arms were stopped at once: they are not held, but sink.
        self.was_emergency = False
        self.emergency: Callable[[], None] | None = None
        #: Called at the first wish to stop a motion: people who see no answer press again.
        self.acknowledge: Callable[[], None] | None = None
        self._saved: dict[int, object] = {}
        self._asked_s = float("-inf")

    def should_stop(self) -> bool:
        return self.stop_requested

    @property
    def aftermath(self) -> str:
        """What people must know of the arms once a person has stopped them."""
        if self.was_emergency:
            return "An arm is in EMERGENCY STOP and sinks: support it with your hands, then python main.py recover ARM."
        return "The arms hold where they are."

    def request(self) -> None:
        """Does what Ctrl-C does; any thread may call it."""
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            return  # the program is on its way out, which one more shall not break off either
        for number, handler in self._saved.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_ending = time.monotonic() < self._asked_s + ENDING_S
        if self.emergency is None and is_ending:
            return
        self._asked_s = time.monotonic()
        if self.emergency is None:
            raise KeyboardInterrupt
        if self.stop_requested:
            self.was_emergency |= self.emergency is not _stop_now
            self.emergency()
        elif self.acknowledge is not None:
            self.acknowledge()
        self.stop_requested = True


def _stop_now() -> None:
    raise KeyboardInterrupt
