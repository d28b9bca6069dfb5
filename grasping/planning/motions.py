"""One candidate made into the five motions of a pick."""

import numpy as np
from numpy.typing import NDArray

from errors import PlanningError
from grasping.grasp_set import WIDTH
from grasping.planning.candidates import APPROACH_M, LIFT_M, Around, Candidate
from grasping.planning.collision import CollisionChecker, Held
from grasping.planning.grasp_plan import Phase
from grasping.planning.lines import follow, shifted
from grasping.planning.placing import place_configurations
from grasping.planning.timing import smooth, time_path
from grasping.planning.transit import connect
from hardware.arms.trajectory import JointTrajectory
from hardware.cell import Cell
from hardware.robot.kinematics import PARK_JOINTS

#: A search for one path may take this long [s].
_SEARCH_S = 0.7
#: Poses over the bin that are tried, cheapest first.
_PLACES = 3
#: Distance [m] between the poses through which straight motions run.
_LINE_STEP_M = 0.005


class NoPathError(Exception):
    """A candidate came to nothing; the message says where, for the planner's tally."""


def plan_motions(
    candidate: Candidate, start_rad: NDArray, around: Around, target_points_m: NDArray, cell: Cell, seed: int
) -> dict[Phase, JointTrajectory]:
    """All motions of a pick with a candidate, from joints (6,) to the parked arm.

    Raises:
        NoPathError: some motion has no free path in time.
    """
    arm, open_m = candidate.arm, candidate.pre_open_m
    held = Held.from_points(target_points_m, candidate.T_world_tcp)
    reaching = CollisionChecker(arm, around.transit, open_m)
    carrying = CollisionChecker(arm, around.carrying, float(candidate.row[WIDTH]), held)
    leaving = CollisionChecker(arm, around.carrying, open_m)

    approach = _line(candidate, -APPROACH_M * candidate.T_world_tcp[:3, 2])[::-1]
    lift = _line(candidate, np.array([0.0, 0.0, LIFT_M]))
    transit = _free_path(start_rad, approach[0], reaching, seed, "no way to the object")
    place = _to_bin(candidate, lift[-1], held, carrying, cell, seed)
    retreat = _free_path(place[-1], PARK_JOINTS, leaving, seed, "no way back from the bin")
    paths = {
        Phase.TRANSIT: transit,
        Phase.APPROACH: approach,
        Phase.LIFT: lift,
        Phase.PLACE: place,
        Phase.RETREAT: retreat,
    }
    try:
        return {phase: time_path(path, phase) for phase, path in paths.items()}
    except PlanningError as error:
        raise NoPathError("a path that cannot be timed") from error


def _line(candidate: Candidate, offset_m: NDArray) -> NDArray[np.float64]:
    """Joints (N, 6) that move the tool from the grasp along a world-frame offset (3,) without turning it."""
    arm = candidate.arm
    steps = int(np.ceil(np.linalg.norm(offset_m) / _LINE_STEP_M))
    poses = shifted(candidate.T_world_tcp, np.linspace(0.0, 1.0, steps + 1)[:, None] * offset_m)
    start = candidate.lift_rad[0][None, None]
    path = follow(start, (arm.T_base_world @ poses)[None], arm.mount.firmware)[0, 0]
    if not np.isfinite(path).all():
        raise NoPathError("no straight line")
    return path


def _free_path(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, seed: int, failure: str
) -> NDArray[np.float64]:
    path = connect(start_rad, goal_rad, checker, _SEARCH_S, seed)
    if path is None:
        raise NoPathError(failure)
    try:
        return smooth(path, lambda joints: bool(checker.free(joints).all()))
    except PlanningError as error:
        raise NoPathError(failure) from error


def _to_bin(
    candidate: Candidate, start_rad: NDArray, held: Held, checker: CollisionChecker, cell: Cell, seed: int
) -> NDArray[np.float64]:
    """The path of a held object to the cheapest pose over the bin that has one."""
    places = place_configurations(start_rad, candidate.T_world_tcp, held, cell.bin, cell.workspace, checker)
    if not len(places):
        raise NoPathError("no free pose over the bin")
    for place in places[:_PLACES]:
        try:
            return _free_path(start_rad, place, checker, seed, "")
        except NoPathError:
            continue
    raise NoPathError("no way to the bin")
