"""Arms on one time line: one loop feeds them all, so that they are where they were checked to be at the same time.

What waits makes all wait: the common time goes on only as far as every arm has done what was to be done by then, and
slows down for all of them alike. So whatever the pace, the arms stay on the path that was checked, as one.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from core.clock import Clock
from core.errors import ArmError, GripperError, TrackingError
from hardware.arms.arm import Arm, ArmState, FollowedMotion, RunningGrip, TrackingReport
from hardware.arms.limits import MAX_ADVANCE_S
from hardware.arms.motion import BRAKE_TICKS, STOP_RAMP_S, TICK_S
from hardware.arms.trajectory import JointTrajectory

#: The oldest [s] state of an arm that waits for its turn.
_MAX_AGE_S = 0.1
#: After a wished-for stop the arms are watched for so many ticks: they come to rest.
_REST_TICKS = 30


@dataclass(frozen=True)
class TimedStep:
    """One arm's motion, or grip where there is no trajectory, or both at once where there is a force too.

    begin_s, end_s: on the common time line; by the end it is at rest, or all wait for it. width_m: the finger opening
    on the way, or that a grip goes to with force_n. may_creep: of a grip that need not come to rest.
    """

    name: str
    begin_s: float
    end_s: float
    width_m: float
    trajectory: JointTrajectory | None = None
    force_n: float = 0.0
    may_creep: bool = False


TimeLine = Mapping[str, Sequence[TimedStep]]
Done = TrackingReport | ArmState


def move_together(
    arms: Mapping[str, Arm],
    steps: TimeLine,
    clock: Clock,
    should_stop: Callable[[], bool],
    begin: Callable[[str, TimedStep], None],
    done: Callable[[str, TimedStep, Done], None],
) -> bool:
    """Carries out the steps of several arms; whether a stop was wished for: all come to rest, and no step begins.

    begin, done: are told of each step as it begins and ends, with how it was followed or what the gripper reports;
    what `done` raises stops all arms.

    Raises:
        ArmError: any fault of one arm, waiting, moving or done. All brake along their paths, and hold. A TrackingError
            says whose it was.
    """
    return _Ensemble([_Part(arms[name], steps[name], begin, done) for name in steps], clock).run(should_stop)


class _Part:
    """One arm and what is left for it to do."""

    def __init__(
        self,
        arm: Arm,
        steps: Sequence[TimedStep],
        begin: Callable[[str, TimedStep], None],
        done: Callable[[str, TimedStep, Done], None],
    ) -> None:
        self.arm, self._left = arm, list(steps)
        self._begin, self._done = begin, done
        self._motion: FollowedMotion | None = None
        self._grip: RunningGrip | None = None

    @property
    def is_over(self) -> bool:
        return not self._left

    @property
    def limit_s(self) -> float:
        """How far the common time may go while the present step is not done."""
        return self._left[0].end_s if self._left else np.inf

    def send(self, time_s: float, may_begin: bool) -> None:
        """Commands what the present step asks for by now. may_begin: whether one that is due may begin."""
        step = self._left[0] if self._left else None
        if step is None or time_s < step.begin_s:
            return
        if self._motion is None and self._grip is None:
            if not may_begin:
                return
            self._begin(self.arm.name, step)
            if step.trajectory is not None:
                self._motion = self.arm.followed_part(step.trajectory)
            if step.force_n:
                self._grip = self.arm.grip_part(step.width_m, step.force_n)
        if self._motion is not None:
            self._motion.send(time_s - step.begin_s)
        if self._grip is not None:
            self._grip.send()

    def check(self) -> None:
        if self._motion is None and self._grip is None:
            self.arm.ready(_MAX_AGE_S)  # one that waits, or is parked, must be as sound as the one that moves
            return
        if self._motion is not None:
            self._motion.check()
        has_gripped = self._grip is None or self._check_grip(self._grip)
        if has_gripped and (self._motion is None or self._motion.is_done):
            self._end()

    def _check_grip(self, grip: RunningGrip) -> bool:
        """Whether it is over."""
        try:
            grip.check()
        except GripperError:
            if not self._left[0].may_creep:
                raise
            return True
        return grip.is_done

    def _end(self) -> None:
        step, motion, grip = self._left.pop(0), self._motion, self._grip
        self._motion = self._grip = None
        if motion is not None:
            self._done(self.arm.name, step, motion.report(interrupted=False))
        if grip is not None and grip.state is not None:
            self._done(self.arm.name, step, grip.state)

    def coast(self, time_s: float) -> None:
        """Goes on along the path, blindly; begins nothing."""
        if self._motion is not None:
            self._motion.send(time_s - self._left[0].begin_s)

    def report_stop(self) -> None:
        if self._motion is not None:
            self._done(self.arm.name, self._left[0], self._motion.report(interrupted=True))

    def lead_back(self) -> None:
        if self._motion is not None:
            self._motion.lead_back()


class _Ensemble:
    def __init__(self, parts: Sequence[_Part], clock: Clock) -> None:
        self._parts, self._clock = parts, clock
        self._time_s, self._pace, self._stopping = 0.0, 1.0, False
        self._at: _Part | None = None

    def run(self, should_stop: Callable[[], bool]) -> bool:
        try:
            self._advance(should_stop)
            if self._stopping:
                for _ in range(_REST_TICKS):
                    self._tick()
                for part in self._parts:
                    part.report_stop()
            return self._stopping
        except ArmError as error:
            self._brake()
            if isinstance(error, TrackingError) and self._at is not None:
                error.arm = self._at.arm.name
                with suppress(ArmError):
                    self._at.lead_back()
            raise

    def _advance(self, should_stop: Callable[[], bool]) -> None:
        then_s = self._clock.now_s()
        while not all(part.is_over for part in self._parts):
            self._tick()
            advance_s = min(self._clock.now_s() - then_s, MAX_ADVANCE_S)
            then_s = self._clock.now_s()
            self._stopping = self._stopping or should_stop()
            if self._stopping:
                self._pace = max(self._pace - advance_s / STOP_RAMP_S, 0.0)
                if self._pace == 0.0:
                    break
            else:
                self._pace = min(self._pace + advance_s / STOP_RAMP_S, self._allowed_pace(), 1.0)
            self._time_s = min(self._time_s + self._pace * advance_s, self._limit_s)

    @property
    def _limit_s(self) -> float:
        return min(part.limit_s for part in self._parts)

    def _allowed_pace(self) -> float:
        """From which the common time still comes to rest before what is not done must be."""
        return float(np.sqrt(2.0 * max(self._limit_s - self._time_s, 0.0) / STOP_RAMP_S))

    def _tick(self) -> None:
        for part in self._parts:
            self._at = part
            part.send(self._time_s, may_begin=not self._stopping)
        self._clock.sleep(TICK_S)
        for part in self._parts:
            self._at = part
            part.check()

    def _brake(self) -> None:
        """All come to rest along what is commanded, in the dark if need be; one that hears nothing keeps no other."""
        for pace in np.linspace(self._pace, 0.0, BRAKE_TICKS + 1)[1:]:
            self._time_s += pace * TICK_S
            for part in self._parts:
                with suppress(ArmError):
                    part.coast(self._time_s)
            self._clock.sleep(TICK_S)
