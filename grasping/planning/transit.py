"""Free paths between two configurations: straight where that works, else RRT-Connect and shortcuts."""

import time
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grasping.planning.collision import CollisionChecker
from grasping.planning.timing import densify
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD

#: A path is checked at configurations this far apart [rad] in the joint that moves most.
STEP_RAD = 0.03
_SHORTCUTS = 40


def connect(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, limit_s: float, seed: int
) -> NDArray[np.float64] | None:
    """Waypoints (N, 6) of a free path, or None when none was found within `limit_s`; seed draws the shortcuts."""
    straight = np.array([start_rad, goal_rad])
    if is_path_free(straight, checker):
        return straight
    path = _rrt_connect(start_rad, goal_rad, checker, limit_s)
    return None if path is None else _shortcut(path, checker, seed)


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
    """OMPL takes a seed only before its first random number, so it gets one seed a process."""
    from ompl import util

    util.setLogLevel(util.LOG_ERROR)
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
        path = _without_midpoints(np.concatenate([points[: i + 1], points[j:]]))
    return path


def _without_midpoints(path: NDArray) -> NDArray[np.float64]:
    """Drops points that lie on the straight piece between their neighbours."""
    kept = [path[0]]
    for here, after in pairwise(path[1:]):
        a, b = here - kept[-1], after - here
        if np.linalg.norm(a) * np.linalg.norm(b) - a @ b > 1e-9:
            kept.append(here)
    return np.array([*kept, path[-1]])
