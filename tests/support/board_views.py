"""Views of a board in an arm's hand, made by projection: a cell drawn from a seed, with noise where it is asked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.board import Board
from calibration.hand_eye import BoardView
from calibration.poses import T_tcp_board
from core.image import Intrinsics
from core.transforms import Matrix, apply, invert, look_at, rotation_z, transform
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import forward_kinematics

K = Intrinsics(1280, 720, 920.0, 920.0, 639.5, 359.5)
JOINT_RAD, CORNER_PX = np.deg2rad(0.05), 0.15


@dataclass(frozen=True)
class Truth:
    T_world_camera: Matrix
    T_camera_base: Matrix
    T_tcp_board: Matrix
    offsets_rad: NDArray[np.float64]


def drawn_truth(seed: int, offsets_deg: tuple[float, ...] = (0.0,) * 6) -> Truth:
    rng = np.random.default_rng(seed)
    T_world_camera = look_at((0.52, 0.0, 0.62), (0.0, 0.0, 0.0))
    T_world_base = transform(rotation_z(rng.normal(0.0, 0.05)), np.array([-0.30, 0.25, 0.0]) + rng.normal(0.0, 0.02, 3))
    wobble = transform(Rotation.from_rotvec(rng.normal(0.0, 0.03, 3)).as_matrix(), rng.normal(0.0, 0.003, 3))
    T_camera_base = invert(T_world_camera) @ T_world_base
    return Truth(T_world_camera, T_camera_base, T_tcp_board(Board()) @ wobble, np.deg2rad(offsets_deg))


def drawn_views(
    truth: Truth, count: int = 20, seed: int = 0, scale: float = 1.0, is_noisy: bool = True, turn_rad: float = np.inf
) -> list[BoardView]:
    """scale: the board's true size over the stated one; turn_rad: joints stay so near to the first view's. Noise: of
    corners, and of encoders that do not run true, as in the digital cell."""
    rng = np.random.default_rng([seed, 7])
    period, phase = rng.uniform(3.0, 8.0, 6), rng.uniform(0.0, 2 * np.pi, 6)
    board_m, low, high = Board().corners_m().reshape(-1, 3), JOINT_LOWER_RAD, JOINT_UPPER_RAD
    joints = _seen(rng.uniform(low, high, (20_000, 6)), truth, board_m)
    if np.isfinite(turn_rad):
        joints = _seen(np.clip(joints[0] + rng.uniform(-turn_rad, turn_rad, (400, 6)), low, high), truth, board_m)
    views = []
    for q in joints[:count]:
        T = truth.T_camera_base @ forward_kinematics(q) @ truth.T_tcp_board
        pixels = K.project(apply(T, scale * board_m)) + rng.normal(0.0, CORNER_PX * is_noisy, (len(board_m), 2))
        wrong_rad = np.sqrt(2) * JOINT_RAD * is_noisy * np.sin(period * q + phase)
        views.append(BoardView(q - truth.offsets_rad - wrong_rad, board_m, pixels))
    assert len(views) == count
    return views


def _seen(joints: NDArray[np.float64], truth: Truth, board_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those (N, 6) from which the whole board faces the camera."""
    T = truth.T_camera_base @ forward_kinematics(joints) @ truth.T_tcp_board
    points = board_m @ T[:, :3, :3].transpose(0, 2, 1) + T[:, None, :3, 3]
    pixels = points[..., :2] / points[..., 2:] * K.fx + [K.cx, K.cy]
    facing = -np.einsum("ni,ni->n", T[:, :3, 2], T[:, :3, 3]) / np.linalg.norm(T[:, :3, 3], axis=1)
    inside = ((pixels > 15) & (pixels < [K.width - 15, K.height - 15])).all(axis=(1, 2))
    return joints[inside & (points[..., 2] > 0.3).all(axis=1) & (points[..., 2] < 1.0).all(axis=1) & (facing > 0.6)]
