"""The first motion of a session: every joint by a part of a degree, slowly, which the feedback must follow.

Until then nothing tells a true pose from a false one: an arm at rest repeats its joints, as a frozen one does. While
it lasts the controller itself limits the speed, so that a false pose moves the arm by a degree at most.
"""

from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.errors import ArmError
from hardware.arms.arm import ArmState
from hardware.arms.feedback.feedback_guard import FeedbackError, FeedbackGuard, check_plausible
from hardware.robot.description import JointLimits, joint_limits
from hardware.robot.kinematics import forward_kinematics

#: Share of full speed that the controller is told to keep.
PROVING_SPEED = 0.02
#: How far [rad] and how fast [rad/s] each joint goes; how exactly it must be seen, and for how long waited [s].
_REACH_RAD, _SPEED_RAD_S = np.deg2rad(0.4), 0.06
_SEEN_RAD, _WAIT_S = np.deg2rad(0.2), 0.15
_TICK_S, _SETTLE_TICKS = 0.01, 3
#: Motor and joint frames have told the same motion when they differ by less [rad]; motors count in 0.001.
_SAME_RAD = 0.003
#: At rest: so many readings in a row within this much [rad]; waited for so long [s].
_REST_READINGS, _REST_RAD, _REST_TIMEOUT_S = 5, 0.001, 2.0
#: Joints that lift the tool by less than this a degree [m] count as level.
_LEVEL_M = 0.0005


class Provable(Protocol):
    """What the first motion needs of an arm."""

    name: str
    zero_offset_rad: NDArray[np.float64]

    def ready(self, max_age_s: float = 0.1) -> ArmState: ...
    def command(self, joints_rad: NDArray[np.float64]) -> None: ...


def prove_feedback(arm: Provable, clock: Clock, guard: FeedbackGuard) -> None:
    """Watches the arm come to rest, then moves there and back.

    Raises:
        FeedbackError: a joint's feedback did not follow; the arm must be stopped, for where it is nobody knows.
        ArmError: it does not come to rest, or as `ready` and `command`.
    """
    limits_rad = joint_limits(arm.zero_offset_rad)
    rest = _await_rest(arm, clock)
    start = np.clip(rest, *limits_rad)
    reach = start + _REACH_RAD * _upwards(start, limits_rad)
    _stream(arm, clock, np.tile(start, (_SETTLE_TICKS + _ticks(rest, start), 1)))  # from beyond a stop it comes first
    motors = guard.motors_rad()
    moved = _move(arm, clock, start, reach)
    guard.trust_motors(np.abs(guard.motors_rad() - motors - moved) < _SAME_RAD)
    _move(arm, clock, reach, start)


def _await_rest(arm: Provable, clock: Clock) -> NDArray[np.float64]:
    """Joints (6,) that stand still, at what an arm can report."""
    deadline_s = clock.now_s() + _REST_TIMEOUT_S
    seen: deque[NDArray[np.float64]] = deque(maxlen=_REST_READINGS)
    while len(seen) < _REST_READINGS or np.max(np.ptp(seen, axis=0)) > _REST_RAD:
        if clock.now_s() > deadline_s:
            cause = f"The {arm.name} arm does not come to rest with its motors on."
            raise ArmError(cause, "See what moves it, or whether its feedback is noise, then start again.")
        clock.sleep(_TICK_S)
        seen.append(arm.ready().joints_rad)
        check_plausible(seen[-1], arm.name, arm.zero_offset_rad)
    return seen[-1]


def _move(arm: Provable, clock: Clock, start: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """One straight stretch; how far the joints (6,) were read to move on it."""
    before = arm.ready().joints_rad
    _stream(arm, clock, np.linspace(start, goal, _ticks(start, goal) + 1)[1:])
    deadline_s = clock.now_s() + _WAIT_S
    while np.max(missing := np.abs((moved := arm.ready().joints_rad - before) - (goal - start))) > _SEEN_RAD:
        if clock.now_s() > deadline_s:
            joint = int(np.argmax(missing))
            raise FeedbackError(
                f"The {arm.name} arm's joint {joint + 1} was moved by {np.rad2deg(_REACH_RAD):.1f} degrees and reads "
                f"{np.rad2deg(abs(moved[joint])):.1f}: it is blocked, or its feedback is false.",
                "See that nothing holds the arm and check the joint's cables.",
            )
        clock.sleep(_TICK_S)
    _stream(arm, clock, np.tile(goal, (_SETTLE_TICKS, 1)))
    return arm.ready().joints_rad - before


def _ticks(start: NDArray[np.float64], goal: NDArray[np.float64]) -> int:
    """How many the way takes."""
    return int(np.ceil(np.max(np.abs(goal - start)) / (_SPEED_RAD_S * _TICK_S)))


def _stream(arm: Provable, clock: Clock, targets: NDArray[np.float64]) -> None:
    """targets: (N, 6), one a tick."""
    for target in targets:
        arm.command(target)
        clock.sleep(_TICK_S)
        arm.ready()


def _upwards(joints_rad: NDArray[np.float64], limits_rad: JointLimits) -> NDArray[np.float64]:
    """+1 or -1 for each joint (6,): the way that lifts the tool, or else off the nearer limit."""
    turned = joints_rad + np.deg2rad(1.0) * np.eye(6)
    lift_m = forward_kinematics(turned)[:, 2, 3] - forward_kinematics(joints_rad)[2, 3]
    lower_rad, upper_rad = limits_rad
    inwards = np.where(joints_rad < (lower_rad + upper_rad) / 2, 1.0, -1.0)
    is_free = np.minimum(joints_rad - lower_rad, upper_rad - joints_rad) > _REACH_RAD
    return np.where(is_free & (np.abs(lift_m) > _LEVEL_M), np.sign(lift_m), inwards)
