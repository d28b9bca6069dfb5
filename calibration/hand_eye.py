"""Where an arm stands before a fixed camera, from views of a board in its hand: camera to base, hand to board, the
joints' zero offsets, the board's true size and how far light spills over its black squares, fitted together.

A view's error is not its corners' alone: joints are read with noise too, and half a millimetre of it at the hand is a
pixel. So a view's residuals are weighed by both (generalised least squares): the covariance of its corners is
sigma_px² I + J sigma_joint² Jᵀ, J the corners' motion with the joints. Once the bad views are out, what the joints are
read wrong by is learnt as a function of their angles (`joint_errors`): views from like angles err alike. Offsets of
joint 1 and joint 6 cannot be told from the base's turn and the board's, and stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from calibration.joint_errors import JointErrors, SeenErrors
from core.image import Intrinsics
from core.transforms import Matrix, transform
from hardware.robot.description import Firmware
from hardware.robot.kinematics import forward_kinematics

#: Noise of a tag's corner [px] and of a joint's reading [rad].
CORNER_PX, JOINT_RAD = 0.2, np.deg2rad(0.05)
#: What is believed before looking: of a joint's zero [rad], of the board's size, as a share, and of how far a tag's
#: corners are seen inside their places [px].
OFFSET_RAD, SCALE, INSET_PX = np.deg2rad(3.0), 0.05, 0.3
#: Joints whose zero offset can be seen at all.
SEEN_JOINTS = [1, 2, 3, 4]
#: Places in `HandEye.covariance`: turns [rad] and shifts [m] of the base and the board, offsets [rad], size,
#: inset [px]; how many.
BASE_TURN, BASE_SHIFT, BOARD_TURN, BOARD_SHIFT = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
OFFSETS, SIZE, INSET, NUMBERS = slice(12, 16), 16, 17, 18
#: The step of a numeric derivative [rad]; a corner is never better than this [px].
_STEP_RAD, _LEAST_CORNER_PX = 1e-6, 0.03
#: How often a fit's weights follow it.
_ROUNDS = 3


@dataclass(frozen=True)
class BoardView:
    """joints_rad (6,) as read; board_m (K, 3) and corners_px (K, 2): the board's corners in view and where, each tag's
    four in turn."""

    joints_rad: NDArray[np.float64]
    board_m: NDArray[np.float64]
    corners_px: NDArray[np.float64]


@dataclass(frozen=True)
class HandEye:
    """offsets_rad (6,) are to be added to what the arm reports; scale: of the board, over what was stated.

    covariance (18, 18): turns in the camera's (base) and the hand's (board) axes. inset_px: how much nearer to their
    tag's middle corners are seen than they are, for white spills over black in a picture. joint_errors: what else is to
    be added to the joints, where it was learnt.
    """

    T_camera_base: Matrix
    T_tcp_board: Matrix
    offsets_rad: NDArray[np.float64]
    scale: float
    covariance: NDArray[np.float64]
    inset_px: float = 0.0
    joint_errors: JointErrors | None = None

    @property
    def sigma(self) -> NDArray[np.float64]:
        """(18,) standard deviations."""
        return np.sqrt(np.diag(self.covariance))

    def T_camera_board(self, joints_rad: NDArray[np.float64], firmware: Firmware) -> Matrix:
        """(..., 4, 4) at joints (..., 6) as read."""
        true_rad = joints_rad + self.offsets_rad
        if self.joint_errors is not None:
            true_rad = true_rad + self.joint_errors.at(joints_rad)
        return self.T_camera_base @ forward_kinematics(true_rad, firmware) @ self.T_tcp_board


class HandEyeModel:
    """The camera and the arm's firmware; what a solution says of views."""

    def __init__(self, intrinsics: Intrinsics, firmware: Firmware) -> None:
        self.intrinsics, self.firmware = intrinsics, firmware

    def errors_px(self, views: Sequence[BoardView], at: HandEye, nudge_rad: ArrayLike = 0.0) -> NDArray[np.float64]:
        """(M, 2) of all views' corners in turn: where they should be less where they are, the joints nudged."""
        joints = np.array([view.joints_rad for view in views]) + np.asarray(nudge_rad, float)
        T = at.T_camera_board(joints, self.firmware)
        of_view = np.repeat(np.arange(len(views)), [len(view.board_m) for view in views])
        points = at.scale * np.concatenate([view.board_m for view in views])
        seen = np.einsum("mij,mj->mi", T[of_view, :3, :3], points) + T[of_view, :3, 3]
        return _inset(self.intrinsics.project(seen), at.inset_px) - np.concatenate([view.corners_px for view in views])

    def whiteners(self, views: Sequence[BoardView], at: HandEye) -> list[NDArray[np.float64]]:
        """(2K, 2K) of each view that makes its errors independent and of unit variance."""
        return [_whitener(motion) for motion in self._motions(views, at)]

    def _motions(self, views: Sequence[BoardView], at: HandEye) -> list[NDArray[np.float64]]:
        """(2K, 6) of each view: how far its corners move by a radian of each joint."""
        still = self.errors_px(views, at)
        nudged = [self.errors_px(views, at, _STEP_RAD * axis) for axis in np.eye(6)]
        motion = np.stack([(one - still) / _STEP_RAD for one in nudged], axis=-1)
        return [one.reshape(-1, 6) for one in np.split(motion, _ends(views))]

    def chi(self, views: Sequence[BoardView], at: HandEye) -> NDArray[np.float64]:
        """(N,) how many times its noise each view is off: about 1 where all is well."""
        white = self._whitened(views, at, self.whiteners(views, at))
        return np.array([np.sqrt(np.mean(one**2)) for one in white])

    def fit(self, views: Sequence[BoardView], start: HandEye) -> HandEye:
        """The likeliest solution, from a start within its basin; one view far off hardly bends it (robust loss)."""
        current = start
        for _ in range(_ROUNDS):
            whiteners = self.whiteners(views, current)

            def residuals(step: NDArray, at: HandEye = current, by: list[NDArray] = whiteners) -> NDArray:
                moved = _moved(at, step)
                believed = [moved.offsets_rad[SEEN_JOINTS] / OFFSET_RAD, [np.log(moved.scale) / SCALE]]
                return np.concatenate([*self._whitened(views, moved, by), *believed, [moved.inset_px / INSET_PX]])

            found = least_squares(residuals, np.zeros(NUMBERS), x_scale="jac", loss="soft_l1", f_scale=3.0)
            current = replace(_moved(current, found.x), covariance=np.linalg.pinv(found.jac.T @ found.jac))
        return current

    def refine(self, views: Sequence[BoardView], start: HandEye, rounds: int = _ROUNDS) -> HandEye:
        """The likeliest solution with the joints' errors learnt, from `fit` of views that all belong: its covariance is
        the one to state, the larger the more views left out are missed than they should be (fewer misses than that make
        nothing surer); its predictions are the ones to judge by."""
        current = replace(start, joint_errors=None)
        errors: JointErrors | None = None
        for _ in range(rounds):
            seen, prior = self._seen(views, current), _prior(current)
            errors = errors or seen.likeliest(_corner_px(seen), *prior)
            change, covariance = seen.step(errors, _corner_px(seen), *prior)
            current = replace(_moved(current, change), covariance=covariance)
        assert errors is not None
        seen = self._seen(views, current)
        chi = seen.left_out_chi(errors, _corner_px(seen), _prior(current)[0])
        learnt = seen.learnt(errors, _corner_px(seen))
        return replace(current, covariance=max(chi, 1.0) ** 2 * current.covariance, joint_errors=learnt)

    def step(
        self, views: Sequence[BoardView], at: HandEye, slope: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The likeliest change from a refined solution, and its covariance, where F further numbers may change too:
        (18 + F,), (18 + F, 18 + F). slope (M, 2, F): how all corners' errors change with them; weights (F,): how surely
        they are believed not to, as inverse variances."""
        assert at.joint_errors is not None
        seen, (prior, pull) = self._seen(views, replace(at, joint_errors=None), slope), _prior(at)
        more = len(weights)
        wider = np.pad(prior, (0, more)) + np.diag(np.concatenate([np.zeros(len(pull)), weights]))
        return seen.step(at.joint_errors, _corner_px(seen), wider, np.pad(pull, (0, more)))

    def _seen(self, views: Sequence[BoardView], at: HandEye, more: NDArray[np.float64] | None = None) -> SeenErrors:
        """more (M, 2, F): how errors change with further numbers."""
        still = self.errors_px(views, at)
        steps = _STEP_RAD * np.eye(NUMBERS)
        slope = np.stack([(self.errors_px(views, _moved(at, step)) - still) / _STEP_RAD for step in steps], axis=-1)
        slope = slope if more is None else np.concatenate([slope, more], axis=-1)
        ends = _ends(views)
        return SeenErrors.split(
            np.array([view.joints_rad for view in views]),
            [one.ravel() for one in np.split(still, ends)],
            [one.reshape(-1, slope.shape[-1]) for one in np.split(slope, ends)],
            self._motions(views, at),
        )

    def _whitened(
        self, views: Sequence[BoardView], at: HandEye, whiteners: Sequence[NDArray]
    ) -> list[NDArray[np.float64]]:
        errors = np.split(self.errors_px(views, at), _ends(views))
        return [by @ error.ravel() for by, error in zip(whiteners, errors, strict=True)]


def _ends(views: Sequence[BoardView]) -> NDArray[np.int_]:
    """Where in all views' corners each view but the last ends."""
    return np.cumsum([len(view.board_m) for view in views])[:-1]


def _corner_px(seen: SeenErrors) -> float:
    return max(seen.corner_px, _LEAST_CORNER_PX)


def _prior(at: HandEye) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is believed before looking, as a Hessian (18, 18) and a gradient (18,)."""
    weights, off = np.zeros(NUMBERS), np.zeros(NUMBERS)
    weights[OFFSETS], weights[SIZE], weights[INSET] = 1 / OFFSET_RAD**2, 1 / SCALE**2, 1 / INSET_PX**2
    off[OFFSETS], off[SIZE], off[INSET] = at.offsets_rad[SEEN_JOINTS], np.log(at.scale), at.inset_px
    return np.diag(weights), weights * off


def _whitener(motion_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """motion_px (2K, 6): as `_motions` has it."""
    covariance = CORNER_PX**2 * np.eye(len(motion_px)) + JOINT_RAD**2 * motion_px @ motion_px.T
    return np.linalg.inv(np.linalg.cholesky(covariance))


def _moved(at: HandEye, step: NDArray) -> HandEye:
    offsets = at.offsets_rad.copy()
    offsets[SEEN_JOINTS] += step[OFFSETS]
    return replace(
        at,
        T_camera_base=_shifted(at.T_camera_base, step[BASE_TURN], step[BASE_SHIFT]),
        T_tcp_board=_shifted(at.T_tcp_board, step[BOARD_TURN], step[BOARD_SHIFT]),
        offsets_rad=offsets,
        scale=at.scale * float(np.exp(step[SIZE])),
        inset_px=at.inset_px + float(step[INSET]),
    )


def _inset(corners_px: NDArray[np.float64], by_px: float) -> NDArray[np.float64]:
    """Corners (M, 2) of tags, four in turn, nearer to their tag's middle."""
    tags = corners_px.reshape(-1, 4, 2)
    outward = tags - tags.mean(axis=1, keepdims=True)
    return (tags - by_px * outward / np.linalg.norm(outward, axis=2, keepdims=True)).reshape(-1, 2)


def _shifted(T: Matrix, turn_rad: NDArray, shift_m: NDArray) -> Matrix:
    """Turned about its own origin, in the outer frame's axes, and shifted."""
    return transform(Rotation.from_rotvec(turn_rad).as_matrix() @ T[:3, :3], T[:3, 3] + shift_m)
