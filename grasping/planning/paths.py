"""Free paths between two configurations, straight where that works, else RRT-Connect and shortcuts; and their
way to trajectories: a smooth curve through the waypoints, timed to the arm's limits by TOPP-RA."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Pace
from core.errors import PlanningError
from grasping.planning.collision import CollisionChecker
from grasping.planning.grasp_plan import Phase
from hardware.arms.trajectory import JointTrajectory, chain
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, MAX_ACCELERATION_RAD_S2, MAX_SPEED_RAD_S

#: Share of the arm's speed limit that motions use at most, slowest where fingers come around an object, and of its
#: acceleration limit, gentler with something in the hand. Both make a motion short, but speed makes arms lag.
SPEED_SHARE = {Phase.TRANSIT: 0.5, Phase.APPROACH: 0.35, Phase.LIFT: 0.5, Phase.PLACE: 0.5, Phase.RETREAT: 0.5}
ACCELERATION_SHARE = {Phase.TRANSIT: 0.9, Phase.APPROACH: 0.6, Phase.LIFT: 0.6, Phase.PLACE: 0.85, Phase.RETREAT: 0.9}
FULL_PACE = Pace()
SAMPLE_S = 0.01
#: Speeds along a path are those of TOPP-RA, averaged over at least so long [s]: no acceleration comes or goes at once.
RAMP_S = 0.04
#: How finely what is averaged is sampled [s].
FINE_S = 0.001
#: Waypoints nearer than this [rad] are one.
_SAME_RAD = 1e-6
#: How finely straight pieces are pinned before a spline goes through them, coarsest (smoothest) first.
_PINNING_RAD = (np.inf, 0.4, 0.15, 0.06)
#: A path is checked at configurations this far apart [rad] in the joint that moves most.
STEP_RAD = 0.03
_SHORTCUTS = 40

logging.getLogger("toppra").setLevel(logging.ERROR)


def connect(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, limit_s: float, seed: int
) -> NDArray[np.float64] | None:
    """Waypoints (N, 6) of a free path, or None when none was found within `limit_s`; seed draws the shortcuts."""
    straight = np.array([start_rad, goal_rad])
    if is_path_free(straight, checker):
        return straight
    give_up_s = time.monotonic() + limit_s
    while (left_s := give_up_s - time.monotonic()) > 0.0:
        path = _rrt_connect(start_rad, goal_rad, checker, left_s)
        if path is None:
            return None
        path = _shortcut(path, checker, seed)
        if is_path_free(path, checker):  # the search's own steps lie elsewhere, and may straddle a thin thing
            return path
    return None


def is_path_free(waypoints_rad: NDArray, checker: CollisionChecker) -> bool:
    """Whether a polyline (N, 6) is free all along."""
    return bool(checker.free(densify(waypoints_rad, STEP_RAD)).all())


def _rrt_connect(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, limit_s: float
) -> NDArray[np.float64] | None:
    from ompl import base, geometric

    _prepare_ompl()
    space = base.RealVectorStateSpace(6)
    bounds = base.RealVectorBounds(6)
    for i in range(6):
        bounds.setLow(i, float(JOINT_LOWER_RAD[i]))
        bounds.setHigh(i, float(JOINT_UPPER_RAD[i]))
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    # The bindings take a Python bool only: a numpy one raises in C++.
    setup.setStateValidityChecker(lambda state: bool(checker.free(np.array([[state[i] for i in range(6)]]))[0]))
    information = setup.getSpaceInformation()
    information.setStateValidityCheckingResolution(2 * STEP_RAD / space.getMaximumExtent())
    start, goal = space.allocState(), space.allocState()
    for i in range(6):
        start[i], goal[i] = float(start_rad[i]), float(goal_rad[i])
    setup.setStartAndGoalStates(start, goal)
    planner = geometric.RRTConnect(information)
    planner.setRange(0.8)
    setup.setPlanner(planner)
    give_up = time.monotonic() + limit_s
    setup.solve(base.PlannerTerminationCondition(lambda: time.monotonic() > give_up))
    if not setup.haveExactSolutionPath():
        return None
    states = setup.getSolutionPath().getStates()
    return np.array([[state[i] for i in range(6)] for state in states])


@cache
def _prepare_ompl() -> None:
    """OMPL takes a seed only before its first random number, so it gets one seed a process. That it finds no way is
    said by whoever asked for one."""
    from ompl import util

    util.setLogLevel(util.LOG_NONE)
    util.RNG.setSeed(1)


def _shortcut(path_rad: NDArray, checker: CollisionChecker, seed: int) -> NDArray[np.float64]:
    """Replaces detours by straight pieces, at random places of a path."""
    rng = np.random.default_rng(seed)
    path = path_rad
    for _ in range(_SHORTCUTS):
        if len(path) < 3:
            break
        points = densify(path, 0.3)
        i, j = np.sort(rng.choice(len(points), 2, replace=False))
        if j - i < 2 or not is_path_free(points[[i, j]], checker):
            continue
        path = np.concatenate([points[: i + 1], points[j:]])
        # Points that lie on the straight piece between their neighbours are dropped.
        kept = [path[0]]
        for here, after in pairwise(path[1:]):
            a, b = here - kept[-1], after - here
            if np.linalg.norm(a) * np.linalg.norm(b) - a @ b > 1e-9:
                kept.append(here)
        path = np.array([*kept, path[-1]])
    return path


def smooth(waypoints_rad: NDArray, is_free: Callable[[NDArray], bool]) -> list[NDArray[np.float64]]:
    """A free polyline (N, 6) as pieces to run without stopping: one, if some spline near it is free.

    The spline is pinned to the polyline as loosely as it stays free; where there is room for none, every
    straight stretch is a piece of its own.
    """
    for spacing in _PINNING_RAD:
        pinned = densify(waypoints_rad, spacing)
        if len(pinned) < 3 or is_spline_free(pinned, is_free):
            return [pinned]
    return [np.array(stretch) for stretch in pairwise(_distinct(waypoints_rad))]


def is_spline_free(pinned_rad: NDArray, is_free: Callable[[NDArray], bool]) -> bool:
    """Whether the spline through three or more waypoints (N, 6) is free all along."""
    from scipy.interpolate import CubicSpline

    knots = _knots(pinned_rad)
    spline = CubicSpline(knots, pinned_rad, bc_type="natural")
    # As fine in every stretch: they are not equally long.
    shares = np.arange(20) / 20
    return is_free(spline(np.append((knots[:-1, None] + np.diff(knots)[:, None] * shares).ravel(), knots[-1])))


def densify(waypoints_rad: NDArray, spacing_rad: float) -> NDArray[np.float64]:
    """The same polyline with points at most `spacing_rad` apart in any joint."""
    points = _distinct(waypoints_rad)
    pieces = [points[:1]]
    for a, b in pairwise(points):
        count = max(int(np.ceil(np.abs(b - a).max() / spacing_rad)), 1)
        pieces.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(pieces)


@dataclass(frozen=True)
class PhaseLimits:
    """What a motion keeps to, of any joint, and over how long [s] its speed is averaged, which bounds its jerk."""

    speed_rad_s: float
    acceleration_rad_s2: float
    jerk_rad_s3: float
    ramp_s: float

    @classmethod
    def of(cls, phase: Phase, pace: Pace = FULL_PACE) -> "PhaseLimits":
        """Those of a phase at a cell's pace; what it gives away in acceleration it has given away in jerk."""
        hardest = ACCELERATION_SHARE[phase] * MAX_ACCELERATION_RAD_S2
        return cls(
            pace.speed * SPEED_SHARE[phase] * MAX_SPEED_RAD_S,
            pace.acceleration * hardest,
            pace.jerk * 2 * hardest / RAMP_S,  # from all of it to all of it the other way
            RAMP_S * max(pace.acceleration / pace.jerk, 1.0),
        )

    def kept_by(self, motion: JointTrajectory) -> JointTrajectory:
        """The same path, evenly slowed where it exceeds these, as an average over longer than a bend does."""
        most, rate, excess = (self.speed_rad_s, self.acceleration_rad_s2, self.jerk_rad_s3), motion.positions_rad, 1.0
        for order, limit in enumerate(most, 1):  # rests before and after
            rate = np.diff(rate if order == 1 else np.pad(rate, ((1, 1), (0, 0))), axis=0) / motion.times_s[1]
            excess = max(excess, float(np.abs(rate).max() / limit) ** (1 / order))
        return motion.slowed(1.0 / excess)


def least_time_s(travel_rad: NDArray, phase: Phase) -> NDArray[np.float64]:
    """(N,) how long joints take at least to move by (N, 6) within the phase's limits at full pace, at rest before and
    after."""
    limits, far = PhaseLimits.of(phase), np.abs(travel_rad)
    speed, acceleration = limits.speed_rad_s, limits.acceleration_rad_s2
    is_long = far > speed**2 / acceleration  # long enough to reach full speed
    least_s = np.where(is_long, far / speed + speed / acceleration, 2 * np.sqrt(far / acceleration))
    return least_s.max(axis=-1) + limits.ramp_s


def time_path(pieces: Sequence[NDArray], phase: Phase, pace: Pace = FULL_PACE) -> JointTrajectory:
    """The fastest run of splines through waypoints (N, 6) within the phase's limits at a pace, ramped (`ramped`), at
    rest between pieces.

    Each piece begins where the one before ends.

    Raises:
        PlanningError: TOPP-RA finds no speed profile.
    """
    return chain([_time_piece(waypoints, PhaseLimits.of(phase, pace)) for waypoints in pieces])


def _time_piece(waypoints_rad: NDArray, limits: PhaseLimits) -> JointTrajectory:
    import toppra
    from toppra.algorithm import TOPPRA
    from toppra.constraint import JointAccelerationConstraint, JointVelocityConstraint

    points = _distinct(waypoints_rad)
    if len(points) == 1:
        return JointTrajectory(np.array([0.0, SAMPLE_S]), np.repeat(points, 2, axis=0))
    path = toppra.SplineInterpolator(_knots(points), points, bc_type="natural" if len(points) > 2 else "not-a-knot")
    both_ways = np.ones((6, 1)) * [-1.0, 1.0]
    bounds = [
        JointVelocityConstraint(both_ways * limits.speed_rad_s),
        JointAccelerationConstraint(both_ways * limits.acceleration_rad_s2),
    ]
    profile = TOPPRA(bounds, path, parametrizer="ParametrizeConstAccel").compute_trajectory(0, 0)
    if profile is None:
        raise PlanningError("A path could not be timed within the arm's limits.", "Try another grasp.")
    fine_s = np.linspace(0.0, profile.duration, max(int(np.ceil(profile.duration / FINE_S)), 2) + 1)
    return ramped(fine_s, np.concatenate([points[:1], profile(fine_s[1:-1]), points[-1:]]), limits)


def ramped(times_s: NDArray, positions_rad: NDArray, limits: PhaseLimits) -> JointTrajectory:
    """The same path (N, 6) at times (N,), its speed averaged over the ramp: that much longer, and of bounded jerk."""
    along = _knots(positions_rad)
    travelled = np.concatenate([[0.0], np.cumsum((along[1:] + along[:-1]) / 2 * np.diff(times_s))])
    end_s, ramp_s = times_s[-1], limits.ramp_s

    def until(time_s: NDArray) -> NDArray:
        """The integral of `along`, which stays what it is before and after."""
        return np.interp(time_s, times_s, travelled) + np.maximum(time_s - end_s, 0.0) * along[-1]

    times = np.linspace(0.0, end_s + ramp_s, max(int(np.ceil((end_s + ramp_s) / SAMPLE_S)), 2) + 1)
    reached = (until(times) - until(times - ramp_s)) / ramp_s
    positions = np.stack([np.interp(reached, along, joint) for joint in positions_rad.T], axis=1)
    positions[0], positions[-1] = positions_rad[0], positions_rad[-1]
    motion = JointTrajectory(times, positions)
    return limits.kept_by(motion) if ramp_s > RAMP_S else motion


def _knots(points: NDArray) -> NDArray[np.float64]:
    """Chord length along the path: what a spline needs to run evenly."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def _distinct(points: NDArray) -> NDArray[np.float64]:
    points = np.asarray(points, float)
    keep = np.concatenate([[True], np.abs(np.diff(points, axis=0)).max(axis=1) > _SAME_RAD])
    if keep.sum() > 1 and not keep[-1]:
        keep[np.flatnonzero(keep)[-1]] = False
        keep[-1] = True
    return points[keep]
