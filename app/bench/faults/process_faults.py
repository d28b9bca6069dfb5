"""Faults of what runs Vitro: signals, a killed process, a full disk, a clock that jumps."""

import os
import resource
import signal
import threading
import time

from app.bench.faults.cell import FaultyCell
from app.bench.faults.kinds import BEFORE, Fault, Strike
from app.bench.faults.script import MOVING, Stage
from trials.record import Outcome, Reason

_ANY = (Stage.OPEN, *BEFORE, *MOVING, Stage.LOG)
#: A wished-for stop slows down along the path for 0.3 s, then settles.
_CONTROLLED_STOP_S = 0.6
#: Between presses of a key held down, or hammered [s].
_AGAIN_S = 0.1


def _kill(number: int, times: int = 1) -> Strike:
    """Sends a signal to this process, again and again."""

    def send_more() -> None:
        for _ in range(times - 1):
            time.sleep(_AGAIN_S)
            os.kill(os.getpid(), number)

    def strike(cell: FaultyCell) -> None:
        if times > 1:
            threading.Thread(target=send_more, daemon=True).start()
        os.kill(os.getpid(), number)

    return strike


def _signal(name: str, strike: Strike, phases: tuple[Stage, ...] = _ANY) -> Fault:
    reasons = (Reason.OPERATOR, Reason.ARM)  # a second one is an emergency stop
    return Fault(name, "signal", phases, strike, reasons, exits=(130,), stop_s=_CONTROLLED_STOP_S)


def _fill_disk(cell: FaultyCell) -> None:
    """No file grows any more: every write beyond its end fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def _jump(seconds: float) -> Strike:
    """Sets the wall clock; the monotonic one, as the kernel's, goes on."""

    def strike(cell: FaultyCell) -> None:
        true_time = time.time
        time.time = lambda: true_time() + seconds

    return strike


def _disk(phases: tuple[Stage, ...], stop_s: float | None, *outcomes: Outcome) -> Fault:
    reasons = (Reason.CRASH, Reason.OPERATOR)
    name = f"disk full {'at rest' if stop_s else 'in motion'}"
    return Fault(name, "disk", phases, _fill_disk, reasons, stop_s=stop_s, outcomes=outcomes)


def _clock(name: str, seconds: float) -> Fault:
    phases = (Stage.IDLE, Stage.APPROVE, Stage.TRANSIT, Stage.LIFT)
    return Fault(name, "clock", phases, _jump(seconds), (), exits=(0,), stop_s=None, outcomes=(Outcome.SUCCESS,))


FAULTS = (
    _signal("Ctrl-C", _kill(signal.SIGINT)),
    _signal("Ctrl-C twice", _kill(signal.SIGINT, 2)),
    _signal(
        "Ctrl-C six times",
        _kill(signal.SIGINT, 6),
        (Stage.CAPTURE, Stage.ESTIMATE, Stage.APPROVE, Stage.LIFT),
    ),
    _signal("SIGTERM", _kill(signal.SIGTERM)),
    _signal("SIGHUP", _kill(signal.SIGHUP)),
    Fault(
        "kill -9",
        "process",
        (*BEFORE, *MOVING, Stage.LOG),
        _kill(signal.SIGKILL),
        (Reason.CRASH,),
        exits=(-signal.SIGKILL,),
    ),
    _disk(
        (Stage.IDLE, Stage.CAPTURE, Stage.PLAN, Stage.APPROVE),
        0.2,
        Outcome.REFUSED,
        Outcome.INTERRUPTED,
    ),
    _disk((*MOVING, Stage.LOG), None, Outcome.SUCCESS, Outcome.INTERRUPTED),
    _clock("clock a day ahead", 86400.0),
    _clock("clock a day back", -86400.0),
)
