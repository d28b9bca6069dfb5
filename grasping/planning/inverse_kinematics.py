"""Closed-form inverse kinematics of the PiPER for whole batches: every solution of a tool pose, and straight lines.

The axes of joints 4, 5 and 6 meet in one point, so position and orientation separate: joints 1-3
place that wrist centre (two shoulders x two elbows), joints 4-6 are the ZYZ Euler angles of what
rotation remains (two flips). Derived from the modified (Craig) DH rows in `hardware/robot`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.transforms import Matrix
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, TCP_OFFSET_M, Firmware
from hardware.robot.kinematics import DH_A_M, DH_D_M, DH_THETA_RAD

_BASE_HEIGHT_M = DH_D_M[0]
_UPPER_ARM_M = DH_A_M[2]
_FOREARM_M = float(np.hypot(DH_A_M[3], DH_D_M[3]))
_FOREARM_ANGLE_RAD = float(np.arctan2(-DH_D_M[3], DH_A_M[3]))
_WRIST_TO_TCP_M = DH_D_M[5] + TCP_OFFSET_M
_SINGULAR = 1e-9
_LIMIT_SLACK_RAD = 1e-9

APPROACH_M = 0.08
LIFT_M = 0.12
#: Poses are taken this far inside the joint limits, so that a spline through them stays inside as well.
LIMIT_MARGIN_RAD = 0.01
#: Poses through which a straight motion runs.
LINE_STEPS = 25
#: The lift keeps the object upright where the arm can, else tips it as little as it must.
TIPS_RAD = tuple(np.deg2rad([0.0, 20.0, 40.0]))
#: An object is raised this far before it is turned: clear of the table and of what stood beside it.
UPRIGHT_LIFT_M = 0.03
#: Largest step of any joint [rad] between neighbouring poses that still counts as the same motion.
_CONTINUOUS_RAD = 0.35


def solve(T_base_tcp: NDArray, firmware: Firmware = "new", margin_rad: float = 0.0) -> NDArray[np.float64]:
    """All joint solutions of tool poses, without regard to collisions.

    Args:
        T_base_tcp: (..., 4, 4) poses of the tool centre point in the arm's base frame.
        firmware: `new` or `old`, as in `core.cell.ArmMount`.
        margin_rad: how far every joint must stay inside its limits.

    Returns:
        (..., 8, 6) joints [rad]; a row is NaN where that branch does not exist or leaves the joint
        limits. With joint 5 straight (singular), joint 4 is set to 0 and joint 6 takes the rotation.
    """
    T = np.asarray(T_base_tcp, float)
    shoulder, elbow, flip = (b.ravel() for b in np.meshgrid([0.0, np.pi], [1.0, -1.0], [1.0, -1.0], indexing="ij"))
    with np.errstate(invalid="ignore"):
        q = np.stack(_branches(T[..., None, :, :], shoulder, elbow, flip), axis=-1) - DH_THETA_RAD[firmware]
    q = (q + np.pi) % (2 * np.pi) - np.pi
    slack = _LIMIT_SLACK_RAD - margin_rad
    low, high = JOINT_LOWER_RAD - slack, JOINT_UPPER_RAD + slack
    with np.errstate(invalid="ignore"):
        inside = np.all((q >= low) & (q <= high), axis=-1, keepdims=True)
    return np.where(inside, np.clip(q, JOINT_LOWER_RAD, JOINT_UPPER_RAD), np.nan)


def _branches(T: NDArray, shoulder: NDArray, elbow: NDArray, flip: NDArray) -> list[NDArray]:
    """DH angles (each (..., 8)) of the eight branches; NaN where the wrist centre is out of reach."""
    R = T[..., :3, :3]
    wrist = T[..., :3, 3] - _WRIST_TO_TCP_M * R[..., :, 2]
    theta1 = np.arctan2(wrist[..., 1], wrist[..., 0]) + shoulder
    # The plane of joints 2 and 3: x outward, y downward, as frame 2 has it.
    x = wrist[..., 0] * np.cos(theta1) + wrist[..., 1] * np.sin(theta1)
    y = _BASE_HEIGHT_M - wrist[..., 2]
    cosine = (x**2 + y**2 - _UPPER_ARM_M**2 - _FOREARM_M**2) / (2 * _UPPER_ARM_M * _FOREARM_M)
    bend = elbow * np.arccos(cosine)
    theta2 = np.arctan2(y, x) - np.arctan2(_FOREARM_M * np.sin(bend), _UPPER_ARM_M + _FOREARM_M * np.cos(bend))
    theta3 = bend - _FOREARM_ANGLE_RAD
    return [theta1, theta2, theta3, *_wrist_angles(R, theta1, theta2 + theta3, flip)]


def _wrist_angles(R: NDArray, theta1: NDArray, theta23: NDArray, flip: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """ZYZ angles of the rotation from the forearm (its x, and its z along the forearm) to link 6."""
    c1, s1, c, s = np.cos(theta1), np.sin(theta1), np.cos(theta23), np.sin(theta23)
    forearm_x = np.stack([c1 * c, s1 * c, -s], axis=-1)
    forearm_y = np.stack([-s1, c1, np.zeros_like(s)], axis=-1)
    forearm_z = np.stack([c1 * s, s1 * s, c], axis=-1)

    def component(axis: NDArray, column: int) -> NDArray:
        return np.sum(axis * R[..., :, column], axis=-1)

    xz, yz, zz = component(forearm_x, 2), component(forearm_y, 2), component(forearm_z, 2)
    sine = flip * np.hypot(xz, yz)
    theta5 = np.arctan2(sine, zz)
    singular = np.abs(sine) < _SINGULAR
    theta4 = np.where(singular, 0.0, np.arctan2(yz * flip, xz * flip))
    # With joint 4 known, joint 6 is the rest about z: exact at and near the singularity as well.
    c4, s4 = np.cos(theta4), np.sin(theta4)
    side_x = -s4 * component(forearm_x, 0) + c4 * component(forearm_y, 0)
    side_y = -s4 * component(forearm_x, 1) + c4 * component(forearm_y, 1)
    return theta4, theta5, np.arctan2(side_x, side_y)


def approach_poses(T_world_tcp: Matrix, steps: int) -> Matrix:
    """(C, S, 4, 4) from grasps (C, 4, 4) straight back along the tool's axis to where the approach begins."""
    T = np.repeat(T_world_tcp[:, None], steps, axis=1)
    T[..., :3, 3] -= np.linspace(0.0, APPROACH_M, steps)[:, None] * T_world_tcp[:, None, :3, 2]
    return T


def lift_poses(T_world_tcp: Matrix, tip_rad: float, T_world_base: Matrix, steps: int) -> Matrix:
    """(C, S, 4, 4) from grasps (C, 4, 4) straight up, the tool tipping outward by `tip_rad` on the way.

    The arm holds its tool straight down only near the table (joint 5 ends at 70 deg): to rise further
    it has to let the tool lean away from its base.
    """
    T = np.repeat(T_world_tcp[:, None], steps, axis=1)
    height = np.linspace(0.0, LIFT_M, steps)
    outward = T_world_tcp[:, :2, 3] - T_world_base[:2, 3]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    axis = np.stack([outward[:, 1], -outward[:, 0], np.zeros(len(outward))], axis=1)
    angle = tip_rad * np.clip((height - UPRIGHT_LIFT_M) / (LIFT_M - UPRIGHT_LIFT_M), 0.0, 1.0)
    turns = Rotation.from_rotvec((angle[None, :, None] * axis[:, None]).reshape(-1, 3)).as_matrix()
    T[..., :3, :3] = turns.reshape(len(T), steps, 3, 3) @ T[..., :3, :3]
    T[..., 2, 3] += height
    return T


def follow(start_rad: NDArray, T_base_tcp: Matrix, firmware: Firmware) -> NDArray[np.float64]:
    """Joint paths (C, K, S, 6) through poses (C, S, 4, 4) from starts (C, K, 6), all from one solution on.

    At each pose the solution nearest to the one before is taken, so a path may pass where the wrist
    is straight. From the first pose without a continuous solution on, a path is NaN.
    """
    options = solve(T_base_tcp, firmware, LIMIT_MARGIN_RAD)
    here = np.asarray(start_rad, float)
    path = []
    for step in range(options.shape[1]):
        distance = np.abs(options[:, None, step] - here[:, :, None]).max(axis=-1)
        distance = np.where(np.isnan(distance), np.inf, distance)
        nearest = distance.argmin(axis=-1)
        found = np.take_along_axis(distance, nearest[..., None], axis=-1) < _CONTINUOUS_RAD
        here = np.where(found, np.take_along_axis(options[:, step], nearest[..., None], axis=1), np.nan)
        path.append(here)
    return np.stack(path, axis=2)
