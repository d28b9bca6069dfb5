"""The faults of the bench: what strikes, in which phases it can, and how a trial may end then."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from can import Message
from can.interfaces.virtual import VirtualBus

from app.bench.faults.cell import FaultyCell
from app.bench.faults.script import BROKEN, MOVING, Phase
from core.errors import CameraError
from hardware.arms import can_protocol as protocol
from hardware.arms.emulated_faults import ALL_JOINTS
from trials.record import Outcome, Reason

Strike = Callable[[FaultyCell], None]

BEFORE = (Phase.IDLE, Phase.CAPTURE, Phase.ESTIMATE, Phase.PLAN, Phase.APPROVE)
ALL = (Phase.OPEN, *BEFORE, *MOVING, Phase.LOG)
SEEN = (Phase.IDLE, Phase.CAPTURE)
STOP_S = 0.2


@dataclass(frozen=True)
class Fault:
    """One fault. of: the part that fails.

    reasons: what the log may call it. exits: what the command may end with. stop_s: an arm in motion stands so long
    after it at the latest; None: the motion may go on, since it is safe. outcomes: where it does not refuse a trial
    before a motion and break it off in one. estimator: another than the scripted oracle.
    """

    name: str
    of: str
    phases: tuple[Phase, ...]
    strike: Strike
    reasons: tuple[Reason, ...]
    exits: tuple[int, ...] = (1,)
    stop_s: float | None = STOP_S
    outcomes: tuple[Outcome, ...] = ()
    estimator: str = ""


def _arm(name: str, change: Callable[[FaultyCell], None], phases: tuple[Phase, ...] = ALL[:-1]) -> Fault:
    return Fault(name, "arm", phases, change, (Reason.ARM, Reason.TRACKING))


def _set(**changes: object) -> Strike:
    """Switches faults of the moving arm's controller on."""

    def strike(cell: FaultyCell) -> None:
        for name, value in changes.items():
            setattr(cell.emulators[cell.moving].faults, name, value)

    return strike


def _along(joint: int, value: float) -> np.ndarray:
    return value * (np.arange(6) == joint)


def _press_stop(cell: FaultyCell) -> None:
    """The red button: the controller itself stops."""
    with VirtualBus(cell.emulators[cell.moving].channel) as bus:
        bus.send(Message(arbitration_id=protocol.Command.STOP, data=[1] + [0] * 7, is_extended_id=False))


def _signals(number: int, count: int = 1) -> Strike:
    def strike(cell: FaultyCell) -> None:
        for _ in range(count):
            os.kill(os.getpid(), number)
            time.sleep(0.0)

    return strike


def _camera(
    name: str,
    phases: tuple[Phase, ...] = SEEN,
    reasons: tuple[Reason, ...] = (Reason.CAMERA,),
    estimator: str = "",
    **changes: object,
) -> Fault:
    def strike(cell: FaultyCell) -> None:
        for attribute, value in changes.items():
            setattr(cell.camera.faults, attribute, value)

    return Fault(name, "camera", phases, strike, reasons, exits=(0, 1), estimator=estimator)


def _part(part: str, name: str, wrong: Callable[[Callable[[], object]], object], reason: Reason, phase: Phase) -> Fault:
    def strike(cell: FaultyCell) -> None:
        BROKEN[part] = wrong

    return Fault(f"{part} {name}", part, (phase,), strike, (reason,), exits=(0, 1))


def _raising(error: Exception) -> Callable[[Callable[[], object]], object]:
    def wrong(work: Callable[[], object]) -> object:
        raise error

    return wrong


_ALL_FAULTS = (
    _arm("bus silent", _set(unplugged=True)),
    _arm(
        "feedback frozen",
        _set(frozen=ALL_JOINTS),
        (Phase.OPEN, Phase.IDLE, Phase.TRANSIT, Phase.APPROACH, Phase.LIFT, Phase.PLACE),
    ),
    _arm("feedback zero", _set(zeroed=ALL_JOINTS)),
    _arm("joint 2 frozen", _set(frozen=(1,)), (Phase.IDLE, Phase.TRANSIT, Phase.APPROACH, Phase.LIFT, Phase.PLACE)),
    _arm("joint 1 drifts", _set(drift_rad_s=_along(0, 0.5)), (Phase.TRANSIT, Phase.APPROACH, Phase.LIFT, Phase.PLACE)),
    _arm("joint 3 reads 10° off", _set(offset_rad=_along(2, np.deg2rad(10)))),
    _arm("e-stop pressed", _press_stop),
    _arm("motor fault", _set(error_bits=0x0001)),
    Fault("Ctrl-C", "signal", ALL, _signals(signal.SIGINT), (Reason.OPERATOR,), exits=(130,), stop_s=0.5),
    Fault(
        "kill -9",
        "process",
        BEFORE + MOVING,
        _signals(signal.SIGKILL),
        (Reason.CRASH,),
        exits=(-9,),
        outcomes=(Outcome.INTERRUPTED,),
    ),
    _camera(
        "camera unplugged",
        raises=CameraError("d435 0 was unplugged and did not come back.", "Plug it in and start again."),
    ),
    _camera("tags covered", reasons=(Reason.TABLE,), covered=True),
    _part("estimator", "raises ValueError", _raising(ValueError("shapes do not match")), Reason.DEPTH, Phase.ESTIMATE),
    _part("planner", "raises ValueError", _raising(ValueError("no such frame")), Reason.NO_PLAN, Phase.PLAN),
)
FAULTS = {fault.name: fault for fault in _ALL_FAULTS}
