"""Closed forms for a fixed camera that looks at a board in the hand: starts for the joint fit, and a check on it.

A X = X B over pairs of views: `tsai` (Tsai and Lenz 1989), `park` (Park and Martin 1994), `horaud` (Horaud and
Dornaika 1995), `andreff` (Andreff and others 1999), `daniilidis` (1999). A X = Z B over single views: `shah` (2013),
`li` (Li and others 2010). OpenCV names the same seven.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.hand_eye import NUMBERS, BoardView, HandEye
from core.errors import CalibrationError
from core.image import Intrinsics
from core.transforms import Matrix, invert, transform
from hardware.robot.description import Firmware
from hardware.robot.kinematics import forward_kinematics


def closed_forms(views: Sequence[BoardView], intrinsics: Intrinsics, firmware: Firmware) -> Mapping[str, HandEye]:
    """What each method says, by its name: joints and board size taken as stated; one that these views do not determine
    says nothing.

    Raises:
        CalibrationError: none says anything.
    """
    hands = np.array([forward_kinematics(view.joints_rad, firmware) for view in views])
    boards = np.array([board_pose(view, intrinsics) for view in views])
    pairs = list(combinations(range(len(views)), 2))
    A = np.array([boards[j] @ invert(boards[i]) for i, j in pairs])
    B = np.array([hands[j] @ invert(hands[i]) for i, j in pairs])
    found = dict[str, Matrix]()
    for method in (_tsai, _park, _horaud, _andreff, _daniilidis, _shah, _li):
        with suppress(np.linalg.LinAlgError, ValueError):
            T = method(boards, hands) if method in (_shah, _li) else method(A, B)
            if np.isfinite(T).all():
                found[method.__name__.strip("_")] = T
    if not found:
        raise CalibrationError("These views do not tell where the arm stands.", "Turn the board more between views.")
    return {name: _solution(T, hands, boards) for name, T in found.items()}


def board_pose(view: BoardView, intrinsics: Intrinsics) -> Matrix:
    """T_camera_board of one view alone."""
    corners = np.ascontiguousarray(view.corners_px)
    _, turn, shift = cv2.solvePnP(view.board_m, corners, intrinsics.matrix, None, flags=cv2.SOLVEPNP_IPPE)
    return transform(cv2.Rodrigues(turn)[0], shift.ravel())


def _park(A: Matrix, B: Matrix) -> Matrix:
    """T_camera_base (4, 4) of the board's motions in the camera's frame and the hand's in the base's, (M, 4, 4)."""
    seen, moved = _turns(A), _turns(B)
    return _placed(_nearest_rotation(seen.T @ moved), A, B)


def _horaud(A: Matrix, B: Matrix) -> Matrix:
    """As `_park`, all turns' axes weighed alike."""
    seen, moved = (_axes(_turns(motions)) for motions in (A, B))
    return _placed(_nearest_rotation(seen.T @ moved), A, B)


def _tsai(A: Matrix, B: Matrix) -> Matrix:
    """As `_park`, linear in the rotation's Rodrigues vector x: seen - moved = x × (seen + moved)."""
    seen, moved = (_sines(turns) for turns in (_turns(A), _turns(B)))
    both = seen + moved
    left = np.cross(np.eye(3)[None], both[:, None]).transpose(0, 2, 1).reshape(-1, 3)
    x = np.linalg.lstsq(left, (seen - moved).ravel(), rcond=None)[0]
    angle = np.linalg.norm(x)
    return _placed(Rotation.from_rotvec(2 * np.arctan(angle) * x / max(angle, 1e-12)).as_matrix(), A, B)


def _andreff(A: Matrix, B: Matrix) -> Matrix:
    """As `_park`, rotation and shift at once, the rotation's nine numbers free."""
    eye = np.eye(3)
    turning = [np.hstack([np.kron(a[:3, :3], eye) - np.kron(eye, b[:3, :3].T), np.zeros((9, 3))]) for a, b in _of(A, B)]
    moving = [np.hstack([np.kron(eye, b[:3, 3]), eye - a[:3, :3]]) for a, b in _of(A, B)]
    right = np.concatenate([np.zeros(9 * len(A)), A[:, :3, 3].ravel()])
    found = np.linalg.lstsq(np.concatenate(turning + moving), right, rcond=None)[0]
    return _placed(_nearest_rotation(found[:9].reshape(3, 3)), A, B)


def _daniilidis(A: Matrix, B: Matrix) -> Matrix:
    """As `_park`, by dual quaternions: of the two likeliest directions the one that is a rigid motion."""
    rows = []
    for (a, a_dual), (b, b_dual) in zip(map(_dual, A), map(_dual, B), strict=True):
        first = np.column_stack([a[1:] - b[1:], _skew(a[1:] + b[1:]), np.zeros((3, 4))])
        second = [a_dual[1:] - b_dual[1:], _skew(a_dual[1:] + b_dual[1:]), a[1:] - b[1:], _skew(a[1:] + b[1:])]
        rows += [first, np.column_stack(second)]
    v, w = np.linalg.svd(np.concatenate(rows))[2][-2:]
    (u1, v1), (u2, v2) = (v[:4], v[4:]), (w[:4], w[4:])
    ratios = np.roots([u1 @ v1, u1 @ v2 + u2 @ v1, u2 @ v2]).real
    size = [r**2 * u1 @ u1 + 2 * r * u1 @ u2 + u2 @ u2 for r in ratios]
    r = ratios[int(np.argmax(size))]
    q, q_dual = (r * one + other for one, other in ((u1, u2), (v1, v2)))
    q, q_dual = q / np.linalg.norm(q), q_dual / np.linalg.norm(q)
    shift = 2 * (q[0] * q_dual[1:] - q_dual[0] * q[1:] + np.cross(q[1:], q_dual[1:]))
    return transform(Rotation.from_quat(q, scalar_first=True).as_matrix(), shift)


def _turns(T: Matrix) -> NDArray[np.float64]:
    return Rotation.from_matrix(T[:, :3, :3]).as_rotvec()


def _axes(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of turns (M, 3); zeros where two views are from one pose and nothing turned."""
    return turns / np.maximum(np.linalg.norm(turns, axis=1, keepdims=True), 1e-12)


def _sines(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes of turns (M, 3), as long as twice the sine of half the angle."""
    angles = np.linalg.norm(turns, axis=1, keepdims=True)
    return 2 * np.sin(angles / 2) * turns / np.maximum(angles, 1e-12)


def _of(A: Matrix, B: Matrix) -> list[tuple[Matrix, Matrix]]:
    return list(zip(A, B, strict=True))


def _skew(v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _dual(T: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The dual quaternion (wxyz each) of a motion, its angle up to half a turn."""
    q = Rotation.from_matrix(T[:3, :3]).as_quat(canonical=True, scalar_first=True)
    t = T[:3, 3]
    return q, 0.5 * np.concatenate([[-t @ q[1:]], q[0] * t + np.cross(t, q[1:])])


def _placed(R: NDArray[np.float64], A: Matrix, B: Matrix) -> Matrix:
    """With the shift that fits a rotation best."""
    left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    return transform(R, np.linalg.lstsq(left, (B[:, :3, 3] @ R.T - A[:, :3, 3]).ravel(), rcond=None)[0])


def _shah(boards: Matrix, hands: Matrix) -> Matrix:
    """T_camera_base (4, 4) of T_camera_board and T_base_tcp, (N, 4, 4) each."""
    kronecker = sum(np.kron(B[:3, :3], A[:3, :3]) for A, B in zip(boards, hands, strict=True))
    U, _, _ = np.linalg.svd(kronecker)
    stacked = U[:, 0].reshape(3, 3, order="F")
    R = _nearest_rotation(stacked * np.sign(np.linalg.det(stacked)))
    left = np.concatenate([np.hstack([A[:3, :3], -np.eye(3)]) for A in boards])
    right = (hands[:, :3, 3] @ R.T - boards[:, :3, 3]).ravel()
    return transform(R, np.linalg.lstsq(left, right, rcond=None)[0][3:])


def _li(boards: Matrix, hands: Matrix) -> Matrix:
    """As `_shah`, both rotations and shifts at once."""
    eye, rows, right = np.eye(3), [], []
    for A, B in _of(boards, hands):
        turning = [np.kron(A[:3, :3], eye), -np.kron(eye, B[:3, :3].T), np.zeros((9, 6))]
        moving = [np.zeros((3, 9)), -np.kron(eye, B[:3, 3]), A[:3, :3], -eye]
        rows += [np.hstack(turning), np.hstack(moving)]
        right += [np.zeros(9), -A[:3, 3]]
    found = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    R = _nearest_rotation(found[9:18].reshape(3, 3))
    left = np.concatenate([np.hstack([A[:3, :3], -eye]) for A in boards])
    shift = np.linalg.lstsq(left, (hands[:, :3, 3] @ R.T - boards[:, :3, 3]).ravel(), rcond=None)[0][3:]
    return transform(R, shift)


def _nearest_rotation(M: NDArray[np.float64]) -> NDArray[np.float64]:
    U, _, Vt = np.linalg.svd(M)
    return U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt


def _solution(T_camera_base: Matrix, hands: Matrix, boards: Matrix) -> HandEye:
    """With the board where the middle view has it in the hand."""
    T_tcp_board = np.array([invert(T_camera_base @ hand) @ board for hand, board in zip(hands, boards, strict=True)])
    places = T_tcp_board[:, :3, 3]
    middle = int(np.argmin(np.linalg.norm(places - np.median(places, axis=0), axis=1)))
    return HandEye(T_camera_base, T_tcp_board[middle], np.zeros(6), 1.0, np.zeros((NUMBERS, NUMBERS)))
