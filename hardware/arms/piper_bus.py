"""One PiPER on one CAN channel through the unmodified piper_sdk: typed sends, stamped readings, and what is asked of
it when its bus has opened: does it report, and is it the one the cell names.

Everything sent goes through one lock. The SDK's own limits stay off (they would clamp feedback too,
and turn NaN into -150 degrees), so callers must send only what they have checked.
"""

import logging
import re
import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import ArmMount
from core.clock import Clock
from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.arm import ArmState
from hardware.arms.can_interfaces import check_can_interface
from hardware.arms.watchdog import FrameWatch

_log = logging.getLogger(__name__)

_POLL_S = 0.02
#: The SDK's reader may still sleep up to 1 s on a bus closed before [s].
_REPORT_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 0.3

BusType = Literal["socketcan", "virtual"]

#: Frames a reading is made of. All must be fresh for any of it to count.
FEEDBACK = (protocol.Feedback.STATUS, *protocol.JOINT_FEEDBACK, protocol.Feedback.GRIPPER, *protocol.MOTOR_SLOW)


class PiperBus:
    """Opened by `open`, closed by `close`; both idempotent."""

    def __init__(self, channel: str, bustype: BusType, clock: Clock) -> None:
        self.channel = channel
        self._bustype = bustype
        self._clock = clock
        # Re-entrant: an emergency stop may come from a signal handler in the middle of a send.
        self._lock = threading.RLock()
        self._sdk: Any = None
        self._watch: FrameWatch | None = None

    @property
    def is_open(self) -> bool:
        return self._sdk is not None

    def open(self) -> None:
        """Opens the channel and starts the SDK's reader; the SDK asks for the firmware's name.

        Raises:
            ArmError: no such interface, down, wrong bit rate, or refused by the system.
        """
        if self._bustype == "socketcan":
            check_can_interface(self.channel)
        from piper_sdk import C_PiperInterface_V2, LogLevel

        # Silent: the SDK would log every failed send to the console; what matters of it we raise.
        quiet = LogLevel.SILENT
        sdk = C_PiperInterface_V2(self.channel, judge_flag=False, can_auto_init=False, logger_level=quiet)
        remedy = f"Bring it up: sudo ip link set {self.channel} up type can bitrate {protocol.BITRATE}."
        try:
            sdk.CreateCanBus(self.channel, self._bustype, protocol.BITRATE, judge_flag=False)
        except ConnectionError as error:
            raise ArmError(f"The CAN channel {self.channel} cannot be opened.", remedy) from error
        can_port = sdk.GetCanBus()
        if can_port.bus is None:
            raise ArmError(f"The CAN channel {self.channel} cannot be opened.", remedy)
        self._watch = FrameWatch(sdk.ParseCANFrame, self._clock)
        can_port.callback_function = self._watch
        sdk.ConnectPort()
        self._sdk = sdk

    def close(self) -> None:
        if self._sdk is not None:
            with self._lock:
                self._sdk.DisconnectPort()
            self._sdk = None

    @property
    def watch(self) -> FrameWatch:
        """When which frame arrived.

        Raises:
            ArmError: the bus is not open.
        """
        if self._sdk is None or self._watch is None:
            raise ArmError(f"The arm on {self.channel} is not connected.", "Connect it first.")
        return self._watch

    def read(self) -> ArmState:
        """The newest numbers, however old (stamped by the oldest joint frame): the caller checks `watch`."""
        _, stamp_s = self.watch.oldest_s(protocol.JOINT_FEEDBACK)
        joint = self._sdk.GetArmJointMsgs().joint_state
        gripper = self._sdk.GetArmGripperMsgs().gripper_state
        status = self._sdk.GetArmStatus().arm_status
        slow = self._sdk.GetArmLowSpdInfoMsgs()
        motors = [getattr(slow, f"motor_{i}").foc_status_code for i in range(1, 7)]
        joints = [getattr(joint, f"joint_{i}") for i in range(1, 7)]
        arm_status = int(status.arm_status)
        return ArmState(
            joints_rad=protocol.radians(joints),
            gripper_width_m=gripper.grippers_angle * 1e-6,
            gripper_effort_nm=abs(gripper.grippers_effort) * 1e-3,
            enabled=all(bits & protocol.MotorBit.ENABLED for bits in motors),
            stopped=arm_status == protocol.EMERGENCY_STOP,
            faults=protocol.faults(arm_status, status.err_code, int(status.ctrl_mode), motors, gripper.status_code),
            stamp_s=stamp_s,
        )

    def control_mode(self) -> int:
        """Who commands the arm (`ControlMode`), as it last reported."""
        return int(self._sdk.GetArmStatus().arm_status.ctrl_mode)

    def firmware(self) -> tuple[int, int, int] | None:
        """The controller's version, (1, 6, 3) for S-V1.6-3; None until it has answered."""
        name = self._sdk.GetPiperFirmwareVersion()
        match = re.match(r"S-V(\d+)\.(\d+)-(\d+)", name) if isinstance(name, str) else None
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    def stored_stroke_m(self) -> float:
        """The gripper stroke the controller answered with (0: never set); check `watch` for the answer."""
        answer = self._sdk.GetGripperTeachingPendantParamFeedback()
        return float(answer.arm_gripper_teaching_param_feedback.max_range_config) * 1e-3

    def send_joints(self, joints_rad: NDArray[np.float64]) -> None:
        self._send(lambda sdk: sdk.JointCtrl(*protocol.millidegrees(joints_rad)))

    def send_joint_mode(self) -> None:
        """CAN control, joint moves at full speed: the trajectory itself limits the speed."""
        self._send(lambda sdk: sdk.MotionCtrl_2(int(protocol.ControlMode.CAN), protocol.MOVE_J, 100, 0x00))

    def send_gripper(self, width_m: float, force_n: float) -> None:
        effort = round(force_n * protocol.GRIPPER_NM_PER_N * 1000)
        code = int(protocol.GripperCode.ENABLE)
        self._send(lambda sdk: sdk.GripperCtrl(round(width_m * 1e6), effort, code, 0))

    def send_enable(self) -> None:
        self._send(lambda sdk: sdk.EnableArm(protocol.ALL_MOTORS))

    def send_stop(self) -> None:
        self._send(lambda sdk: sdk.EmergencyStop(int(protocol.Stop.STOP)))

    def send_stroke(self, stroke_m: float) -> None:
        self._send(lambda sdk: sdk.GripperTeachingPendantParamConfig(100, round(stroke_m * 1000), 1))

    def enquire_stroke(self) -> None:
        self._send(lambda sdk: sdk.ArmParamEnquiryAndConfig(param_enquiry=protocol.ENQUIRE_GRIPPER_STROKE))

    def _send(self, send: Callable[[Any], None]) -> None:
        with self._lock:
            if self._sdk is None:
                raise ArmError(f"The arm on {self.channel} is not connected.", "Connect it first.")
            send(self._sdk)


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
    family = "new" if version >= protocol.NEW_FIRMWARE else "old"
    if family != mount.firmware:
        raise ArmError(
            f"The {arm} arm's firmware S-V{version[0]}.{version[1]}-{version[2]} is of the `{family}` family, "
            f"the cell says `{mount.firmware}`: its tool would be 1 cm off.",
            f"Write firmware: {family} under arms.{arm} in the cell file.",
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
