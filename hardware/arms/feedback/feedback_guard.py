"""Compares what an arm reports with what it was told, frame by frame and each joint on its own, moving or at rest.

Two witnesses: the joint frames, and the motors' own positions where these have proved to tell the same.
"""

import math
import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import ArmError, TrackingError
from hardware.arms.feedback.command_history import TRAVEL_S, CommandHistory
from hardware.robot.description import JOINT_EFFORT_NM, JOINT_LOWER_RAD, JOINT_UPPER_RAD, MAX_SPEED_RAD_S

#: A joint is where it was told to be within `RESPONSE_S`, give or take this much [rad]: settled, an arm stands within
#: 1 degree of its command.
TOLERANCE_RAD = math.radians(1.5)
#: It goes as far as it was told to, give or take this much [rad] and this share: readings are up to 8 ms late.
TRAVEL_TOLERANCE_RAD, _TRAVEL_SHARE = math.radians(0.5), 0.1
#: Of readings that come nearer together than this [s] the first waited for the last; where they come farther apart
#: than the other, the next may have waited too, and how far the joint went is not known. A PiPER sends 200 a second.
_AT_ONCE_S, _LATE_S = 0.002, 0.012
#: Joints cannot jump: beyond this much [rad] plus their full speed, a reading is not believed.
_JUMP_RAD, _JUMP_SPEED_RAD_S, _JUMP_MEMORY_S = 0.02, 1.2 * MAX_SPEED_RAD_S, 0.5
#: Frozen: a joint repeats to the last digit for so long [s] while its command moves on by so much [rad].
_FROZEN_S, _FROZEN_TRAVEL_RAD = 0.07, 0.004
#: After so much travel [rad] a motor that stands still too tells a blocked joint from a frozen report.
_SURE_TRAVEL_RAD = 0.02
#: Commands farther apart [s] are of two motions.
_PAUSE_S = 0.1
#: A joint's stop may lie so far [rad] behind its limit.
_BEYOND_STOPS_RAD = math.radians(5.0)
#: A joint's frame and its motor's may differ by so much [rad] and so much of the speed [s].
_WITNESS_RAD, _WITNESS_S = 0.005, 0.005
#: A motor's torque may lie above its rating for so long [s].
_OVERLOAD_S = 0.06
_RATED_NM = JOINT_EFFORT_NM.tolist()
_LOOK = "See what holds or pushes the arm, and check the joint's cables; then start again."


class FeedbackError(ArmError):
    """Feedback that is lost or cannot be true: nothing may move until a person has looked."""


@dataclass
class _Joint:
    """What is known of one joint; angles [rad], times [s]."""

    angle: float = math.nan
    seen_s: float = -math.inf
    seen: deque[tuple[float, float]] = field(default_factory=deque)  # times and angles of the last TRAVEL_S
    since_s: float = -math.inf  # has repeated its angle
    command_then: float = math.nan
    motor: float = math.nan
    motor_offset: float = math.nan  # angle - motor where both have told the same motion
    disagrees: bool = False
    overloaded_s: float = math.nan
    torque_nm: float = math.nan

    def note(self, angle_rad: float, now_s: float) -> None:
        """Counts a reading in."""
        if self.seen and now_s - self.seen[-1][0] < _AT_ONCE_S:
            self.seen.pop()
        self.seen.append((now_s, angle_rad))
        while len(self.seen) > 1 and self.seen[1][0] <= now_s - TRAVEL_S:
            self.seen.popleft()
        self.angle, self.seen_s = angle_rad, now_s

    def travel_rad(self) -> float:
        """How far it was read to go in the last TRAVEL_S; NaN where that is not known."""
        then_s = self.seen_s - TRAVEL_S
        if len(self.seen) < 3 or self.seen[0][0] > then_s:
            return math.nan
        (before_s, before_rad), (after_s, after_rad) = self.seen[0], self.seen[1]
        if max(after_s - before_s, self.seen[-1][0] - self.seen[-2][0]) > _LATE_S:
            return math.nan
        share = (then_s - before_s) / (after_s - before_s)
        return self.angle - before_rad - share * (after_rad - before_rad)


class FeedbackGuard:
    """Fed by the bus reader's thread and told every command; `fault` is the first thing that cannot be true."""

    def __init__(self, arm: str) -> None:
        self.fault: ArmError | None = None
        self._arm = arm
        self._joints = [_Joint() for _ in range(6)]
        self._commands = CommandHistory()
        self._lock = threading.Lock()

    def command(self, joints_rad: NDArray[np.float64], now_s: float) -> None:
        """From now on the joints are expected on their way to `joints_rad` (6,)."""
        told = joints_rad.tolist()
        with self._lock:
            newest = self._commands.newest if self._commands else None
            then_s, before = (newest.at_s, newest.joints_rad) if newest else (-math.inf, told)
            for joint, now, then in zip(self._joints, told, before, strict=True):
                if now == then or now_s - then_s > _PAUSE_S:  # at rest a joint may repeat
                    joint.since_s, joint.command_then = now_s, then
            self._commands.append(now_s, told)

    def judge(self) -> ArmError | None:
        """The first thing that cannot be true, how far the joints have gone by now among it."""
        with self._lock:
            if self._commands and self.fault is None:
                self.fault = next((fault for number in range(6) if (fault := self._travel_fault(number))), None)
            return self.fault

    def release(self) -> None:
        """No command is in force: the motors are off, or the arm sinks in an emergency stop."""
        with self._lock:
            self._commands.clear()

    def path_back(self) -> list[NDArray[np.float64]]:
        """The commands of the last moments, newest first, as far as the one nearest to where the joints are read."""
        with self._lock:
            newest_first = [np.array(told.joints_rad) for told in reversed(self._commands)]
            read = np.array([joint.angle for joint in self._joints])
        nearest = int(np.argmin([np.max(np.abs(command - read)) for command in newest_first]))
        return newest_first[: nearest + 1]

    def motors_rad(self) -> NDArray[np.float64]:
        """The motors' own positions (6,), NaN where none was told."""
        return np.array([joint.motor for joint in self._joints])

    def torques_nm(self) -> NDArray[np.float64]:
        """The motors' torques (6,), NaN where none was told."""
        return np.array([joint.torque_nm for joint in self._joints])

    def trust_motors(self, told_the_same: NDArray[np.bool_]) -> None:
        """Takes the motors' positions for second witnesses where they moved as the joints did."""
        for joint, same in zip(self._joints, told_the_same, strict=True):
            joint.motor_offset = joint.angle - joint.motor if same else math.nan

    def see_joint(self, number: int, angle_rad: float, now_s: float) -> None:
        """Judges one joint (from 0) of a joint frame."""
        with self._lock:
            joint = self._joints[number]
            self.fault = self.fault or self._jump_fault(number, angle_rad, now_s)
            if angle_rad != joint.angle:
                joint.since_s = now_s
                joint.command_then = self._commands.newest.joints_rad[number] if self._commands else math.nan
            joint.note(angle_rad, now_s)
            if self._commands:
                self.fault = self.fault or self._freeze_fault(number, now_s) or self._path_fault(number, now_s)

    def see_motor(self, number: int, position_rad: float, speed_rad_s: float, torque_nm: float, now_s: float) -> None:
        """Judges one motor (from 0) of a fast motor frame."""
        with self._lock:
            joint = self._joints[number]
            joint.motor, joint.torque_nm = position_rad, torque_nm
            since_rad = speed_rad_s * (now_s - joint.seen_s)
            differs = abs(joint.angle + since_rad - position_rad - joint.motor_offset)
            joint.disagrees = differs > _WITNESS_RAD + _WITNESS_S * abs(speed_rad_s)
            if abs(torque_nm) <= _RATED_NM[number]:
                joint.overloaded_s = math.nan
            elif math.isnan(joint.overloaded_s):
                joint.overloaded_s = now_s
            if self._commands:
                self.fault = self.fault or self._motor_fault(number) or self._load_fault(number, torque_nm, now_s)

    def _jump_fault(self, number: int, angle_rad: float, now_s: float) -> ArmError | None:
        joint = self._joints[number]
        elapsed_s = now_s - joint.seen_s
        if elapsed_s > _JUMP_MEMORY_S or abs(angle_rad - joint.angle) <= _JUMP_RAD + _JUMP_SPEED_RAD_S * elapsed_s:
            return None
        return FeedbackError(
            f"The {self._arm} arm's joint {number + 1} read {_degrees(joint.angle)} and then {_degrees(angle_rad)} "
            f"degrees: no arm moves so fast, the feedback is false.",
            "Check the CAN wiring and the joint's encoder cable, then start again.",
        )

    def _freeze_fault(self, number: int, now_s: float) -> ArmError | None:
        joint = self._joints[number]
        if now_s - joint.since_s < _FROZEN_S:
            return None
        travel_rad = abs(self._commands.newest.joints_rad[number] - joint.command_then)
        if not travel_rad > _FROZEN_TRAVEL_RAD:
            return None
        cause = f"The {self._arm} arm's joint {number + 1} is blocked, or its feedback is frozen: it repeats"
        cause += f" while its command moved {_degrees(travel_rad)} degrees."
        motor_went_rad = abs(joint.angle - joint.motor - joint.motor_offset)
        is_blocked = travel_rad > _SURE_TRAVEL_RAD and motor_went_rad < travel_rad / 5
        return TrackingError(cause, _LOOK) if is_blocked else FeedbackError(cause, _LOOK)

    def _path_fault(self, number: int, now_s: float) -> ArmError | None:
        angle, newest = self._joints[number].angle, self._commands.newest.joints_rad[number]
        if abs(angle - newest) <= TOLERANCE_RAD:
            return None
        low, high = self._commands.places_rad(number, now_s)
        if max(low - angle, angle - high) <= TOLERANCE_RAD:
            return None
        if high - low > TOLERANCE_RAD:
            behind_rad = abs(angle - newest)
            cause = f"The {self._arm} arm fell {_degrees(behind_rad)} degrees behind its command at joint {number + 1}."
            return TrackingError(cause, _LOOK)
        return FeedbackError(
            f"The {self._arm} arm's joint {number + 1} reads {_degrees(angle)} degrees where it was told to stay at "
            f"{_degrees(newest)}: it was pushed, or its feedback is false.",
            _LOOK,
        )

    def _travel_fault(self, number: int) -> ArmError | None:
        went_rad = self._joints[number].travel_rad()
        low, high = self._commands.travels_rad(number, self._joints[number].seen_s)
        most_rad = max(high, -low)
        if not most_rad:  # at rest its place tells more: a touch is no fault
            return None
        if not max(low - went_rad, went_rad - high) > TRAVEL_TOLERANCE_RAD + _TRAVEL_SHARE * most_rad:
            return None
        return TrackingError(
            f"The {self._arm} arm's joint {number + 1} went {_degrees(went_rad)} degrees in {TRAVEL_S * 1000:.0f} ms, "
            f"its command {_degrees(low)} to {_degrees(high)}: it is held back, or its feedback is false.",
            _LOOK,
        )

    def _motor_fault(self, number: int) -> ArmError | None:
        joint = self._joints[number]
        if not joint.disagrees:
            return None
        motor = _degrees(joint.motor + joint.motor_offset)
        cause = f"The {self._arm} arm's joint {number + 1} reads {_degrees(joint.angle)} degrees, its motor {motor}"
        return FeedbackError(f"{cause}: the feedback is false.", "Check the joint's cables, then start again.")

    def _load_fault(self, number: int, torque_nm: float, now_s: float) -> ArmError | None:
        if not now_s - self._joints[number].overloaded_s > _OVERLOAD_S:
            return None
        rated = f"{_RATED_NM[number]:.0f} N·m are its rating"
        return TrackingError(
            f"The {self._arm} arm's joint {number + 1} gives {abs(torque_nm):.0f} N·m; {rated}.", _LOOK
        )


def check_plausible(joints_rad: NDArray[np.float64], arm: str, zero_offset_rad: NDArray[np.float64]) -> None:
    """Raises FeedbackError for joints (6,) that no arm can report: not finite, beyond the stops, six exact zeros.

    zero_offset_rad (6,): what of them was added to the report.
    """
    beyond = np.maximum(JOINT_LOWER_RAD - joints_rad, joints_rad - JOINT_UPPER_RAD)
    if not np.all(beyond < _BEYOND_STOPS_RAD):
        joint = int(np.argmax(np.where(np.isnan(beyond), np.inf, beyond)))
        cause = f"The {arm} arm's joint {joint + 1} reads {_degrees(joints_rad[joint])} degrees, beyond its stops."
        raise FeedbackError(cause, "Check that joint's zero and the cell file's firmware, then start again.")
    if not np.any(joints_rad - zero_offset_rad):
        raise FeedbackError(
            f"The {arm} arm reads exactly zero at all joints, as one does whose encoders do not answer.",
            "Move it a little by hand. If it still reads zero, switch it off and on; then start again.",
        )


def _degrees(angle_rad: float) -> str:
    return f"{np.rad2deg(angle_rad):.1f}"
