"""Where an arm stands before a fixed camera, from views of a board in its hand: camera to base, hand to board, the
joints' zero offsets and the board's true size, fitted together.

A view's error is not its corners' alone: joints are read with noise too, and half a millimetre of it at the hand is a
pixel. So a view's residuals are weighed by both (generalised least squares): the covariance of its corners is
sigma_px² I + J sigma_joint² Jᵀ, J the corners' motion with the joints. Offsets of joint 1 and joint 6 cannot be told
from the base's turn and the board's, and stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from core.image import Intrinsics
from core.transforms import Matrix, transform
from hardware.robot.description import Firmware
from hardware.robot.kinematics import forward_kinematics

#: Noise of a tag's corner [px] and of a joint's reading [rad].
CORNER_PX, JOINT_RAD = 0.2, np.deg2rad(0.05)
#: What is believed before looking: of a joint's zero [rad], and of the board's size, as a share.
OFFSET_RAD, SCALE = np.deg2rad(3.0), 0.05
#: Joints whose zero offset can be seen at all.
SEEN_JOINTS = [1, 2, 3, 4]
#: Places in `HandEye.covariance`: turns [rad] and shifts [m] of the base and the board, offsets [rad], size.
BASE_TURN, BASE_SHIFT, BOARD_TURN, BOARD_SHIFT = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
OFFSETS, SIZE = slice(12, 16), 16
#: How often the weights follow the fit, and the step of a numeric derivative [rad].
_ROUNDS, _STEP_RAD = 3, 1e-6


@dataclass(frozen=True)
class BoardView:
    """joints_rad (6,) as read; board_m (K, 3) and corners_px (K, 2): the board's corners in view and where."""

    joints_rad: NDArray[np.float64]
    board_m: NDArray[np.float64]
    corners_px: NDArray[np.float64]


@dataclass(frozen=True)
class HandEye:
    """offsets_rad (6,) are to be added to what the arm reports; scale: of the board, over what was stated.

    covariance (17, 17): turns in the camera's (base) and the hand's (board) axes.
    """

    T_camera_base: Matrix
    T_tcp_board: Matrix
    offsets_rad: NDArray[np.float64]
    scale: float
    covariance: NDArray[np.float64]

    @property
    def sigma(self) -> NDArray[np.float64]:
        """(17,) standard deviations."""
        return np.sqrt(np.diag(self.covariance))

    def T_camera_board(self, joints_rad: NDArray[np.float64], firmware: Firmware) -> Matrix:
        """At joints (6,) as read."""
        return self.T_camera_base @ forward_kinematics(joints_rad + self.offsets_rad, firmware) @ self.T_tcp_board


class Model:
    """The camera and the arm's firmware; what a solution says of a view."""

    def __init__(self, intrinsics: Intrinsics, firmware: Firmware) -> None:
        self.intrinsics, self.firmware = intrinsics, firmware

    def error_px(self, view: BoardView, at: HandEye) -> NDArray[np.float64]:
        """(K, 2), where the corners should be less where they are."""
        T = at.T_camera_board(view.joints_rad, self.firmware)
        return self.intrinsics.project(at.scale * view.board_m @ T[:3, :3].T + T[:3, 3]) - view.corners_px

    def whitener(self, view: BoardView, at: HandEye) -> NDArray[np.float64]:
        """(2K, 2K) that makes the view's errors independent and of unit variance."""
        still = self.error_px(view, at)
        motion = np.empty((still.size, 6))
        for joint in range(6):
            nudged = view.joints_rad.copy()
            nudged[joint] += _STEP_RAD
            motion[:, joint] = (self.error_px(replace(view, joints_rad=nudged), at) - still).ravel() / _STEP_RAD
        covariance = CORNER_PX**2 * np.eye(still.size) + JOINT_RAD**2 * motion @ motion.T
        return np.linalg.inv(np.linalg.cholesky(covariance))

    def chi(self, view: BoardView, at: HandEye) -> float:
        """How many times its noise a view is off: about 1 where all is well."""
        return float(np.sqrt(np.mean((self.whitener(view, at) @ self.error_px(view, at).ravel()) ** 2)))

    def fit(self, views: Sequence[BoardView], start: HandEye) -> HandEye:
        """The likeliest solution, from a start within its basin; one view far off hardly bends it (robust loss)."""
        current = start
        for _ in range(_ROUNDS):
            whiten = [self.whitener(view, current) for view in views]

            def residuals(step: NDArray, at: HandEye = current, whiten: list[NDArray] = whiten) -> NDArray:
                moved = _moved(at, step)
                fit = [w @ self.error_px(view, moved).ravel() for w, view in zip(whiten, views, strict=True)]
                believed = [moved.offsets_rad[SEEN_JOINTS] / OFFSET_RAD, [np.log(moved.scale) / SCALE]]
                return np.concatenate([*fit, *believed])

            found = least_squares(residuals, np.zeros(SIZE + 1), x_scale="jac", loss="soft_l1", f_scale=3.0)
            current = replace(_moved(current, found.x), covariance=np.linalg.pinv(found.jac.T @ found.jac))
        return current


def _moved(at: HandEye, step: NDArray) -> HandEye:
    offsets = at.offsets_rad.copy()
    offsets[SEEN_JOINTS] += step[OFFSETS]
    return replace(
        at,
        T_camera_base=_shifted(at.T_camera_base, step[BASE_TURN], step[BASE_SHIFT]),
        T_tcp_board=_shifted(at.T_tcp_board, step[BOARD_TURN], step[BOARD_SHIFT]),
        offsets_rad=offsets,
        scale=at.scale * float(np.exp(step[SIZE])),
    )


def _shifted(T: Matrix, turn_rad: NDArray, shift_m: NDArray) -> Matrix:
    """Turned about its own origin, in the outer frame's axes, and shifted."""
    return transform(Rotation.from_rotvec(turn_rad).as_matrix() @ T[:3, :3], T[:3, 3] + shift_m)
