"""What became of an arm that somebody else commands, in the words for the person beside it."""

from collections.abc import Callable

from core.clock import Clock
from hardware.arms import can_protocol as protocol
from hardware.arms.feedback.frame_watch import FEEDBACK
from hardware.arms.handshake import wait_until
from hardware.arms.piper_bus import PiperBus

#: An arm reports its power 40 times a second: so long [s] a report is waited for that knows of the command.
_REPORT_S = 0.1


def tell_outcome(bus: PiperBus, clock: Clock, stop: Callable[[], tuple[bool, bool]]) -> str:
    """One sentence, by what the arm reports from now on.

    Args:
        stop: whether this process answered with a stop, and whether the bus took it; asked last, since the bus reader's
            thread may send one meanwhile.
    """
    asked_s = clock.now_s()
    reports = wait_until(lambda: bus.watch.oldest_s(FEEDBACK)[1] > asked_s, clock, _REPORT_S)
    reading, (stop_tried, stop_sent) = bus.read(), stop()
    stopped = stop_sent or reading.stopped
    if stop_tried and not stopped:
        return "The stop could not be sent: use the arm's own switch."
    if not reading.enabled:
        return "Its motors are off: support it."
    if stopped:
        return "It was stopped, and sinks."
    if not reports:
        return "Whether it holds it does not report: be ready to support it."
    is_moved = bus.watch.foreign_command in protocol.MOVING
    return "Its motors are on, and it obeys: keep clear." if is_moved else "It holds."
