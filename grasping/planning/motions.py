"""One candidate made into the five motions of a pick."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError
from core.transforms import Matrix
from grasping.grasp_set import WIDTH
from grasping.planning.arm_model import ArmModel
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import CollisionChecker, Held, Surroundings
from grasping.planning.grasp_plan import Phase
from grasping.planning.lines import LIFT_M, LINE_STEPS, UPRIGHT_LIFT_M, approach_poses, follow, lift_poses
from grasping.planning.placing import Place, places_over_bin, released
from grasping.planning.timing import smooth, time_path
from grasping.planning.transit import connect
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS

#: A search for one path may take this long [s].
_SEARCH_S = 0.7
#: Poses over the bin that are tried, cheapest first.
_PLACES = 3


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
    letting_go = CollisionChecker(arm, cell.workspace, around.carrying, open_m)

    grasp = candidate.T_world_tcp[None]
    approach = _line(candidate, approach_poses(grasp, LINE_STEPS))[::-1]
    lift = _line(candidate, lift_poses(grasp, candidate.tip_rad, arm.T_world_base, LINE_STEPS))
    raised = lift[int(np.ceil(LINE_STEPS * UPRIGHT_LIFT_M / LIFT_M)) :]
    if not carrying.free(raised).all():
        raise NoPathError("no room to lift")
    transit = _free_path(start_rad, approach[0], reaching, seed, "no way to the object")
    places = islice(places_over_bin(lift[-1], candidate.T_world_tcp, cell.bin, carrying, letting_go), _PLACES)
    place, carry = _to_bin(lift[-1], places, carrying, seed)
    leaving = CollisionChecker(arm, cell.workspace, _after_release(around, held, place, arm, cell), open_m)
    park = _free_path(place.withdraw_rad[-1], PARK_JOINTS, leaving, seed, "no way back from the bin")
    try:
        return {
            Phase.TRANSIT: time_path(transit, Phase.TRANSIT),
            Phase.APPROACH: time_path([approach], Phase.APPROACH),
            Phase.LIFT: time_path([lift], Phase.LIFT),
            Phase.PLACE: time_path(carry, Phase.PLACE),
            Phase.RETREAT: time_path([place.withdraw_rad, *park], Phase.RETREAT),
        }
    except PlanningError as error:
        raise NoPathError("a path that cannot be timed") from error


def _after_release(around: Around, held: Held, place: Place, arm: ArmModel, cell: Cell) -> Surroundings:
    """What is in the way to the park pose: as before, and what now stands in the bin."""
    T_world_tcp = arm.place(place.joints_rad[None], 0.0).T_world_tcp[0]
    field = around.without_target.with_points(released(held, T_world_tcp, cell.bin))
    return Surroundings(field, field)


def _line(candidate: Candidate, poses: Matrix) -> NDArray[np.float64]:
    """Joints (S, 6) that move the tool from the grasp through poses (1, S, 4, 4)."""
    arm = candidate.arm
    path = follow(candidate.lift_rad[None, None, 0], arm.T_base_world @ poses, arm.mount.firmware)[0, 0]
    if not np.isfinite(path).all():
        raise NoPathError("no straight line")
    return path


def _free_path(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, seed: int, failure: str
) -> list[NDArray[np.float64]]:
    """Pieces of a free path between two configurations; see `smooth`."""
    path = connect(start_rad, goal_rad, checker, _SEARCH_S, seed)
    if path is None:
        raise NoPathError(failure)
    return smooth(path, lambda joints: bool(checker.free(joints).all()))


def _to_bin(
    start_rad: NDArray, places: Iterable[Place], carrying: CollisionChecker, seed: int
) -> tuple[Place, list[NDArray[np.float64]]]:
    """The first place a held object has a free path to, and that path's pieces."""
    failure = "no free pose over the bin"
    for place in places:
        try:
            return place, _free_path(start_rad, place.joints_rad, carrying, seed, "no way to the bin")
        except NoPathError as error:
            failure = str(error)
    raise NoPathError(failure)
