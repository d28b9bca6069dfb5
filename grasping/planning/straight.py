"""The straight parts of a pick: onto the object, up with it, down into the bin, and back from where it let go."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell_parts import Bin
from core.transforms import Matrix, apply, rotation_z
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import HELD_RADIUS_M, CollisionChecker, Held, inside
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
from grasping.planning.motion_planner import NoPathError
from grasping.planning.obstacles import DistanceField, fall_into_bin
from hardware.robot.description import PARK_JOINTS

#: The held object's lowest point comes this far above the bin's rim [m], and is lowered to so far above its floor.
RIM_CLEARANCE_M, FLOOR_CLEARANCE_M = 0.02, 0.01
#: It is let go of no higher above the rim [m].
_HIGHEST_DROP_M = 0.095
#: Poses of the way down are this far apart [m].
_LOWER_STEP_M = APPROACH_M / LINE_STEPS
#: What a radian of tipping the object costs, in radians of joint travel: full cups stay level.
_TIPPING_COST = 3.0
#: Where in the bin, as shares of the room that the object leaves: first its corners and its middle, then, where none of
#: these is free, anywhere.
_SPOTS = np.array([(0.0, 0.0), *product((-0.8, 0.8), repeat=2)])
_MORE_SPOTS = np.array([*product(np.linspace(-1.0, 1.0, 5), np.linspace(-1.0, 1.0, 9))])
#: What it costs to let go where something is [rad/m], and in the middle [rad], where it leaves less room for others.
_CROWDING_COST, _MIDDLE_COST = 300.0, 1.0
#: Poses are checked so many at a time, and no more than so many of them.
_BATCH, _MOST_POSES = 100, 3000
_LEANS_RAD = np.deg2rad([0.0, 20.0, 40.0, 60.0])
_TURNS_RAD = np.arange(12) * np.pi / 6
_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Place:
    """Where to let go: joints (6,) over the bin, from there straight down into it as far as there is room, lower_rad
    (S, 6), one where there is none, and the way straight back from the object, withdraw_rad (S, 6)."""

    joints_rad: NDArray[np.float64]
    lower_rad: NDArray[np.float64]
    withdraw_rad: NDArray[np.float64]


def approach_and_lift(candidate: Candidate, carrying: CollisionChecker) -> tuple[NDArray, NDArray]:
    """Joints (S, 6) straight onto a candidate's object, and (S, 6) up with it.

    Raises:
        NoPathError: no such line, or no room for what is held.
    """
    grasp = candidate.T_world_tcp[None]
    approach = _line(candidate, approach_poses(grasp, LINE_STEPS))[::-1]
    lift = _line(candidate, lift_poses(grasp, candidate.merits.tip_rad, candidate.arm.T_world_base, LINE_STEPS))
    raised = lift[int(np.ceil(LINE_STEPS * UPRIGHT_LIFT_M / LIFT_M)) :]
    if not carrying.all_free(raised):
        raise NoPathError("no room to lift")
    return approach, lift


def _line(candidate: Candidate, poses: Matrix) -> NDArray[np.float64]:
    """Joints (S, 6) that move the tool from the grasp through poses (1, S, 4, 4)."""
    arm = candidate.arm
    path = follow(candidate.lift_rad[None, None, 0], arm.T_base_world @ poses, arm.mount.firmware)[0, 0]
    if not np.isfinite(path).all():
        raise NoPathError("no straight line")
    return path


def places_over_bin(
    from_rad: NDArray,
    T_world_tcp: Matrix,
    bin_: Bin,
    in_bin_m: NDArray,
    carrying: CollisionChecker,
    leaving: CollisionChecker,
) -> Iterator[Place]:
    """Ways to hold an object over the bin and to leave it there without touching anything, cheapest first. None leaves
    it on top of what stands there (M, 3), above the rim: it would topple out.

    from_rad (6,) is where the arm comes from, T_world_tcp where the tool grasped the object as it stood.
    """
    arm, held = carrying.arm, carrying.held
    assert held is not None
    for spots in (_SPOTS, _MORE_SPOTS):
        is_found = False
        for joints_rad, T in _poses_over_bin(spots, from_rad, T_world_tcp, bin_, carrying, leaving):
            if not _stands_low(held, T, bin_, in_bin_m):
                continue
            lower = _lower(joints_rad, T, carrying, leaving, bin_)
            for far in (len(lower), 1)[: len(lower)]:  # else it falls
                last = lower[far - 1]
                T_world_last = arm.place(last[None], 0.0).T_world_tcp
                withdraw = _withdraw(last, T_world_last, leaving)
                if withdraw is not None and _falls_little(held, T_world_last[0], bin_):
                    is_found = True
                    yield Place(joints_rad, lower[:far], withdraw)
                    break
        if is_found:
            return


def _poses_over_bin(
    spots: NDArray,
    from_rad: NDArray,
    T_world_tcp: Matrix,
    bin_: Bin,
    carrying: CollisionChecker,
    leaving: CollisionChecker,
) -> Iterator[tuple[NDArray[np.float64], Matrix]]:
    """Free joints (6,) and tool poses (4, 4) over spots (S, 2) of the bin, cheapest first, `_MOST_POSES` looked at; see
    `places_over_bin`."""
    arm, held = carrying.arm, carrying.held
    assert held is not None
    # The grasp's own rotation turned about the vertical, then approaches leaning every way.
    rotations = np.array([rotation_z(angle) @ T_world_tcp[:3, :3] for angle in _TURNS_RAD] + _leaning())
    T, cost = _over_bin(rotations, held, bin_, leaving.around.rest, spots)
    fits = np.flatnonzero(inside(T[:, :3, 3], carrying.workspace))
    fits = fits[carrying.holds_free(T[fits])]  # the arm itself takes longer to check
    T, cost = T[fits], cost[fits]
    joints = solve(arm.T_base_world @ T, arm.mount.firmware, LIMIT_MARGIN_RAD)
    pose, branch = np.nonzero(np.isfinite(joints).all(axis=-1))
    joints = joints[pose, branch]
    # By how much what stood upright at the grasp leans there.
    tipping = np.arccos(np.clip(T[pose][:, 2, :3] @ T_world_tcp[2, :3], -1.0, 1.0))
    travel = np.abs(joints - from_rad).max(axis=1) + np.abs(joints - PARK_JOINTS).max(axis=1)
    order = np.argsort(travel + _TIPPING_COST * tipping + cost[pose])[:_MOST_POSES]
    for some in np.split(order, range(_BATCH, len(order), _BATCH)):  # the first few mostly hold a free one
        for k in some[carrying.free(joints[some])]:
            yield joints[k], T[pose[k]]


def _stands_low(held: Held, T_world_tcp: Matrix, bin_: Bin, in_bin_m: NDArray) -> bool:
    """Whether what is let go of over a place comes to stand within the bin, and not on what stands there (M, 3), above
    the rim."""
    points_m = np.concatenate([apply(T_world_tcp, held.seen_tcp_m), held.in_world(T_world_tcp[None])[0]])
    return bool(fall_into_bin(points_m, bin_, in_bin_m)[:, 2].min() <= bin_.size_m[2])


def _falls_little(held: Held, T_world_tcp: Matrix, bin_: Bin) -> bool:
    """Whether what is let go of falls no deeper than it may, from what was seen of it, for a foot below that may not be
    there."""
    return bool(apply(T_world_tcp, held.seen_tcp_m)[:, 2].min() <= bin_.size_m[2] + _HIGHEST_DROP_M)


@cache
def _leaning() -> list[NDArray[np.float64]]:
    """Rotations (3, 3) of tools that lean every way, turned every way about their axis."""
    return [
        rotation_z(azimuth) @ Rotation.from_euler("y", lean).as_matrix() @ rotation_z(spin - azimuth) @ _DOWN
        for lean, azimuth, spin in product(_LEANS_RAD, _TURNS_RAD, _TURNS_RAD)
        if lean > 0 or azimuth == 0
    ]


def _lower(
    joints_rad: NDArray, T_world_tcp: Matrix, carrying: CollisionChecker, leaving: CollisionChecker, bin_: Bin
) -> NDArray[np.float64]:
    """Joints (S, 6) from joints (6,) at a pose (4, 4) over the bin straight down, as far as what is held and the open
    fingers have room: what is let go of high up breaks, or topples over the edge."""
    arm, held = carrying.arm, carrying.held
    assert held is not None
    foot_m = held.in_world(T_world_tcp[None])[0, :, 2].min() - HELD_RADIUS_M
    steps = max(int((foot_m - bin_.wall_m - FLOOR_CLEARANCE_M) / _LOWER_STEP_M), 0)
    T = np.repeat(T_world_tcp[None], steps + 1, axis=0)
    T[:, 2, 3] -= _LOWER_STEP_M * np.arange(steps + 1)
    path = follow(joints_rad[None, None], arm.T_base_world @ T[None], arm.mount.firmware)[0, 0]
    path = path[: np.isfinite(path).all(axis=1).cumprod().sum()]
    free = carrying.free(path) & leaving.free(path)
    return path[: max(int(free.cumprod().sum()), 1)]


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


def _over_bin(
    R: NDArray, held: Held, bin_: Bin, around: DistanceField, spots: NDArray
) -> tuple[Matrix, NDArray[np.float64]]:
    """Tool poses (N, 4, 4) with rotations (M, 3, 3) at which the object is over one of the spots (S, 2) of the bin, its
    foot above the rim; and what it costs (N,) [rad] to stand there, into what is there already, or into a wall."""
    points = held.points_tcp_m @ R.transpose(0, 2, 1)
    low, high = points.min(axis=1), points.max(axis=1)
    middle, half = (low + high)[:, :2] / 2, (high - low)[:, :2] / 2 + HELD_RADIUS_M
    room = np.maximum(np.array(bin_.size_m[:2]) / 2 - bin_.wall_m - half, 0.0)
    at = np.array(bin_.center_m) + room[:, None] * spots
    T = np.tile(np.eye(4), (len(R), len(spots), 1, 1))
    T[..., :3, :3] = R[:, None]
    T[..., :2, 3] = at - middle[:, None]
    T[..., 2, 3] = bin_.size_m[2] + RIM_CLEARANCE_M + HELD_RADIUS_M - np.minimum(low[:, 2], 0.0)[:, None]
    free_m = around.at(np.concatenate([at, np.full((*at.shape[:2], 1), bin_.size_m[2] / 2)], axis=-1))
    crowded_m = np.maximum(half.min(axis=1)[:, None] - free_m, 0.0)
    cost = _CROWDING_COST * crowded_m + _MIDDLE_COST * (1 - np.abs(spots).max(axis=1))
    return T.reshape(-1, 4, 4), cost.ravel()


def around_filled_bin(place: Place, carrying: CollisionChecker, around: Around, bin_: Bin) -> DistanceField:
    """What is around once the object was let go: it stands in the bin, fallen upright."""
    assert carrying.held is not None
    T_world_tcp = carrying.arm.place(place.lower_rad[-1:], 0.0).T_world_tcp
    points = carrying.held.in_world(T_world_tcp)[0]
    return around.without_target.with_points(fall_into_bin(points, bin_, around.in_bin_m))
