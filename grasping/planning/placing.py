"""Where to let go: tool poses that hold an object over the bin, clear of its walls."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from grasping.planning.collision import CollisionChecker, Held, inside
from grasping.planning.inverse_kinematics import solve
from hardware.cell import Bin
from hardware.transforms import Matrix, rotation_z, transform

#: The held object's lowest point stays this far above the bin's rim [m].
RIM_CLEARANCE_M = 0.02
#: What a radian of tipping the object costs, in radians of joint travel: full cups stay level.
_TIPPING_COST = 1.0
_LEANS_RAD = np.deg2rad([0.0, 20.0, 40.0, 60.0])
_TURNS_RAD = np.arange(12) * np.pi / 6


def place_configurations(
    from_rad: NDArray, T_world_tcp: Matrix, held: Held, bin_: Bin, checker: CollisionChecker
) -> NDArray[np.float64]:
    """Joints (P, 6), cheapest first, that hold the object over the bin without touching anything.

    from_rad (6,) is where the arm comes from, T_world_tcp how the tool holds the object there.
    """
    rotations = _rotations(T_world_tcp[:3, :3])
    T = np.array([_over_bin(R, held, bin_) for R in rotations])
    T = T[inside(T[:, :3, 3], checker.workspace)]
    joints = solve(checker.arm.T_base_world @ T, checker.arm.mount.firmware)
    pose, branch = np.nonzero(np.isfinite(joints).all(axis=-1))
    joints = joints[pose, branch]
    tipping = np.arccos(np.clip(_uprightness(T[pose], T_world_tcp), -1.0, 1.0))
    cost = np.abs(joints - from_rad).max(axis=1) + _TIPPING_COST * tipping
    joints = joints[np.argsort(cost)]
    return joints[checker.free(joints)]


def _rotations(R_grasp: NDArray) -> list[NDArray]:
    """The grasp's own rotation turned about the vertical, then approaches leaning every way."""
    turned = [rotation_z(angle) @ R_grasp for angle in _TURNS_RAD]
    down = np.diag([1.0, -1.0, -1.0])
    leaning = [
        rotation_z(azimuth) @ _lean(lean) @ rotation_z(spin - azimuth) @ down
        for lean, azimuth, spin in product(_LEANS_RAD, _TURNS_RAD[::2], _TURNS_RAD)
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
    """Cosine of the angle by which what was upright at the grasp leans at poses (P, 4, 4)."""
    up_in_tool = T_world_grasp[2, :3]
    return T_world_tcp[:, 2, :3] @ up_in_tool


def _lean(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
