"""The PiPER's CAN protocol, as far as Vitro speaks it: identifiers, byte layouts, units, fault words.

Source: the message classes of piper_sdk 0.6.1. All frames carry 8 bytes, big-endian. Joints are
0.001 degree, the gripper's opening 0.001 mm, its effort 0.001 N m, motor speeds 0.001 rad/s.
"""

import re
import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

BITRATE = 1_000_000


class Command(IntEnum):
    """Frames the controller obeys."""

    STOP = 0x150
    MODE = 0x151
    JOINTS_12 = 0x155
    JOINTS_34 = 0x156
    JOINTS_56 = 0x157
    GRIPPER = 0x159
    ENABLE = 0x471
    ENQUIRY = 0x477
    GRIPPER_STROKE = 0x47D
    FIRMWARE = 0x4AF


#: Frames that move joints, most of them never sent by Vitro: tool poses, joints, circles, and the motors' own loops.
#: Source: `CanIDPiper`.
MOVING = frozenset({*range(0x152, 0x159), *range(0x15A, 0x160)})
#: Frames with which anybody commands an arm or sets it up. An emergency stop is anybody's right.
COMMANDING = MOVING | {Command.MODE, Command.GRIPPER, Command.ENABLE, 0x470, 0x474, 0x475, 0x479, 0x47A, 0x47D}


class Feedback(IntEnum):
    """Frames the controller sends by itself, and its answers to enquiries."""

    STATUS = 0x2A1
    JOINTS_12 = 0x2A5
    JOINTS_34 = 0x2A6
    JOINTS_56 = 0x2A7
    GRIPPER = 0x2A8
    MOTOR_FAST_1 = 0x251  # to 0x256: speed, current, position
    MOTOR_SLOW_1 = 0x261  # to 0x266: voltage, temperatures, enabled, faults
    GRIPPER_STROKE = 0x47E
    FIRMWARE = 0x4AF


JOINT_FEEDBACK = (Feedback.JOINTS_12, Feedback.JOINTS_34, Feedback.JOINTS_56)
JOINT_COMMANDS = (Command.JOINTS_12, Command.JOINTS_34, Command.JOINTS_56)
MOTOR_SLOW = tuple(range(Feedback.MOTOR_SLOW_1, Feedback.MOTOR_SLOW_1 + 6))
MOTOR_FAST = tuple(range(Feedback.MOTOR_FAST_1, Feedback.MOTOR_FAST_1 + 6))

PAIR = struct.Struct(">ii")
STATUS = struct.Struct(">BBBBBBH")  # control mode, arm status, move mode, teach, motion, point, error bits
GRIPPER_FEEDBACK = struct.Struct(">ihBx")  # opening, effort, status bits
GRIPPER_COMMAND = struct.Struct(">iHBB")  # opening, effort, enable code, set zero
MOTOR_FAST_LAYOUT = struct.Struct(">hhi")  # speed, current [0.001 A], position [0.001 rad]
MOTOR_SLOW_LAYOUT = struct.Struct(">HhbBH")  # voltage [0.1 V], driver and motor temperature, bits, current


class Stop(IntEnum):
    """Byte 0 of 0x150. RESUME cuts the power at once: the arm drops."""

    STOP = 0x01
    RESUME = 0x02


#: What a person does about a stop or a fault. Nothing resumes by itself: that would cut the power at once.
POWER_CYCLE = (
    "Support the arm with your hands: it drops when its power goes off. Clear the cause, switch its power off and on "
    "(or let python main.py recover ARM wait for your hands), then start again."
)


class ControlMode(IntEnum):
    """Byte 0 of 0x2A1 and 0x151: who commands the arm. Source: `ArmMsgFeedbackStatusEnum.CtrlMode`."""

    STANDBY = 0x00
    CAN = 0x01
    TEACH = 0x02
    ETHERNET = 0x03
    WIFI = 0x04
    REMOTE = 0x05
    MASTER = 0x06
    OFFLINE = 0x07


#: Who commands the arm, and how it is won back, in the modes that obey somebody else.
FOREIGN_MODES: dict[int, str] = {
    ControlMode.TEACH: "teach mode",
    ControlMode.ETHERNET: "commanded over Ethernet",
    ControlMode.WIFI: "commanded over Wi-Fi",
    ControlMode.REMOTE: "commanded by its remote control",
    ControlMode.MASTER: "master mode (set it to slave with the SDK's MasterSlaveConfig(0xFC, 0, 0, 0))",
    ControlMode.OFFLINE: "playing a stored trajectory",
}
#: What a person does about an arm that somebody leads by hand.
LEAVE_TEACHING = (
    "Hold the arm with your hands and press its button until its light goes out; then start again. If it stays in "
    "standby, lower it onto its rest and switch its power off and on."
)


MOVE_J = 0x01
ENABLE_ON = 0x02
ALL_MOTORS = 7
ENQUIRE_GRIPPER_STROKE = 0x04


class GripperCode(IntEnum):
    """Byte 6 of 0x159."""

    DISABLE = 0x00
    ENABLE = 0x01
    ENABLE_AND_CLEAR = 0x03


class MotorBit(IntFlag):
    """Byte 5 of 0x261..0x266; the gripper's byte 6 of 0x2A8 shares all but the last."""

    UNDERVOLTAGE = 1 << 0
    MOTOR_OVERHEATING = 1 << 1
    OVERCURRENT = 1 << 2
    DRIVER_OVERHEATING = 1 << 3
    COLLISION = 1 << 4
    DRIVER_ERROR = 1 << 5
    ENABLED = 1 << 6
    STALLED = 1 << 7


#: By plain numbers: flags take ten times as long to compare, and every reading of an arm compares some fifty.
MOTOR_FAULTS = {
    int(MotorBit.UNDERVOLTAGE): "supply voltage too low",
    int(MotorBit.MOTOR_OVERHEATING): "motor too hot",
    int(MotorBit.OVERCURRENT): "driver over-current",
    int(MotorBit.DRIVER_OVERHEATING): "driver too hot",
    int(MotorBit.COLLISION): "collision protection",
    int(MotorBit.DRIVER_ERROR): "driver error",
    int(MotorBit.STALLED): "stalled",
}
GRIPPER_FAULTS = {bit: word for bit, word in MOTOR_FAULTS.items() if bit != MotorBit.STALLED} | {
    int(MotorBit.COLLISION): "sensor fault"
}


class ArmStatus(IntEnum):
    """Byte 1 of 0x2A1. Source: `ArmMsgFeedbackStatusEnum.ArmStatus`."""

    NORMAL = 0x00
    EMERGENCY_STOP = 0x01
    NO_SOLUTION = 0x02
    SINGULARITY = 0x03
    TARGET_OUT_OF_LIMITS = 0x04
    JOINT_COMMUNICATION = 0x05
    BRAKE_NOT_RELEASED = 0x06
    COLLISION = 0x07
    TEACH_OVERSPEED = 0x08
    JOINT_FAULT = 0x09
    OTHER_FAULT = 0x0A
    TEACH_RECORDING = 0x0B
    TEACH_REPLAYING = 0x0C
    TEACH_PAUSED = 0x0D
    CONTROLLER_OVERHEATING = 0x0E
    RESISTOR_OVERHEATING = 0x0F


#: Those that forbid motion; EMERGENCY_STOP is reported apart, as `stopped`.
ARM_FAULTS: dict[int, str] = {
    ArmStatus.NO_SOLUTION: "no inverse kinematics",
    ArmStatus.SINGULARITY: "singular pose",
    ArmStatus.TARGET_OUT_OF_LIMITS: "target outside the joint limits",
    ArmStatus.JOINT_COMMUNICATION: "joint communication lost",
    ArmStatus.BRAKE_NOT_RELEASED: "joint brake not released",
    ArmStatus.COLLISION: "collision",
    ArmStatus.TEACH_OVERSPEED: "dragged too fast in teach mode",
    ArmStatus.JOINT_FAULT: "joint fault",
    ArmStatus.OTHER_FAULT: "controller fault",
    ArmStatus.TEACH_RECORDING: "teach mode: recording",
    ArmStatus.TEACH_REPLAYING: "teach mode: replaying",
    ArmStatus.TEACH_PAUSED: "teach mode: paused",
    ArmStatus.CONTROLLER_OVERHEATING: "controller too hot",
    ArmStatus.RESISTOR_OVERHEATING: "brake resistor too hot",
}

_TEACHING = {
    FOREIGN_MODES[ControlMode.TEACH],
    *(ARM_FAULTS[one] for one in (ArmStatus.TEACH_RECORDING, ArmStatus.TEACH_REPLAYING, ArmStatus.TEACH_PAUSED)),
}

#: Torque of a motor by its current, joints 1 to 3 and 4 to 6. Source: `ArmMsgFeedbackHighSpd`.
MOTOR_NM_PER_A = (1.18125, 1.18125, 1.18125, 0.95844, 0.95844, 0.95844)
#: Full effort (5 N m) closes with 50 N, the maker's rating; not yet measured on a force gauge.
GRIPPER_NM_PER_N = 0.1
MAX_GRIPPER_EFFORT = 5000
MAX_GRIP_FORCE_N = MAX_GRIPPER_EFFORT / 1000 / GRIPPER_NM_PER_N

#: First firmware (S-V1.6-3) whose joints 2 and 3 have the `new` zero offsets.
NEW_FIRMWARE = (1, 6, 3)
#: S-V1.8: owners report (2026) joints that slip under load while the feedback still equals the command.
SLIPPING = (1, 8)
Version = tuple[int, int, int]


def parse_version(text: str) -> Version | None:
    """(1, 6, 3) of a text with S-V1.6-3 in it."""
    match = re.search(r"S-V(\d+)\.(\d+)-(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def version_name(version: Version) -> str:
    return f"S-V{version[0]}.{version[1]}-{version[2]}"


def family(version: Version) -> str:
    """`new` or `old`: where joints 2 and 3 have their zeros."""
    return "new" if version >= NEW_FIRMWARE else "old"


def known_fault(version: Version) -> str:
    """What owners found wrong with it; nothing of most."""
    if version[:2] == SLIPPING:
        return "joints of this firmware were seen to slip under load while the feedback shows nothing"
    return ""


def millidegrees(joints_rad: ArrayLike) -> list[int]:
    """Joint angles as the protocol's integers."""
    return [int(v) for v in np.rint(np.rad2deg(np.asarray(joints_rad, float)) * 1000.0)]


def radians(millidegrees_: Iterable[int]) -> NDArray[np.float64]:
    """Joint angles [rad] from 0.001 degree."""
    return np.deg2rad(np.array(list(millidegrees_), float) / 1000.0)


def faults(arm_status: int, error_bits: int, control_mode: int, motors: Iterable[int], gripper: int) -> tuple[str, ...]:
    """What forbids motion, in words: codes of 0x2A1, status bits of the six motors and the gripper.

    The angle-limit bits of 0x2A1's upper error byte are left out: an arm resting at a stop sets
    them and must still be able to leave it.
    """
    words: list[str] = []
    if arm_status not in (ArmStatus.NORMAL, ArmStatus.EMERGENCY_STOP):
        words.append(ARM_FAULTS.get(arm_status, f"unknown status 0x{arm_status:02X}"))
    if control_mode not in (ControlMode.STANDBY, ControlMode.CAN):
        words.append(FOREIGN_MODES.get(control_mode, f"unknown control mode 0x{control_mode:02X}"))
    words += [f"joint {i + 1}: communication lost" for i in range(6) if error_bits & (1 << i)]
    for i, bits in enumerate(motors, start=1):
        words += [f"joint {i}: {word}" for bit, word in MOTOR_FAULTS.items() if bits & bit]
    words += [f"gripper: {word}" for bit, word in GRIPPER_FAULTS.items() if gripper & bit]
    return tuple(words)


def remedy(told: Iterable[str]) -> str:
    """What a person does about what `faults` told."""
    return LEAVE_TEACHING if set(told) <= _TEACHING else POWER_CYCLE
