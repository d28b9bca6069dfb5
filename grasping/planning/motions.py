"""One candidate made into the five motions of a pick."""

import numpy as np
from numpy.typing import NDArray

from errors import PlanningError
from grasping.grasp_set import WIDTH
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import CollisionChecker, Held
from grasping.planning.grasp_plan import Phase
from grasping.planning.lines import LIFT_M, UPRIGHT_LIFT_M, approach_poses, follow, lift_poses
from grasping.planning.placing import place_configurations
from grasping.planning.timing import smooth, time_path
from grasping.planning.transit import connect
from hardware.arms.trajectory import JointTrajectory
from hardware.cell import Cell
from hardware.robot.kinematics import PARK_JOINTS
from hardware.transforms import Matrix

#: A search for one path may take this long [s].
_SEARCH_S = 0.7
#: Poses over the bin that are tried, cheapest first.
_PLACES = 3
#: Poses through which a straight motion runs.
_LINE_STEPS = 25


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
    reaching = CollisionChecker(arm, cell.workspace, around.transit, open_m)
    carrying = CollisionChecker(arm, cell.workspace, around.carrying, float(candidate.row[WIDTH]), held)
    leaving = CollisionChecker(arm, cell.workspace, around.carrying, open_m)

    grasp = candidate.T_world_tcp[None]
    approach = _line(candidate, approach_poses(grasp, _LINE_STEPS))[::-1]
    lift = _line(candidate, lift_poses(grasp, candidate.tip_rad, arm.T_world_base, _LINE_STEPS))
    raised = lift[int(np.ceil(_LINE_STEPS * UPRIGHT_LIFT_M / LIFT_M)) :]
    if not carrying.free(raised).all():
        raise NoPathError("no room to lift")
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


def _line(candidate: Candidate, poses: Matrix) -> NDArray[np.float64]:
    """Joints (S, 6) that move the tool from the grasp through poses (1, S, 4, 4)."""
    arm = candidate.arm
    path = follow(candidate.lift_rad[None, None, 0], arm.T_base_world @ poses, arm.mount.firmware)[0, 0]
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
    places = place_configurations(start_rad, candidate.T_world_tcp, held, cell.bin, checker)
    if not len(places):
        raise NoPathError("no free pose over the bin")
    for place in places[:_PLACES]:
        try:
            return _free_path(start_rad, place, checker, seed, "")
        except NoPathError:
            continue
    raise NoPathError("no way to the bin")
