"""The configurations of two arms that the gate looks at, on one time axis: as they are told to go, either one behind
the other, and where arms get that lag and so cut their corners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grasping.planning.gate.lag import lag_motion
from grasping.planning.grasp_plan import Phase
from hardware.arms.together import TimedStep
from hardware.arms.trajectory import JointTrajectory

#: Between two configurations no joint of either arm moves farther than this.
STEP_RAD = np.deg2rad(1.0)
#: Either arm may be so far behind the other [s]: they are looked at side by side, and with either that late, or half.
BEHIND_S = 0.1
_BEHIND_S = ((0.0, 0.0), (BEHIND_S / 2, 0.0), (BEHIND_S, 0.0), (0.0, BEHIND_S / 2), (0.0, BEHIND_S))


@dataclass(frozen=True)
class Course:
    """Where one arm is when, on the time line that both have; and from when until when [s] it holds its object."""

    motion: JointTrajectory
    held_from_s: float
    held_until_s: float

    @classmethod
    def of(cls, steps: Sequence[TimedStep]) -> "Course":
        """By what it does, one step after the other."""
        moves = [(step.begin_s, step.trajectory) for step in steps if step.trajectory is not None]
        times = np.concatenate([begin_s + motion.times_s for begin_s, motion in moves])
        joints = np.concatenate([motion.positions_rad for _, motion in moves])
        if times[0] > 0.0:
            times, joints = np.concatenate([[0.0], times]), np.concatenate([joints[:1], joints])
        held = next(step for step in steps if step.name in (Phase.LIFT, Phase.PLACE))
        opened = [step.end_s for step in steps if step.name == "open" and step.begin_s >= held.begin_s]
        return cls(JointTrajectory(times, joints), held.begin_s, opened[0] if opened else np.inf)

    def at(self, times_s: NDArray) -> NDArray[np.float64]:
        """Joints (T, 6), those of either end before and after it."""
        joints, times = self.motion.positions_rad.T, self.motion.times_s
        return np.stack([np.interp(times_s, times, column) for column in joints], axis=1)

    def holds(self, times_s: NDArray) -> NDArray[np.bool_]:
        """(T,) whether it holds its object then, or did or will within BEHIND_S."""
        return (self.held_from_s - BEHIND_S <= times_s) & (times_s <= self.held_until_s + BEHIND_S)


@dataclass(frozen=True)
class PairWay:
    """times_s (T,), the joints of both arms (T, 6), and whether each holds its object (T, 2). whose: words for arms
    that go so."""

    times_s: NDArray[np.float64]
    carry_rad: NDArray[np.float64]
    reach_rad: NDArray[np.float64]
    holds: NDArray[np.bool_]
    whose: str = ""


def side_by_side(carry: Course, reach: Course) -> Iterator[PairWay]:
    """What may be, where neither arm goes as the other does."""
    for late_s, behind_s in _BEHIND_S:
        yield _way(carry, reach, late_s, behind_s)
    late, behind = (replace(course, motion=lag_motion(course.motion)) for course in (carry, reach))
    for one, other, who in ((late, reach, "one arm lags"), (carry, behind, "one arm lags"), (late, behind, "both lag")):
        yield _way(one, other, whose=f", where {who}")


def _way(carry: Course, reach: Course, late_s: float = 0.0, behind_s: float = 0.0, whose: str = "") -> PairWay:
    """With each arm so late."""
    times_s = _times(carry, reach, late_s, behind_s)
    holds = np.stack([carry.holds(times_s), reach.holds(times_s)], axis=1)
    return PairWay(times_s, carry.at(times_s - late_s), reach.at(times_s - behind_s), holds, whose)


def _times(carry: Course, reach: Course, late_s: float, behind_s: float) -> NDArray[np.float64]:
    """(T,) so close that no joint of either arm, so late, moves farther than STEP_RAD in between."""
    end_s = max(carry.motion.duration_s, reach.motion.duration_s) + BEHIND_S
    fine = np.linspace(0.0, end_s, 2 + int(500 * end_s))
    joints = (carry.at(fine - late_s), reach.at(fine - behind_s))
    moved = np.maximum(*(np.abs(np.diff(one, axis=0)).max(axis=1) for one in joints))
    travelled = np.concatenate([[0.0], np.cumsum(moved)])
    along = np.linspace(0.0, travelled[-1], 2 + int(travelled[-1] / STEP_RAD))
    return np.interp(along, travelled + np.arange(len(travelled)) * 1e-12, fine)
