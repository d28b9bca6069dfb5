"""What goes before an arm's first motion: does it report, is it the one that the cell names; then its motors are
switched on, and it is made to listen."""

import logging
from collections.abc import Callable

from core.cell_parts import ArmMount
from core.clock import Clock
from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.feedback.frame_watch import FEEDBACK
from hardware.arms.piper_bus import PiperBus

_log = logging.getLogger(__name__)

_POLL_S = 0.02
#: The SDK's reader may still sleep up to 1 s on a bus closed before [s].
_REPORT_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 0.3
_ENABLE_TIMEOUT_S, _MODE_TIMEOUT_S = 3.0, 0.5
#: Force with which a gripper is kept where it is that was off [N].
_KEEP_FORCE_N = 10.0


def shake_hands(arm: str, mount: ArmMount, bus: PiperBus, clock: Clock) -> None:
    """Waits for all feedback, then checks firmware family and gripper stroke (and stores the stroke once).

    Raises:
        ArmError: silent, in master mode, incomplete, or another firmware or gripper than `mount` says.
    """
    _await_feedback(arm, bus, clock)
    _check_firmware(arm, mount, bus, clock)
    _check_stroke(arm, mount, bus, clock)


def wait_until(condition: Callable[[], bool], clock: Clock, timeout_s: float) -> bool:
    """Polls; False when `timeout_s` of the arm's clock have passed without it."""
    deadline_s = clock.now_s() + timeout_s
    while not condition():
        if clock.now_s() > deadline_s:
            return False
        clock.sleep(_POLL_S)
    return True


def power_motors(arm: str, is_powered: Callable[[], bool], bus: PiperBus, clock: Clock) -> None:
    """Switches the motors on.

    Raises:
        ArmError: they stay off, or as `is_powered`, which is asked again and again.
    """
    deadline_s = clock.now_s() + _ENABLE_TIMEOUT_S
    while not is_powered():
        if clock.now_s() > deadline_s:
            cause = f"The {arm} arm's motors did not switch on within {_ENABLE_TIMEOUT_S:.0f} s."
            raise ArmError(cause, "Check its 24 V supply and the emergency-stop button, then start again.")
        bus.send_enable()
        clock.sleep(_POLL_S)


def keep_grip(mount: ArmMount, width_m: float, bus: PiperBus) -> None:
    """Has a gripper that was off hold where it is. Not for one that is on: it might let go of what it holds."""
    stroke_m = mount.gripper_stroke_m
    bus.send_gripper(min(max(width_m, 0.0), stroke_m), _KEEP_FORCE_N, stroke_m)


def take_control(arm: str, speed: float, bus: PiperBus, clock: Clock) -> None:
    """Has the controller listen, and keep to a share of full speed. Raises ArmError: it keeps another mode."""
    bus.send_joint_mode(speed)
    if not wait_until(lambda: bus.control_mode() == protocol.ControlMode.CAN, clock, _MODE_TIMEOUT_S):
        cause = f"The {arm} arm stays in control mode {bus.control_mode()} and ignores commands."
        raise ArmError(cause, "Leave teach mode at the arm's button (its light goes out), then start again.")


def _await_feedback(arm: str, bus: PiperBus, clock: Clock) -> None:
    watch, channel = bus.watch, bus.channel
    if wait_until(lambda: watch.saw(FEEDBACK), clock, _REPORT_TIMEOUT_S):
        return
    if not watch.saw_any():
        raise ArmError(
            f"The {arm} arm is silent: nothing arrives on {channel}.",
            f"Switch the arm on and check the cable; the bit rate must be {protocol.BITRATE}: "
            f"sudo ip link set {channel} up type can bitrate {protocol.BITRATE}.",
        )
    missing = [identifier for identifier in FEEDBACK if not watch.saw((identifier,))]
    if protocol.Feedback.STATUS in missing:
        raise ArmError(
            f"The {arm} arm on {channel} does not report (no 0x2A1): it is in master mode.",
            "Set it to slave mode with the SDK's MasterSlaveConfig(0xFC, 0, 0, 0), then switch it off and on.",
        )
    names = ", ".join(f"0x{identifier:X}" for identifier in missing)
    cause = f"The {arm} arm on {channel} leaves out {names}."
    raise ArmError(cause, "Check the joints' and the gripper's cables and update the firmware, then start again.")


def _check_firmware(arm: str, mount: ArmMount, bus: PiperBus, clock: Clock) -> None:
    """The two families differ by 2 degrees on joints 2 and 3: about 1 cm at the tool."""
    if not wait_until(lambda: bus.firmware() is not None, clock, _ANSWER_TIMEOUT_S):
        _log.warning("the %s arm does not tell its firmware; the cell says %s", arm, mount.firmware)
        return
    version = bus.firmware() or (0, 0, 0)
    if protocol.family(version) != mount.firmware:
        raise ArmError(
            f"The {arm} arm's firmware {protocol.version_name(version)} is of the `{protocol.family(version)}` family, "
            f"the cell says `{mount.firmware}`: its tool would be 1 cm off.",
            f"Write firmware: {protocol.family(version)} under arms.{arm} in the cell file.",
        )
    if fault := protocol.known_fault(version):
        _log.warning(
            "the %s arm's firmware is %s: %s; ask AgileX for another", arm, protocol.version_name(version), fault
        )


def _check_stroke(arm: str, mount: ArmMount, bus: PiperBus, clock: Clock) -> None:
    """The gripper reads zero until its stroke has been stored; that needs the motors off."""
    bus.enquire_stroke()
    if not wait_until(lambda: bus.watch.saw((protocol.Feedback.GRIPPER_STROKE,)), clock, _ANSWER_TIMEOUT_S):
        _log.warning("the %s arm does not tell its gripper's stroke", arm)
        return
    stored_m, wanted_m = bus.stored_stroke_m(), mount.gripper_stroke_m
    if stored_m == 0.0 and not bus.read().enabled:
        bus.send_stroke(wanted_m)
        clock.sleep(_POLL_S)
    elif stored_m == 0.0:
        cause = f"The {arm} arm's gripper stroke was never set, and the arm is powered: the gripper reads 0."
        raise ArmError(cause, "Support the arm, switch its power off and on, then start again: it is set then.")
    elif abs(stored_m - wanted_m) > 1e-3:
        raise ArmError(
            f"The {arm} arm's gripper opens {stored_m * 1000:.0f} mm, the cell says {wanted_m * 1000:.0f}.",
            f"Write gripper_stroke_m: {stored_m:.2f} under arms.{arm} in the cell file.",
        )
