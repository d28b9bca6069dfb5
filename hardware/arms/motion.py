"""Motions as they run: a trajectory streamed to an arm that must keep up, a gripper that must come to rest."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.errors import ArmError, TrackingError
from hardware.arms.arm import ArmState, TrackingReport
from hardware.arms.can_protocol import MAX_GRIP_FORCE_N
from hardware.arms.trajectory import START_TOLERANCE_RAD, JointTrajectory
from hardware.arms.watchdog import JointWatch

#: Command rate: one target every 10 ms.
_TICK_S = 0.01
#: After a pause of ours (a busy machine) the path waits rather than jumps: most it advances a tick [s].
_MAX_ADVANCE_S = 0.03
#: An arm this far [rad] behind its command is blocked or too weak.
_MAX_LAG_RAD = 0.30
#: A wished-for stop slows down along the path over this long [s].
_STOP_RAMP_S = 0.3
#: The end is reached at this error and this motion per tick [rad]; waited for at most this long [s].
_SETTLED_RAD, _STILL_RAD, _SETTLE_TIMEOUT_S = 0.0015, 0.0003, 1.5
_GRIP_TICK_S = 0.02
#: The gripper has at least this long to start [s]; it has settled when its opening has moved less
#: than this [m] over this long [s]; it is given up after this long [s].
_GRIP_START_S = 0.3
_GRIP_STILL_M, _GRIP_STILL_S = 0.0002, 0.2
_GRIP_TIMEOUT_S = 5.0


class Movable(Protocol):
    """What a motion needs of an arm."""

    name: str

    def ready(self, max_age_s: float = 0.1) -> ArmState: ...
    def command(self, joints_rad: NDArray[np.float64]) -> None: ...


class Follower:
    """One run along one trajectory."""

    def __init__(self, arm: Movable, clock: Clock, watch: JointWatch, trajectory: JointTrajectory) -> None:
        self._arm = arm
        self._clock = clock
        self._watch = watch
        self._trajectory = trajectory
        self._worst_lag_rad = 0.0

    def run(self, should_stop: Callable[[], bool]) -> TrackingReport:
        """Follows to the end, or to where a wished-for stop came to rest; then settles."""
        target = self._trajectory.at(0.0)
        self._watch.expect_motion_from(target, self._clock.now_s())
        path_s, pace, stopping = 0.0, 1.0, False
        then_s = self._clock.now_s()
        while path_s < self._trajectory.duration_s and pace > 0.0:
            self._tick(target)
            advance_s = min(self._clock.now_s() - then_s, _MAX_ADVANCE_S)
            then_s = self._clock.now_s()
            stopping = stopping or should_stop()
            if stopping:
                pace = max(pace - advance_s / _STOP_RAMP_S, 0.0)
            path_s += pace * advance_s
            target = self._trajectory.at(path_s)
        return TrackingReport(self._worst_lag_rad, self._settle(target), interrupted=stopping)

    def _tick(self, target: NDArray[np.float64]) -> ArmState:
        """Sends one target, waits for the next tick and checks the arm. Any error leaves it holding:
        the controller keeps the last target."""
        self._arm.command(target)
        self._clock.sleep(_TICK_S)
        state = self._arm.ready()
        lag = np.abs(state.joints_rad - target)
        self._worst_lag_rad = max(self._worst_lag_rad, float(np.max(lag)))
        self._watch.check_moving(state.joints_rad, target, self._clock.now_s())
        if np.max(lag) > _MAX_LAG_RAD:
            self._arm.command(state.joints_rad)
            raise TrackingError(
                f"The {self._arm.name} arm fell {np.rad2deg(np.max(lag)):.0f} degrees behind its command at joint "
                f"{int(np.argmax(lag)) + 1}; it holds where it is.",
                "See what blocks it or weighs on it, then start again.",
            )
        return state

    def _settle(self, target: NDArray[np.float64]) -> float:
        """Waits for rest; the error left [rad]."""
        deadline_s = self._clock.now_s() + _SETTLE_TIMEOUT_S
        before = self._tick(target).joints_rad
        while True:
            joints = self._tick(target).joints_rad
            error = float(np.max(np.abs(joints - target)))
            still = np.max(np.abs(joints - before)) < _STILL_RAD
            before = joints
            if (error < _SETTLED_RAD and still) or self._clock.now_s() > deadline_s:
                break
        if error > START_TOLERANCE_RAD:
            raise TrackingError(
                f"The {self._arm.name} arm stands {np.rad2deg(error):.1f} degrees from where it was sent.",
                "See what blocks it or weighs on it, then start again.",
            )
        return error


def check_grip(width_m: float, force_n: float, stroke_m: float, arm: str) -> None:
    """Raises ArmError for a width outside 0..stroke or a force the gripper cannot give (NaN included)."""
    if not 0.0 <= width_m <= stroke_m:
        cause = f"The {arm} gripper opens from 0 to {stroke_m * 1000:.0f} mm; {width_m * 1000:.0f} mm was asked for."
        raise ArmError(cause, "Ask for a width within its stroke.")
    if not 0.0 < force_n <= MAX_GRIP_FORCE_N:
        cause = f"The {arm} gripper presses with up to {MAX_GRIP_FORCE_N:.0f} N; {force_n:.1f} N was asked for."
        raise ArmError(cause, "Ask for a force within that.")


def settle_gripper(arm: Movable, clock: Clock, send: Callable[[], None]) -> ArmState:
    """Repeats `send` until the opening stands still, at the wanted width or against an object.

    Raises:
        ArmError: it keeps moving, or the arm is no longer ready.
    """
    start_s = clock.now_s()
    widths: deque[float] = deque(maxlen=round(_GRIP_STILL_S / _GRIP_TICK_S))
    while True:
        send()
        clock.sleep(_GRIP_TICK_S)
        state = arm.ready()
        widths.append(state.gripper_width_m)
        elapsed_s = clock.now_s() - start_s
        if elapsed_s > _GRIP_START_S and len(widths) == widths.maxlen and np.ptp(widths) < _GRIP_STILL_M:
            return state
        if elapsed_s > _GRIP_TIMEOUT_S:
            cause = f"The {arm.name} gripper does not come to rest ({state.gripper_width_m * 1000:.1f} mm now)."
            raise ArmError(cause, "See whether it slips on an object or its motor is loose, then start again.")
