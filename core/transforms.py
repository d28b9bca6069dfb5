"""Rigid transforms as 4x4 float64 arrays, named so that neighbours cancel.

`T_a_b` maps points of frame b into frame a: `T_world_tcp = T_world_base @ T_base_tcp`.
Quaternions are wxyz.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def transform(rotation: ArrayLike | None = None, translation_m: ArrayLike = (0.0, 0.0, 0.0)) -> Matrix:
    """Builds a 4x4 transform from a 3x3 rotation (identity if None) and a translation [m]."""
    T = np.eye(4)
    if rotation is not None:
        T[:3, :3] = rotation
    T[:3, 3] = translation_m
    return T


def invert(T_a_b: Matrix) -> Matrix:
    """Inverse of a rigid transform: `invert(T_a_b)` is `T_b_a`."""
    R = T_a_b[:3, :3]
    return transform(R.T, -R.T @ T_a_b[:3, 3])


def apply(T_a_b: Matrix, points_b: NDArray) -> NDArray:
    """Maps points (..., 3) of frame b into frame a."""
    return points_b @ T_a_b[:3, :3].T + T_a_b[:3, 3]


def rotation_z(angle_rad: float) -> Matrix:
    """3x3 rotation about z.

    Written out: scipy's goes through a quaternion, and its last bit would settle other scenes for a seed.
    """
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_vector(turn_rad: ArrayLike) -> Matrix:
    """3x3 rotation by a rotation vector (3,) [rad]: exactly the identity for zeros."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(turn_rad).as_matrix())


def look_at(eye_m: ArrayLike, target_m: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0)) -> Matrix:
    """T_world_camera of an OpenCV camera (x right, y down, z forward) at `eye` facing `target`.

    Where the view runs along `up`, the image's top is a negative world axis (-x for a view straight down).
    """
    eye = np.asarray(eye_m, float)
    forward = np.asarray(target_m, float) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, np.asarray(up, float))
    if np.linalg.norm(right) < 1e-6 * np.linalg.norm(up):
        right = np.cross(forward, -np.eye(3)[np.argmin(np.abs(forward))])
    right /= np.linalg.norm(right)
    return transform(np.column_stack([right, np.cross(forward, right), forward]), eye)


def rotation_angle(R_a: Matrix, R_b: Matrix) -> float:
    """Angle [rad] between two 3x3 rotations."""
    from scipy.spatial.transform import Rotation

    return float((Rotation.from_matrix(R_a).inv() * Rotation.from_matrix(R_b)).magnitude())


def rotation_to_quaternion(R: Matrix) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) wxyz of rotations (..., 3, 3), w >= 0."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(R).as_quat(canonical=True, scalar_first=True))
