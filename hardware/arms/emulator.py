"""A PiPER controller that is not there: the real CAN protocol on one side, an `ArmPlant` on the other.

It lives on a python-can `virtual` bus, so the unmodified SDK cannot tell it from an arm.
"""

import math
import time
from typing import Protocol

import numpy as np
from can import Message
from can.interfaces.virtual import VirtualBus
from numpy.typing import NDArray

from hardware.arms import can_protocol as protocol
from hardware.arms.emulated_faults import EmulatedFaults, FalseEncoders
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, MAX_SPEED_RAD_S, Firmware

#: Rates [Hz] of the feedback groups. The real arm sends its fast motor frames at 200 Hz too, which is more than the
#: guard needs.
_STATE_HZ, _MOTOR_FAST_HZ, _MOTOR_SLOW_HZ = 200.0, 50.0, 40.0
#: The controller smooths its targets: time constant [s] of the setpoint's approach.
_SMOOTHING_S = 0.02
_LIMIT_SLACK_RAD = np.deg2rad(0.6)
_FIRMWARE_NAMES: dict[Firmware, bytes] = {"new": b"S-V1.6-5", "old": b"S-V1.5-2"}


class ArmPlant(Protocol):
    """Motors and encoders of one arm: the digital cell's physics, or an ideal servo in tests."""

    def drive_joints(self, targets_rad: NDArray[np.float64]) -> None: ...
    def drive_gripper(self, width_m: float, force_n: float) -> None: ...
    def set_power(self, on: bool) -> None: ...  # off lets the arm fall, as the real one does
    def joints_rad(self) -> NDArray[np.float64]: ...
    def velocities_rad_s(self) -> NDArray[np.float64]: ...
    def torques_nm(self) -> NDArray[np.float64]: ...
    def gripper_width_m(self) -> float: ...
    def gripper_force_n(self) -> float: ...  # with which the fingers press on what they hold, 0 on nothing


class PiperEmulator:
    """One arm's controller, off, the arm on its rest. `update` must be called at the physics' pace, by `SimClock`."""

    def __init__(
        self,
        channel: str,
        plant: ArmPlant,
        firmware: Firmware = "new",
        gripper_stroke_m: float = 0.07,
        faults: EmulatedFaults | None = None,
    ) -> None:
        """plant: where the true joints are seen, whatever is reported; faults: those it is switched on with."""
        self.channel = channel
        self.plant = plant
        self.faults = faults or EmulatedFaults()
        #: What 0x47D stored [mm]; 0 leaves the gripper's feedback at zero, as on a new arm.
        self.stored_stroke_mm = round(gripper_stroke_m * 1000)
        self._bus = VirtualBus(channel)
        self._sent: list[Message] = []
        self._firmware = firmware
        self._mode = protocol.ControlMode.STANDBY
        self._status = protocol.ArmStatus.NORMAL
        self._enabled = np.zeros(6, bool)
        self._enables_owed = 0
        self._gripper_on = False
        self._speed = 1.0
        self._target = plant.joints_rad().copy()
        self._setpoint = self._target.copy()
        self._encoders = FalseEncoders(self.faults, plant.joints_rad())
        self._updated_s = 0.0
        self._due_s = {self._publish_state: 0.0, self._publish_motors_fast: 0.0, self._publish_motors_slow: 0.0}

    @property
    def is_powered(self) -> bool:
        return bool(self._enabled.all())

    def update(self, now_s: float) -> None:
        """Obeys what came in, moves the setpoint and sends the feedback that is due."""
        while not self._bus.queue.empty() and (message := self._bus.recv(timeout=0.0)) is not None:
            is_foreign = message.is_error_frame or message.is_extended_id or message.is_remote_frame
            if not (is_foreign or self.faults.unplugged or self.faults.master_mode or self.faults.deaf):
                self._obey(message.arbitration_id, bytes(message.data))
        elapsed_s, self._updated_s = now_s - self._updated_s, now_s
        if self.is_powered and elapsed_s > 0.0:
            # The setpoint moves towards the target, no faster than the mode's share of full speed.
            step = (self._target - self._setpoint) * (1.0 - math.exp(-elapsed_s / _SMOOTHING_S))
            limit = MAX_SPEED_RAD_S * self._speed * elapsed_s
            self._setpoint = self._setpoint + np.minimum(np.maximum(step, -limit), limit)
            self.plant.drive_joints(self._setpoint)
        periods = (1 / _STATE_HZ, 1 / _MOTOR_FAST_HZ, 1 / _MOTOR_SLOW_HZ)
        for (publish, due_s), period_s in zip(list(self._due_s.items()), periods, strict=True):
            if now_s >= due_s - 1e-9:
                self._due_s[publish] = max(due_s + period_s, now_s)
                publish()
        self._deliver()

    def drained(self) -> bool:
        """Whether every listener has taken what was sent. At most the last frame is still being read."""
        return all(queue.empty() for queue in self._bus.channel if queue is not self._bus.queue)

    def close(self) -> None:
        self._bus.shutdown()

    def _obey(self, identifier: int, data: bytes) -> None:
        if identifier == protocol.Command.STOP:
            self._obey_stop(data[0])
        elif identifier == protocol.Command.MODE and self._mode != protocol.ControlMode.TEACH:
            modes = protocol.ControlMode
            self._mode = modes.CAN if data[0] == modes.CAN else modes.STANDBY
            self._speed = min(data[2], 100) / 100
        elif identifier in protocol.JOINT_COMMANDS:
            self._obey_joints(protocol.JOINT_COMMANDS.index(protocol.Command(identifier)), data)
        elif identifier == protocol.Command.GRIPPER:
            opening, effort, code, _ = protocol.GRIPPER_COMMAND.unpack(data)
            self._gripper_on = code in (protocol.GripperCode.ENABLE, protocol.GripperCode.ENABLE_AND_CLEAR)
            if self._gripper_on and self._status != protocol.ArmStatus.EMERGENCY_STOP:
                width_m = min(max(opening * 1e-6, 0.0), self.stored_stroke_mm * 1e-3)
                self.plant.drive_gripper(width_m, effort * 1e-3 / protocol.GRIPPER_NM_PER_N)
        elif identifier == protocol.Command.ENABLE:
            motors = slice(None) if data[0] in (protocol.ALL_MOTORS, 0xFF) else slice(data[0] - 1, data[0])
            on = data[1] == protocol.ENABLE_ON
            if on and self._enables_owed > 0:
                self._enables_owed -= 1  # after RESUME the first enable goes unheard
            else:
                self._set_enabled(motors, on)
        elif identifier == protocol.Command.GRIPPER_STROKE and not self._enabled.any():
            self.stored_stroke_mm = data[1]
        elif identifier == protocol.Command.ENQUIRY and data[0] == protocol.ENQUIRE_GRIPPER_STROKE:
            self._send(protocol.Feedback.GRIPPER_STROKE, bytes([100, self.stored_stroke_mm, 1, 0, 0, 0, 0, 0]))
        elif identifier == protocol.Command.FIRMWARE:
            self._send(protocol.Feedback.FIRMWARE, _FIRMWARE_NAMES[self._firmware])

    def _obey_stop(self, code: int) -> None:
        """The real arm sinks slowly after STOP; this one stays. RESUME drops it, as the real one."""
        if code == protocol.Stop.STOP:
            self._status = protocol.ArmStatus.EMERGENCY_STOP
            self._target = self._setpoint = self.plant.joints_rad().copy()
        elif code == protocol.Stop.RESUME:
            self._status, self._mode = protocol.ArmStatus.NORMAL, protocol.ControlMode.STANDBY
            self._set_enabled(slice(None), False)
            self._enables_owed = 1

    def _obey_joints(self, pair: int, data: bytes) -> None:
        if (
            self._mode != protocol.ControlMode.CAN
            or self._status == protocol.ArmStatus.EMERGENCY_STOP
            or not self.is_powered
        ):
            return
        joints = slice(2 * pair, 2 * pair + 2)
        wanted = protocol.radians(protocol.PAIR.unpack(data))
        low, high = JOINT_LOWER_RAD[joints] - _LIMIT_SLACK_RAD, JOINT_UPPER_RAD[joints] + _LIMIT_SLACK_RAD
        if np.any(wanted < low) or np.any(wanted > high):
            self._status = protocol.ArmStatus.TARGET_OUT_OF_LIMITS
            return
        self._status = protocol.ArmStatus.NORMAL
        self._target[joints] = wanted

    def _set_enabled(self, motors: slice, on: bool) -> None:
        was_powered = self.is_powered
        self._enabled[motors] = on
        if self.is_powered != was_powered:
            self._target = self.plant.joints_rad().copy()
            self._setpoint = self._target.copy()
            self.plant.set_power(self.is_powered)

    def _publish_state(self) -> None:
        """Joints first, so that a listener whose queue is empty has surely read them."""
        joints = self._encoders.report(self.plant.joints_rad(), self._updated_s)
        for i, identifier in enumerate(protocol.JOINT_FEEDBACK):
            data = protocol.PAIR.pack(*joints[2 * i : 2 * i + 2])
            self._send(identifier, data[:2] if self.faults.short_frames else data)
        width = round(self.plant.gripper_width_m() * 1e6) if self.stored_stroke_mm else 0
        effort = round(self.plant.gripper_force_n() * protocol.GRIPPER_NM_PER_N * 1000)
        bits = int(protocol.MotorBit.ENABLED) if self._gripper_on else 0
        self._send(protocol.Feedback.GRIPPER, protocol.GRIPPER_FEEDBACK.pack(width, min(effort, 32767), bits))
        arm_status = self._status if self.faults.arm_status is None else self.faults.arm_status
        moving = int(np.max(np.abs(self._target - self._setpoint)) > 1e-3)
        mode = self._mode if self.faults.control_mode is None else self.faults.control_mode
        status = (mode, arm_status, protocol.MOVE_J, 0, moving, 0, self.faults.error_bits)
        self._send(protocol.Feedback.STATUS, protocol.STATUS.pack(*status))

    def _publish_motors_fast(self) -> None:
        speeds = np.clip(np.rint(self.plant.velocities_rad_s() * 1000), -32768, 32767)
        torques = self.plant.torques_nm() + self.faults.extra_torque_nm
        positions = np.rint(self.plant.joints_rad() * 1000)
        for i, identifier in enumerate(protocol.MOTOR_FAST):
            current = int(np.clip(torques[i] / protocol.MOTOR_NM_PER_A[i] * 1000, -32768, 32767))
            self._send(identifier, protocol.MOTOR_FAST_LAYOUT.pack(int(speeds[i]), current, int(positions[i])))

    def _publish_motors_slow(self) -> None:
        for i, identifier in enumerate(protocol.MOTOR_SLOW):
            bits = self.faults.motor_bits.get(i, 0) | (int(protocol.MotorBit.ENABLED) if self._enabled[i] else 0)
            self._send(identifier, protocol.MOTOR_SLOW_LAYOUT.pack(240, 35, 35, bits, 500))

    def _send(self, identifier: int, data: bytes) -> None:
        if self.faults.unplugged or identifier in self.faults.silent_frames:
            return
        if self.faults.master_mode:
            if identifier not in protocol.JOINT_FEEDBACK:
                return
            identifier = protocol.JOINT_COMMANDS[protocol.JOINT_FEEDBACK.index(protocol.Feedback(identifier))]
        frame = Message(time.time(), identifier, is_extended_id=False, channel=self.channel, data=data)
        self._sent.append(frame)

    def _deliver(self) -> None:
        """Hands what was sent to every listener, and wakes each once. `VirtualBus.send` copies each frame deeply and
        wakes for each: that was a third of what a motion in the digital cell took."""
        for queue in self._bus.channel:
            if self._sent and queue is not self._bus.queue:
                with queue.mutex:
                    queue.queue.extend(self._sent)
                    queue.not_empty.notify()
        self._sent.clear()
