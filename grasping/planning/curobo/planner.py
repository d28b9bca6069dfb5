"""cuRobo V2 behind the planner interface: free paths on CUDA, the straight parts of a pick as on the CPU.

cuRobo's own straight motions end within millimetres of a grasp, the gate allows one: those are followed in closed form.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError
from grasping.grasp_set import WIDTH
from grasping.planning.arm_model import ArmModel
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import CollisionChecker, Held
from grasping.planning.curobo.installed import why_not_curobo
from grasping.planning.curobo.session import MOST_GOALS, CuroboSession, session_of
from grasping.planning.curobo.timing import MOST_OFF_RAD, as_trajectory
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPathError, PlannerSpecification
from grasping.planning.paths import PhaseLimits, time_path
from grasping.planning.straight import Place, approach_and_lift, around_filled_bin, places_over_bin
from hardware.arms.trajectory import JointTrajectory, chain
from hardware.robot.description import PARK_JOINTS, Firmware
from hardware.robot.kinematics import forward_kinematics

#: Joints nearer than this [rad] are one place.
_SAME_RAD = 1e-3


def prepare(cell: Cell) -> None:
    """Builds and warms up every arm's planner: a minute or more, which would be beyond what one plan may take."""
    for name, mount in cell.arms.items():
        session_of(ArmModel(name, mount), cell)


def choose_first(
    candidates: Sequence[Candidate], start_rad: NDArray, around: Around, cell: Cell, seed: int
) -> int | None:
    """Which of an arm's candidates, the best MOST_GOALS a goal set, is reached first; None where none is."""
    goals = candidates[:MOST_GOALS]
    session = session_of(goals[0].arm, cell)
    session.see(around.transit.hand)
    pre_grasps = np.array([candidate.approach_rad[0] for candidate in goals])
    reached = session.to_poses(start_rad, forward_kinematics(pre_grasps, goals[0].arm.mount.firmware))
    if reached is None:
        return None
    index, track = reached
    same = [k for k, candidate in enumerate(goals) if np.allclose(candidate.T_world_tcp, goals[index].T_world_tcp)]
    # Elbow and wrist may be held in several ways: the one it came to.
    return min(same, key=lambda k: float(np.abs(pre_grasps[k] - track.joints_rad[-1]).max()))


def plan_motions(
    candidate: Candidate, start_rad: NDArray, around: Around, target_points_m: NDArray, cell: Cell, seed: int
) -> dict[Phase, JointTrajectory]:
    """All motions of a pick with a candidate, from joints (6,) to the parked arm.

    Raises:
        NoPathError: some motion has no free path.
        PlanningError: cuRobo fails.
    """
    arm, open_m = candidate.arm, candidate.pre_open_m
    held = Held.from_points(target_points_m, candidate.T_world_tcp)
    carrying = CollisionChecker(arm, cell.workspace, around.carrying, float(candidate.row[WIDTH]), held)
    letting_go = CollisionChecker(arm, cell.workspace, around.carrying, open_m)
    session = session_of(arm, cell)

    approach, lift = approach_and_lift(candidate, carrying)
    session.see(around.transit.hand)
    transit = _motion(session, start_rad, approach[0], Phase.TRANSIT, cell, "no way to the object")
    over = places_over_bin(lift[-1], candidate.T_world_tcp, cell.bin, around.in_bin_m, carrying, letting_go)
    places = islice(over, MOST_GOALS)
    session.see(around.without_target)
    with session.holding(held, lift[-1]):
        place, carry = _to_bin(session, lift[-1], list(places), arm.mount.firmware, cell)
    session.see(around_filled_bin(place, carrying, around, cell.bin))
    park = _motion(session, place.withdraw_rad[-1], PARK_JOINTS, Phase.RETREAT, cell, "no way back from the bin")
    try:
        onto, up, down, back = (
            time_path([path], phase, cell.motion.of(phase))
            for path, phase in (
                (approach, Phase.APPROACH),
                (lift, Phase.LIFT),
                (place.lower_rad, Phase.PLACE),
                (place.withdraw_rad, Phase.RETREAT),
            )
        )
    except PlanningError as error:
        raise NoPathError("a path that cannot be timed") from error
    return dict(zip(Phase, (transit, onto, up, chain([carry, down]), chain([back, park])), strict=True))


def _motion(
    session: CuroboSession, start_rad: NDArray, goal_rad: NDArray, phase: Phase, cell: Cell, failure: str
) -> JointTrajectory:
    if np.abs(goal_rad - start_rad).max() < _SAME_RAD:
        return time_path([np.array([start_rad, goal_rad])], phase)
    track = session.to_joints(start_rad, goal_rad)
    if track is None:
        raise NoPathError(failure)
    return as_trajectory(track, start_rad, goal_rad, PhaseLimits.of(phase, cell.motion.of(phase)))


def _to_bin(
    session: CuroboSession, start_rad: NDArray, places: list[Place], firmware: Firmware, cell: Cell
) -> tuple[Place, JointTrajectory]:
    """Where to let go, of several places the one that is reached first, and the way there."""
    if not places:
        raise NoPathError("no free pose over the bin")
    poses = forward_kinematics(np.array([place.joints_rad for place in places]), firmware)
    reached = session.to_poses(start_rad, poses)
    if reached is None:
        raise NoPathError("no way to the bin")
    index, track = reached
    place = places[index]
    limits = PhaseLimits.of(Phase.PLACE, cell.motion.of(Phase.PLACE))
    if np.abs(place.joints_rad - track.joints_rad[-1]).max() < MOST_OFF_RAD:
        return place, as_trajectory(track, start_rad, place.joints_rad, limits)
    # It holds its elbow or wrist another way there than the way back from that place begins with.
    return place, _motion(session, start_rad, place.joints_rad, Phase.PLACE, cell, "no way to the bin")


PLANNER = PlannerSpecification("curobo", "cuRobo V2, on CUDA", plan_motions, why_not_curobo, choose_first, prepare)
