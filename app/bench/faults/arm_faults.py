"""Faults of arms, their buses and what they hold: switched on in the emulated controller and in the physics."""

import numpy as np
from can import Message
from can.interfaces.virtual import VirtualBus
from numpy.typing import NDArray

from app.bench.faults.cell import FaultyCell
from app.bench.faults.kinds import BEFORE, Fault, Strike
from app.bench.faults.script import MOVING, Stage
from core.cell_parts import ArmMount
from hardware.arms import can_protocol as protocol
from hardware.arms.can_interfaces import ChannelLock
from hardware.arms.emulated_faults import ALL_JOINTS
from hardware.arms.piper_arm import PiperArm
from trials.record import Outcome, Reason

_ANY = (Stage.OPEN, *BEFORE, *MOVING)
#: While joints move: the fingers' feedback is another.
_JOINTS_MOVE = (Stage.TRANSIT, Stage.APPROACH, Stage.LIFT, Stage.PLACE)
#: For a part of a second false feedback comes and goes [s].
_GLITCH_S = 1.0


def _switch(**changes: object) -> Strike:
    """Switches faults of the moving arm's controller on."""

    def strike(cell: FaultyCell) -> None:
        for name, value in changes.items():
            setattr(cell.emulators[cell.moving].faults, name, value)

    return strike


def _glitch(on: Strike, off: Strike) -> Strike:
    """A second at rest only."""

    def strike(cell: FaultyCell) -> None:
        on(cell)
        cell.clock.sleep(_GLITCH_S)
        off(cell)

    return strike


def _strike_at_rest(strike: Strike) -> Strike:
    """Strikes the arm that stands still."""

    def strike_other(cell: FaultyCell) -> None:
        moving = cell.moving
        cell.moving = next(name for name in cell.emulators if name != moving)
        strike(cell)
        cell.moving = moving

    return strike_other


def _joint(number: int, value: float) -> NDArray[np.float64]:
    return np.where(np.arange(1, 7) == number, value, 0.0)


def _send(command: protocol.Command, first: int) -> Strike:
    """Another sender on the bus; 0x150 01 is also what the red button does."""

    def strike(cell: FaultyCell) -> None:
        with VirtualBus(cell.emulators[cell.moving].channel) as bus:
            bus.send(Message(arbitration_id=command, data=[first, *[0] * 7], is_extended_id=False))

    return strike


def _open_again(cell: FaultyCell) -> None:
    """A second process: the lock is the same as between two of ours."""
    channel = f"bench-{cell.emulators['left'].channel}"
    first = ChannelLock(channel)
    first.acquire()
    try:
        mount = ArmMount(channel=channel, base_m=(0.0, 0.0, 0.0), gripper_stroke_m=0.07)
        PiperArm("left", channel, mount, cell.clock).connect()
    finally:
        first.release()


def _arm(name: str, strike: Strike, phases: tuple[Stage, ...] = _ANY, shows_at_rest: bool = True) -> Fault:
    return Fault(name, "arm", phases, strike, (Reason.ARM, Reason.TRACKING), shows_at_rest=shows_at_rest)


_zero, _true = _switch(zeroed=ALL_JOINTS), _switch(zeroed=())
_at_rest = (Stage.IDLE, Stage.PLAN)


FAULTS = (
    _arm("bus silent", _switch(unplugged=True)),
    _arm("resting arm's bus silent", _strike_at_rest(_switch(unplugged=True)), BEFORE),
    _arm("feedback frozen", _switch(frozen=ALL_JOINTS), _JOINTS_MOVE),
    _arm(
        "feedback frozen at rest",
        _switch(frozen=ALL_JOINTS),
        (Stage.OPEN, Stage.IDLE, Stage.APPROVE),
        False,
    ),
    _arm("feedback zero", _zero),
    _arm("feedback zero for a second", _glitch(_zero, _true), _at_rest),
    _arm("joint 2 frozen", _switch(frozen=(1,)), _JOINTS_MOVE),
    _arm("joint 5 frozen", _switch(frozen=(4,)), (Stage.TRANSIT, Stage.PLACE)),
    _arm("joint 2 frozen at rest", _switch(frozen=(1,)), (Stage.OPEN, Stage.IDLE, Stage.APPROVE), False),
    _arm("joint 1 drifts", _switch(drift_rad_s=_joint(1, 0.5)), (*BEFORE, *_JOINTS_MOVE)),
    _arm("joint 3 reads 10° off", _switch(offset_rad=_joint(3, np.deg2rad(10)))),
    _arm("joint 4 reads 3° off", _switch(offset_rad=_joint(4, np.deg2rad(3))), BEFORE),
    Fault(
        "joint 4 forced by 10°",
        "arm",
        (Stage.OPEN,),
        lambda cell: cell.force_joint(3),
        (Reason.ARM,),
        stop_s=None,
        outcomes=(Outcome.INTERRUPTED,),  # the arm shows itself to the camera, and goes back
    ),
    _arm("short frames", _switch(short_frames=True), (Stage.IDLE, Stage.TRANSIT, Stage.LIFT)),
    _arm("commands unheard", _switch(deaf=True), (Stage.OPEN, *_JOINTS_MOVE)),
    _arm("e-stop pressed", _send(protocol.Command.STOP, protocol.Stop.STOP)),
    _arm("another program moves it", _send(protocol.Command.JOINTS_12, 0), (Stage.IDLE, *_JOINTS_MOVE)),
    _arm("another program opens its hand", _send(protocol.Command.GRIPPER, 0), (Stage.IDLE, Stage.TRANSIT)),
    _arm("teach mode", _switch(control_mode=protocol.ControlMode.TEACH)),
    _arm(
        "master mode",
        _switch(master_mode=True),
        (Stage.OPEN, Stage.IDLE, Stage.TRANSIT, Stage.LIFT),
    ),
    _arm("joint communication lost", _switch(error_bits=0x0001)),
    _arm("collision reported", _switch(arm_status=0x07), (*BEFORE, *MOVING)),
    _arm("motor over-current", _switch(motor_bits={1: int(protocol.MotorBit.OVERCURRENT)}), (*BEFORE, *MOVING)),
    Fault("driven by another process", "arm", (Stage.OPEN,), _open_again, (Reason.ARM,)),
    Fault(
        "object gone",
        "object",
        (Stage.APPROACH, Stage.LIFT),
        FaultyCell.lose_object,
        (Reason.EMPTY, Reason.SLIP),
        exits=(0,),
        stop_s=None,
        outcomes=(Outcome.FAILURE,),
    ),
    Fault(
        "object lost on the way to the bin",
        "object",
        (Stage.PLACE,),
        FaultyCell.lose_object,
        (Reason.SLIP,),
        exits=(0,),
        stop_s=None,
        outcomes=(Outcome.SUCCESS, Outcome.FAILURE),
    ),
)
