"""One PiPER on one CAN channel through the unmodified piper_sdk: typed, bounded sends and stamped readings.

Everything sent goes through one lock and the last check before the arm. The SDK's own limits stay off: they would
clamp feedback too, and turn NaN into -150 degrees. It would also keep quiet about frames that could not be sent.
"""

import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.arm import ArmState
from hardware.arms.can_interfaces import BUS_REMEDY, check_can_interface, why_silent
from hardware.arms.feedback.feedback_guard import FeedbackGuard
from hardware.arms.feedback.frame_watch import FrameWatch
from hardware.arms.limits import StepLimit, check_grip, check_target

#: How long [s] a stop waits for another thread's send, and closing for the SDK, before it goes on without.
_STOP_PATIENCE_S, _CLOSE_PATIENCE_S = 0.05, 1.0

BusType = Literal["socketcan", "virtual"]


class PiperBus:
    """Opened by `open`, closed by `close`; both idempotent.

    Joints are what they are, on this side of it: the controller's are `zero_offset_rad` (6,) less.
    """

    def __init__(self, channel: str, bustype: BusType, clock: Clock, zero_offset_rad: NDArray[np.float64]) -> None:
        self.channel = channel
        self._bustype = bustype
        self._clock = clock
        self._zero_offset_rad = zero_offset_rad
        # Re-entrant: an emergency stop may come from a signal handler in the middle of a send.
        self._lock = threading.RLock()
        self._sdk: Any = None
        self._watch: FrameWatch | None = None
        self._is_stopped = False
        self._unsent = ""

    @property
    def is_open(self) -> bool:
        return self._sdk is not None

    def open(self, guard: FeedbackGuard, overruled: Callable[[], None]) -> None:
        """Opens the channel and starts the SDK's reader; the SDK asks for the firmware's name.

        Args:
            guard: is shown every joint and motor frame.
            overruled: called on the reader's thread with each frame by which somebody else moves the arm.

        Raises:
            ArmError: no such interface, down, wrong bit rate, or refused by the system.
        """
        if self._bustype == "socketcan":
            check_can_interface(self.channel)
        from piper_sdk import C_PiperInterface_V2, LogLevel

        # Silent: the SDK would log every failed send to the console; what matters of it we raise.
        quiet = LogLevel.SILENT
        sdk = C_PiperInterface_V2(self.channel, judge_flag=False, can_auto_init=False, logger_level=quiet)
        # It would keep what it made of each channel for as long as the process lives, and give it out again with its
        # last numbers: through our callback also the clock, and the digital cell's whole physics.
        C_PiperInterface_V2._instances.pop(self.channel, None)
        remedy = f"Bring it up: sudo ip link set {self.channel} up type can bitrate {protocol.BITRATE}."
        try:
            sdk.CreateCanBus(self.channel, self._bustype, protocol.BITRATE, judge_flag=False)
        except ConnectionError as error:
            raise ArmError(f"The CAN channel {self.channel} cannot be opened.", remedy) from error
        can_port = sdk.GetCanBus()
        if can_port.bus is None:
            raise ArmError(f"The CAN channel {self.channel} cannot be opened.", remedy)
        self._watch = FrameWatch(sdk.ParseCANFrame, self._clock, guard, self._zero_offset_rad, overruled)
        can_port.callback_function = self._watch
        self._note_unsent(can_port)
        self._is_stopped = False
        self._step_limit = StepLimit()
        sdk.ConnectPort()
        self._sdk = sdk

    def _note_unsent(self, can_port: Any) -> None:
        """Makes the SDK's port tell what it could not send."""
        send, sent = can_port.SendCanMessage, can_port.CAN_STATUS.SEND_MESSAGE_SUCCESS

        def send_and_note(identifier: int, *frame: Any) -> Any:
            status = send(identifier, *frame)
            if status is not sent:
                self._unsent = f"0x{identifier:X}: {status}"
            return status

        can_port.SendCanMessage = send_and_note

    def close(self) -> None:
        """Returns within seconds even when the SDK or the system is stuck; its threads end with the process then."""
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            closing = threading.Thread(target=_disconnect, args=(sdk,), daemon=True)
            closing.start()
            closing.join(_CLOSE_PATIENCE_S)

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
            joints_rad=protocol.radians(joints) + self._zero_offset_rad,
            gripper_width_m=gripper.grippers_angle * 1e-6,
            gripper_effort_nm=abs(gripper.grippers_effort) * 1e-3,
            enabled=all(bits & protocol.MotorBit.ENABLED for bits in motors),
            stopped=arm_status == protocol.ArmStatus.EMERGENCY_STOP,
            faults=protocol.faults(arm_status, status.err_code, int(status.ctrl_mode), motors, gripper.status_code),
            stamp_s=stamp_s,
        )

    def control_mode(self) -> int:
        """Who commands the arm (`ControlMode`), as it last reported."""
        return int(self._sdk.GetArmStatus().arm_status.ctrl_mode)

    def gripper_is_on(self) -> bool:
        """Whether the gripper's driver is enabled: it presses as it was last told."""
        return bool(self._sdk.GetArmGripperMsgs().gripper_state.status_code & protocol.MotorBit.ENABLED)

    def firmware(self) -> protocol.Version | None:
        """The controller's version, (1, 6, 3) for S-V1.6-3; None until it has answered."""
        name = self._sdk.GetPiperFirmwareVersion()
        return protocol.parse_version(name) if isinstance(name, str) else None

    def stored_stroke_m(self) -> float:
        """The gripper stroke the controller answered with (0: never set); check `watch` for the answer."""
        answer = self._sdk.GetGripperTeachingPendantParamFeedback()
        return float(answer.arm_gripper_teaching_param_feedback.max_range_config) * 1e-3

    def send_joints(self, joints_rad: NDArray[np.float64]) -> None:
        """Sends one target (6,); the first since opening must lie where the arm reads.

        Raises:
            ArmError: not finite, outside the limits, or farther from the last target than the arm can move.
        """
        told_rad = joints_rad - self._zero_offset_rad
        check_target(joints_rad, self.channel)
        check_target(told_rad, self.channel)
        self._step_limit.allow(joints_rad, self._clock.now_s(), self.channel, self.read().joints_rad)
        self._send(lambda sdk: sdk.JointCtrl(*protocol.millidegrees(told_rad)))

    def send_joint_mode(self, speed: float = 1.0) -> None:
        """CAN control, joint moves at this share of full speed: above that the trajectory itself limits it."""
        percent = round(100 * speed)
        self._send(lambda sdk: sdk.MotionCtrl_2(int(protocol.ControlMode.CAN), protocol.MOVE_J, percent, 0x00))

    def send_gripper(self, width_m: float, force_n: float, stroke_m: float) -> None:
        """Raises ArmError for a width or force that the gripper has not, NaN included."""
        check_grip(width_m, force_n, stroke_m, self.channel)
        effort = round(force_n * protocol.GRIPPER_NM_PER_N * 1000)
        code = int(protocol.GripperCode.ENABLE)
        self._send(lambda sdk: sdk.GripperCtrl(round(width_m * 1e6), effort, code, 0))

    def send_enable(self) -> None:
        self._send(lambda sdk: sdk.EnableArm(protocol.ALL_MOTORS))

    def send_stop(self) -> None:
        """The emergency stop; nothing else is sent after it until the bus is opened anew.

        It waits for another thread's send, but not for one that is stuck.
        """
        self._is_stopped = True
        locked = self._lock.acquire(timeout=_STOP_PATIENCE_S)
        try:
            self._speak(lambda sdk: sdk.EmergencyStop(int(protocol.Stop.STOP)))
        finally:
            if locked:
                self._lock.release()

    def send_resume(self) -> None:
        """Ends an emergency stop by cutting the power at once: the arm drops."""
        with self._lock:
            self._speak(lambda sdk: sdk.EmergencyStop(int(protocol.Stop.RESUME)))

    def send_stroke(self, stroke_m: float) -> None:
        self._send(lambda sdk: sdk.GripperTeachingPendantParamConfig(100, round(stroke_m * 1000), 1))

    def enquire_stroke(self) -> None:
        self._send(lambda sdk: sdk.ArmParamEnquiryAndConfig(param_enquiry=protocol.ENQUIRE_GRIPPER_STROKE))

    def _send(self, send: Callable[[Any], None]) -> None:
        with self._lock:
            if self._is_stopped:
                raise ArmError(f"The arm on {self.channel} is in emergency stop.", protocol.POWER_CYCLE)
            self._speak(send)

    def _speak(self, send: Callable[[Any], None]) -> None:
        sdk = self._sdk
        if sdk is None:
            raise ArmError(f"The arm on {self.channel} is not connected.", "Connect it first.")
        self._unsent = ""
        send(sdk)
        if self._unsent:
            cause = f"{self.channel} takes no commands ({self._unsent}){why_silent(self.channel)}."
            raise ArmError(cause, f"Use the arm's own stop if it moves. {BUS_REMEDY.format(channel=self.channel)}")


def _disconnect(sdk: Any) -> None:
    """The SDK itself leaves two threads of each connection behind: the one that watches it, and its counter's."""
    sdk.DisconnectPort()
    sdk._C_PiperInterface_V2__can_monitor_stop_event.set()
    sdk._C_PiperInterface_V2__fps_counter.stop()
