"""Closed-form inverse kinematics of the PiPER: every joint solution of a tool pose, for whole batches.

The axes of joints 4, 5 and 6 meet in one point, so position and orientation separate: joints 1-3
place that wrist centre (two shoulders x two elbows), joints 4-6 are the ZYZ Euler angles of what
rotation remains (two flips). Derived from the modified (Craig) DH rows in `hardware/robot`.
"""

import numpy as np
from numpy.typing import NDArray

from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, TCP_OFFSET_M, Firmware
from hardware.robot.kinematics import DH_A_M, DH_D_M, DH_THETA_RAD

_BASE_HEIGHT_M = DH_D_M[0]
_UPPER_ARM_M = DH_A_M[2]
_FOREARM_M = float(np.hypot(DH_A_M[3], DH_D_M[3]))
_FOREARM_ANGLE_RAD = float(np.arctan2(-DH_D_M[3], DH_A_M[3]))
_WRIST_TO_TCP_M = DH_D_M[5] + TCP_OFFSET_M
_SINGULAR = 1e-9
_LIMIT_SLACK_RAD = 1e-9


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
