"""Motions as they run: a trajectory streamed to an arm that must keep up, a gripper that must come to rest."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.errors import ArmError, GripperError, TrackingError
from hardware.arms.arm import ArmState, RunningGrip, TrackingReport
from hardware.arms.feedback.feedback_guard import FeedbackGuard
from hardware.arms.limits import MAX_ADVANCE_S
from hardware.arms.trajectory import START_TOLERANCE_RAD, JointTrajectory

#: Command rate: one target every 10 ms.
TICK_S = 0.01
#: A wished-for stop slows down along the path over this long [s], one after a fault over so many ticks.
STOP_RAMP_S, BRAKE_TICKS = 0.3, 2
#: An arm that is blocked is led back to where it is at this speed [rad/s].
_BACK_RAD_S = 0.2
#: The oldest [s] state on which a motion goes on.
_MAX_AGE_S = 0.05
#: The end is reached at this error and this motion per tick [rad]; waited for at most this long [s].
_SETTLED_RAD, _STILL_RAD, _SETTLE_TIMEOUT_S = 0.0015, 0.0003, 1.5
_GRIP_TICK_S = 0.02
#: The gripper has at least this long to start [s]; it has settled when its opening has moved less
#: than this [m] over this long [s]; it is given up after this long [s].
_GRIP_START_S = 0.3
_GRIP_STILL_M, _GRIP_STILL_S = 0.0002, 0.2
_GRIP_TIMEOUT_S = 5.0
#: Sums of ticks are that exact [s].
_ROUNDING_S = 1e-6


Latching = Callable[[], AbstractContextManager[None]]


class Movable(Protocol):
    """What a motion needs of an arm."""

    name: str

    def ready(self, max_age_s: float = 0.1) -> ArmState: ...
    def command(self, joints_rad: NDArray[np.float64]) -> None: ...


class Follower:
    """One run along one trajectory. beside: what the gripper does meanwhile."""

    def __init__(
        self,
        arm: Movable,
        clock: Clock,
        guard: FeedbackGuard,
        trajectory: JointTrajectory,
        beside: RunningGrip | None = None,
    ) -> None:
        self._arm, self._beside = arm, beside
        self._clock = clock
        self._guard = guard
        self._trajectory = trajectory
        self._worst_lag_rad = 0.0
        self._path_s, self._pace = 0.0, 1.0

    def run(self, should_stop: Callable[[], bool]) -> TrackingReport:
        """Follows to the end, or to where a wished-for stop came to rest; then settles.

        After a fault it brakes along the path: what is measured then may be false, and is never commanded.
        """
        try:
            stopping = self._advance(should_stop)
            error_rad = self._settle()
            while not (stopping or self._beside is None or self._beside.is_done):
                self._tick()
                stopping = should_stop()
            return TrackingReport(self._worst_lag_rad, error_rad, interrupted=stopping)
        except ArmError as error:
            with suppress(ArmError):  # an emergency stop, or a bus that is gone, says no more than the error does
                self._brake()
                if isinstance(error, TrackingError):
                    lead_back(self._arm, self._clock, self._guard)
            raise

    def _advance(self, should_stop: Callable[[], bool]) -> bool:
        """Runs along the path; whether a stop was wished for."""
        stopping, then_s = False, self._clock.now_s()
        while self._path_s < self._trajectory.duration_s and self._pace > 0.0:
            self._tick()
            advance_s = min(self._clock.now_s() - then_s, MAX_ADVANCE_S)
            then_s = self._clock.now_s()
            stopping = stopping or should_stop()
            if stopping:
                self._pace = max(self._pace - advance_s / STOP_RAMP_S, 0.0)
            self._path_s += self._pace * advance_s
        return stopping

    def _tick(self) -> ArmState:
        """Sends the path's present target, waits for the next tick and checks the arm."""
        target = self._trajectory.at(self._path_s)
        self._arm.command(target)
        if self._beside is not None:
            self._beside.send()
        self._clock.sleep(TICK_S)
        state = self._arm.ready(_MAX_AGE_S)
        if self._beside is not None:
            self._beside.check()
        self._worst_lag_rad = max(self._worst_lag_rad, float(np.max(np.abs(state.joints_rad - target))))
        return state

    def _brake(self) -> None:
        """Comes to rest along what is commanded, in the dark if need be."""
        for pace in np.linspace(self._pace, 0.0, BRAKE_TICKS + 1)[1:]:
            self._path_s += pace * TICK_S
            self._arm.command(self._trajectory.at(self._path_s))
            self._clock.sleep(TICK_S)
        self._pace = 0.0

    def _settle(self) -> float:
        """Waits for rest; the error left [rad]."""
        target = self._trajectory.at(self._path_s)
        deadline_s = self._clock.now_s() + _SETTLE_TIMEOUT_S
        before = self._tick().joints_rad
        while True:
            joints = self._tick().joints_rad
            error = float(np.max(np.abs(joints - target)))
            still = np.max(np.abs(joints - before)) < _STILL_RAD
            before = joints
            if (error < _SETTLED_RAD and still) or self._clock.now_s() > deadline_s:
                break
        if error > START_TOLERANCE_RAD:
            raise _elsewhere(self._arm.name, error)
        return error


class FollowedPart:
    """A trajectory of one arm on a time line that it shares with others. latching: the arm remembers what fails."""

    def __init__(
        self, arm: Movable, clock: Clock, guard: FeedbackGuard, trajectory: JointTrajectory, latching: Latching
    ) -> None:
        self._arm, self._clock, self._guard, self._trajectory = arm, clock, guard, trajectory
        self._latching = latching
        self._path_s, self._arrived_s = 0.0, np.inf
        self._seen_rad = trajectory.positions_rad[0]
        self._worst_lag_rad, self._error_rad, self._moved_rad = 0.0, np.inf, np.inf

    def send(self, path_s: float) -> None:
        """Commands the target at this time of the path."""
        self._path_s = min(path_s, self._trajectory.duration_s)
        self._arm.command(self._trajectory.at(self._path_s))

    def check(self) -> None:
        """Looks at how the last command was followed.

        Raises:
            ArmError: the arm may not go on; TrackingError: it came to stand elsewhere.
        """
        joints = self._arm.ready(_MAX_AGE_S).joints_rad
        self._error_rad = float(np.max(np.abs(joints - self._trajectory.at(self._path_s))))
        self._moved_rad = float(np.max(np.abs(joints - self._seen_rad)))
        self._seen_rad, self._worst_lag_rad = joints, max(self._worst_lag_rad, self._error_rad)
        if self._path_s < self._trajectory.duration_s:
            return
        self._arrived_s = min(self._arrived_s, self._clock.now_s())
        if self._is_late and self._error_rad > START_TOLERANCE_RAD:
            with self._latching():
                raise _elsewhere(self._arm.name, self._error_rad)

    @property
    def is_done(self) -> bool:
        """At the path's end and at rest, or as near to rest as it gets."""
        is_still = self._error_rad < _SETTLED_RAD and self._moved_rad < _STILL_RAD
        return self._path_s >= self._trajectory.duration_s and (is_still or self._is_late)

    @property
    def _is_late(self) -> bool:
        return self._clock.now_s() > self._arrived_s + _SETTLE_TIMEOUT_S

    def report(self, interrupted: bool) -> TrackingReport:
        return TrackingReport(self._worst_lag_rad, self._error_rad, interrupted)

    def lead_back(self) -> None:
        """After a fault: takes the command back to where the arm is, so that it presses on nothing."""
        lead_back(self._arm, self._clock, self._guard)


class GripPart:
    """A gripper that moves until its opening stands still. state: the newest. is_done: it has stood still; what shakes
    it afterwards, as a moving arm does, changes nothing of that."""

    def __init__(self, arm: Movable, clock: Clock, send: Callable[[], None]) -> None:
        self._arm, self._clock, self._send = arm, clock, send
        self._start_s = clock.now_s()
        self._widths: deque[tuple[float, float]] = deque()
        self.state: ArmState | None = None
        self.is_done = False

    def send(self) -> None:
        self._send()

    def check(self) -> None:
        """Raises GripperError: it keeps moving; ArmError: the arm is no longer ready."""
        self.state, now_s = self._arm.ready(), self._clock.now_s()
        self._widths.append((now_s, self.state.gripper_width_m))
        while len(self._widths) > 1 and now_s - self._widths[1][0] > _GRIP_STILL_S - _GRIP_TICK_S - _ROUNDING_S:
            self._widths.popleft()
        self.is_done = self.is_done or self._is_still(now_s)
        if now_s - self._start_s > _GRIP_TIMEOUT_S and not self.is_done:
            width_mm = self.state.gripper_width_m * 1000
            cause = f"The {self._arm.name} gripper does not come to rest ({width_mm:.1f} mm now)."
            raise GripperError(cause, "See whether it slips on an object or its motor is loose, then start again.")

    def _is_still(self, now_s: float) -> bool:
        is_watched = now_s - self._widths[0][0] > _GRIP_STILL_S - _GRIP_TICK_S - _ROUNDING_S
        is_still = float(np.ptp([width_m for _, width_m in self._widths])) < _GRIP_STILL_M
        return now_s - self._start_s > _GRIP_START_S and is_watched and is_still


def settle_gripper(part: GripPart, clock: Clock) -> ArmState:
    """Moves a gripper until it stands still, at the wanted width or against an object; raises as `GripPart.check`."""
    while not part.is_done:
        part.send()
        clock.sleep(_GRIP_TICK_S)
        part.check()
    assert part.state is not None
    return part.state


def lead_back(arm: Movable, clock: Clock, guard: FeedbackGuard) -> None:
    """Takes the command slowly back over its own path to where the arm is, so that it presses on nothing."""
    path = guard.path_back()
    for start, goal in pairwise(path):
        ticks = int(np.ceil(np.max(np.abs(goal - start)) / (_BACK_RAD_S * TICK_S)))
        for target in np.linspace(start, goal, ticks + 1)[1:]:
            arm.command(target)
            clock.sleep(TICK_S)


def _elsewhere(arm: str, error_rad: float) -> TrackingError:
    return TrackingError(
        f"The {arm} arm stands {np.rad2deg(error_rad):.1f} degrees from where it was sent.",
        "See what blocks it or weighs on it, then start again.",
    )
