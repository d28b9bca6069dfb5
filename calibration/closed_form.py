"""Closed forms for a fixed camera that looks at a board in the hand: starts for the joint fit, and a check on it.

`park` solves A X = X B over pairs of views (Park and Martin 1994), `shah` A X = Z B over single views (Shah 2013).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.hand_eye import SIZE, BoardView, HandEye
from core.image import Intrinsics
from core.transforms import Matrix, invert, transform
from hardware.robot.description import Firmware
from hardware.robot.kinematics import forward_kinematics


def closed_forms(views: Sequence[BoardView], intrinsics: Intrinsics, firmware: Firmware) -> Mapping[str, HandEye]:
    """What each method says, by its name: joints and board size taken as stated."""
    hands = np.array([forward_kinematics(view.joints_rad, firmware) for view in views])
    boards = np.array([board_pose(view, intrinsics) for view in views])
    return {method.__name__.strip("_"): _solution(method(boards, hands), hands, boards) for method in (_park, _shah)}


def board_pose(view: BoardView, intrinsics: Intrinsics) -> Matrix:
    """T_camera_board of one view alone."""
    corners = np.ascontiguousarray(view.corners_px)
    _, turn, shift = cv2.solvePnP(view.board_m, corners, intrinsics.matrix, None, flags=cv2.SOLVEPNP_IPPE)
    return transform(cv2.Rodrigues(turn)[0], shift.ravel())


def _park(boards: Matrix, hands: Matrix) -> Matrix:
    """T_camera_base (4, 4) of T_camera_board and T_base_tcp, (N, 4, 4) each."""
    pairs = list(combinations(range(len(boards)), 2))
    A = np.array([boards[j] @ invert(boards[i]) for i, j in pairs])
    B = np.array([hands[j] @ invert(hands[i]) for i, j in pairs])
    seen, moved = (Rotation.from_matrix(T[:, :3, :3]).as_rotvec() for T in (A, B))
    R = _nearest_rotation(seen.T @ moved)
    left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    shift = np.linalg.lstsq(left, (B[:, :3, 3] @ R.T - A[:, :3, 3]).ravel(), rcond=None)[0]
    return transform(R, shift)


def _shah(boards: Matrix, hands: Matrix) -> Matrix:
    """As `_park`."""
    kronecker = sum(np.kron(B[:3, :3], A[:3, :3]) for A, B in zip(boards, hands, strict=True))
    U, _, _ = np.linalg.svd(kronecker)
    stacked = U[:, 0].reshape(3, 3, order="F")
    R = _nearest_rotation(stacked * np.sign(np.linalg.det(stacked)))
    left = np.concatenate([np.hstack([A[:3, :3], -np.eye(3)]) for A in boards])
    right = (hands[:, :3, 3] @ R.T - boards[:, :3, 3]).ravel()
    return transform(R, np.linalg.lstsq(left, right, rcond=None)[0][3:])


def _nearest_rotation(M: NDArray[np.float64]) -> NDArray[np.float64]:
    U, _, Vt = np.linalg.svd(M)
    return U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt


def _solution(T_camera_base: Matrix, hands: Matrix, boards: Matrix) -> HandEye:
    """With the board where the middle view has it in the hand."""
    T_tcp_board = np.array([invert(T_camera_base @ hand) @ board for hand, board in zip(hands, boards, strict=True)])
    places = T_tcp_board[:, :3, 3]
    middle = int(np.argmin(np.linalg.norm(places - np.median(places, axis=0), axis=1)))
    return HandEye(T_camera_base, T_tcp_board[middle], np.zeros(6), 1.0, np.zeros((SIZE + 1, SIZE + 1)))
