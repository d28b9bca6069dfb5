"""Where to let go: tool poses that hold an object over the bin, clear of its walls, and the way back."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell_parts import Bin
from core.transforms import Matrix, rotation_z, transform
from grasping.planning.collision import CollisionChecker, Held, inside
from grasping.planning.inverse_kinematics import solve
from grasping.planning.lines import LIMIT_MARGIN_RAD, LINE_STEPS, TIPS_RAD, approach_poses, follow, lift_poses

#: The held object's lowest point stays this far above the bin's rim [m].
RIM_CLEARANCE_M = 0.02
#: What a radian of tipping the object costs, in radians of joint travel: full cups stay level.
_TIPPING_COST = 1.0
_LEANS_RAD = np.deg2rad([0.0, 20.0, 40.0, 60.0])
_TURNS_RAD = np.arange(12) * np.pi / 6


@dataclass(frozen=True)
class Place:
    """Where to let go: joints (6,) over the bin, and the way straight back from the object, withdraw_rad (S, 6)."""

    joints_rad: NDArray[np.float64]
    withdraw_rad: NDArray[np.float64]


def places_over_bin(
    from_rad: NDArray, T_world_tcp: Matrix, bin_: Bin, carrying: CollisionChecker, leaving: CollisionChecker
) -> Iterator[Place]:
    """Ways to hold an object over the bin and to leave it there without touching anything, cheapest first.

    from_rad (6,) is where the arm comes from, T_world_tcp where the tool grasped the object as it stood.
    """
    arm, held = carrying.arm, carrying.held
    assert held is not None
    T = np.array([_over_bin(R, held, bin_) for R in _rotations(T_world_tcp[:3, :3])])
    T = T[inside(T[:, :3, 3], carrying.workspace)]
    joints = solve(arm.T_base_world @ T, arm.mount.firmware, LIMIT_MARGIN_RAD)
    pose, branch = np.nonzero(np.isfinite(joints).all(axis=-1))
    joints = joints[pose, branch]
    tipping = np.arccos(np.clip(_uprightness(T[pose], T_world_tcp), -1.0, 1.0))
    order = np.argsort(np.abs(joints - from_rad).max(axis=1) + _TIPPING_COST * tipping)
    order = order[carrying.free(joints[order])]
    for k in order:
        withdraw = _withdraw(joints[k], T[pose[k]][None], leaving)
        if withdraw is not None:
            yield Place(joints[k], withdraw)


def _withdraw(joints_rad: NDArray, T_world_tcp: Matrix, leaving: CollisionChecker) -> NDArray[np.float64] | None:
    """Joints (S, 6) of a free line from joints (6,) at a pose (1, 4, 4): back along the tool's axis, else
    up, where the fingers pass beside the object just as well."""
    arm = leaving.arm
    ways = [approach_poses(T_world_tcp, LINE_STEPS)]
    ways += [lift_poses(T_world_tcp, tip, arm.T_world_base, LINE_STEPS) for tip in TIPS_RAD]
    for poses in ways:
        path = follow(joints_rad[None, None], arm.T_base_world @ poses, arm.mount.firmware)[0, 0]
        if np.isfinite(path).all() and leaving.free(path).all():
            return path
    return None


def released(held: Held, T_world_tcp: Matrix, bin_: Bin) -> NDArray[np.float64]:
    """World points (K, 3) of an object let go at a tool pose, fallen upright onto the bin's floor."""
    points = held.in_world(T_world_tcp[None])[0]
    return points - [0.0, 0.0, max(points[:, 2].min() - bin_.wall_m, 0.0)]


def _rotations(R_grasp: NDArray) -> list[NDArray]:
    """The grasp's own rotation turned about the vertical, then approaches leaning every way."""
    turned = [rotation_z(angle) @ R_grasp for angle in _TURNS_RAD]
    down = np.diag([1.0, -1.0, -1.0])
    leaning = [
        rotation_z(azimuth) @ Rotation.from_euler("y", lean).as_matrix() @ rotation_z(spin - azimuth) @ down
        for lean, azimuth, spin in product(_LEANS_RAD, _TURNS_RAD, _TURNS_RAD)
        if lean > 0 or azimuth == 0
    ]
    return turned + leaning


def _over_bin(R: NDArray, held: Held, bin_: Bin) -> Matrix:
    """The tool pose with a rotation at which the object's middle is over the bin, its foot above the rim."""
    points = held.points_tcp_m @ R.T
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low[:2] + high[:2]) / 2
    height = bin_.size_m[2] + RIM_CLEARANCE_M + held.radius_m - min(float(low[2]), 0.0)
    return transform(R, (*(np.array(bin_.center_m) - middle), height))


def _uprightness(T_world_tcp: Matrix, T_world_grasp: Matrix) -> NDArray[np.float64]:
    """Cosine of the angle by which what stood upright at the grasp leans at poses (P, 4, 4)."""
    up_in_tool = T_world_grasp[2, :3]
    return T_world_tcp[:, 2, :3] @ up_in_tool
