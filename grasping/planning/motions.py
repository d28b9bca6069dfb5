"""One candidate made into the five motions of a pick: straight lines, free paths, and where to let go over the bin."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Bin, Cell
from core.errors import PlanningError
from core.transforms import Matrix, rotation_z, transform
from grasping.grasp_set import WIDTH
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import HELD_RADIUS_M, CollisionChecker, Held, Surroundings, inside
from grasping.planning.grasp_plan import Phase
from grasping.planning.inverse_kinematics import (
    APPROACH_M,
    LIFT_M,
    LIMIT_MARGIN_RAD,
    LINE_STEPS,
    TIPS_RAD,
    UPRIGHT_LIFT_M,
    approach_poses,
    follow,
    lift_poses,
    solve,
)
from grasping.planning.motion_planner import NoPathError, PlannerSpecification
from grasping.planning.paths import connect, densify, is_spline_free, smooth, time_path
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS

#: A search for one path may take this long [s].
_SEARCH_S = 0.7
#: Poses over the bin that are tried, cheapest first.
_PLACES = 3
#: The held object's lowest point stays this far above the bin's rim [m].
RIM_CLEARANCE_M = 0.02
#: What a radian of tipping the object costs, in radians of joint travel: full cups stay level.
_TIPPING_COST = 1.0
_LEANS_RAD = np.deg2rad([0.0, 20.0, 40.0, 60.0])
_TURNS_RAD = np.arange(12) * np.pi / 6
#: Straight back from what was let go at least so far [m], through every so many of a line's poses; then the arm turns
#: away over this much of joint travel [rad].
_STRAIGHT_BACK_M, _EVERY, _TURN_RAD = 0.05, 3, 0.25
_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Place:
    """Where to let go: joints (6,) over the bin, and the way straight back from the object, withdraw_rad (S, 6)."""

    joints_rad: NDArray[np.float64]
    withdraw_rad: NDArray[np.float64]


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
    places = islice(_places_over_bin(lift[-1], candidate.T_world_tcp, cell.bin, carrying, letting_go), _PLACES)
    place, carry = _to_bin(lift[-1], places, carrying, seed)
    # On the way to the park pose, what was let go stands in the bin, fallen upright onto its floor.
    points = held.in_world(arm.place(place.joints_rad[None], 0.0).T_world_tcp)[0]
    points = points - [0.0, 0.0, max(points[:, 2].min() - cell.bin.wall_m, 0.0)]
    filled = around.without_target.with_points(points)
    leaving = CollisionChecker(arm, cell.workspace, Surroundings(filled, filled), open_m)
    park = _waypoints(place.withdraw_rad[-1], PARK_JOINTS, leaving, seed, "no way back from the bin")
    pieces = (transit, [approach], [lift], carry, _leave(place.withdraw_rad, park, leaving))
    try:
        return {phase: time_path(path, phase) for phase, path in zip(Phase, pieces, strict=True)}
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
) -> list[NDArray[np.float64]]:
    """Pieces of a free path between two configurations; see `smooth`."""
    return smooth(_waypoints(start_rad, goal_rad, checker, seed, failure), checker.all_free)


def _waypoints(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, seed: int, failure: str
) -> NDArray[np.float64]:
    path = connect(start_rad, goal_rad, checker, _SEARCH_S, seed)
    if path is None:
        raise NoPathError(failure)
    return path


def _leave(withdraw_rad: NDArray, park_rad: NDArray, leaving: CollisionChecker) -> list[NDArray[np.float64]]:
    """Pieces of the way back (S, 6) from what was let go and on to the park pose: one, if the arm may turn away before
    it has quite withdrawn."""
    straight = withdraw_rad[: int(LINE_STEPS * _STRAIGHT_BACK_M / APPROACH_M) + 1 : _EVERY]
    away = densify(park_rad, _TURN_RAD)[1:]
    away = away[np.abs(away - straight[-1]).max(axis=1) > _TURN_RAD]
    rounded = np.concatenate([straight, away]) if len(away) else straight
    if len(away) and is_spline_free(rounded, leaving.all_free):
        return [rounded]
    return [withdraw_rad, *smooth(park_rad, leaving.all_free)]


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


def _places_over_bin(
    from_rad: NDArray, T_world_tcp: Matrix, bin_: Bin, carrying: CollisionChecker, leaving: CollisionChecker
) -> Iterator[Place]:
    """Ways to hold an object over the bin and to leave it there without touching anything, cheapest first.

    from_rad (6,) is where the arm comes from, T_world_tcp where the tool grasped the object as it stood.
    """
    arm, held = carrying.arm, carrying.held
    assert held is not None
    # The grasp's own rotation turned about the vertical, then approaches leaning every way.
    rotations = [rotation_z(angle) @ T_world_tcp[:3, :3] for angle in _TURNS_RAD] + _leaning()
    T = np.array([_over_bin(R, held, bin_) for R in rotations])
    T = T[inside(T[:, :3, 3], carrying.workspace)]
    joints = solve(arm.T_base_world @ T, arm.mount.firmware, LIMIT_MARGIN_RAD)
    pose, branch = np.nonzero(np.isfinite(joints).all(axis=-1))
    joints = joints[pose, branch]
    # By how much what stood upright at the grasp leans there.
    tipping = np.arccos(np.clip(T[pose][:, 2, :3] @ T_world_tcp[2, :3], -1.0, 1.0))
    travel = np.abs(joints - from_rad).max(axis=1) + np.abs(joints - PARK_JOINTS).max(axis=1)
    order = np.argsort(travel + _TIPPING_COST * tipping)
    for k in order[carrying.free(joints[order])]:
        withdraw = _withdraw(joints[k], T[pose[k]][None], leaving)
        if withdraw is not None:
            yield Place(joints[k], withdraw)


@cache
def _leaning() -> list[NDArray[np.float64]]:
    """Rotations (3, 3) of tools that lean every way, turned every way about their axis."""
    return [
        rotation_z(azimuth) @ Rotation.from_euler("y", lean).as_matrix() @ rotation_z(spin - azimuth) @ _DOWN
        for lean, azimuth, spin in product(_LEANS_RAD, _TURNS_RAD, _TURNS_RAD)
        if lean > 0 or azimuth == 0
    ]


def _withdraw(joints_rad: NDArray, T_world_tcp: Matrix, leaving: CollisionChecker) -> NDArray[np.float64] | None:
    """Joints (S, 6) of a free line from joints (6,) at a pose (1, 4, 4): back along the tool's axis, else
    up, where the fingers pass beside the object just as well."""
    arm = leaving.arm
    lifts = [lift_poses(T_world_tcp, tip, arm.T_world_base, LINE_STEPS) for tip in TIPS_RAD]
    for poses in (approach_poses(T_world_tcp, LINE_STEPS), *lifts):
        path = follow(joints_rad[None, None], arm.T_base_world @ poses, arm.mount.firmware)[0, 0]
        if np.isfinite(path).all() and leaving.free(path).all():
            return path
    return None


def _over_bin(R: NDArray, held: Held, bin_: Bin) -> Matrix:
    """The tool pose with a rotation at which the object's middle is over the bin, its foot above the rim."""
    points = held.points_tcp_m @ R.T
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low[:2] + high[:2]) / 2
    height = bin_.size_m[2] + RIM_CLEARANCE_M + HELD_RADIUS_M - min(float(low[2]), 0.0)
    return transform(R, (*(np.array(bin_.center_m) - middle), height))


PLANNER = PlannerSpecification("ompl", "RRT-Connect and straight lines, timed by TOPP-RA; on the CPU", plan_motions)
