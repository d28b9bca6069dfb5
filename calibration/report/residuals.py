"""What is left of each view of an arm once it is calibrated, reckoned anew from its stored samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.closed_form import board_pose
from calibration.hand_eye import SIZE, BoardView, HandEye, HandEyeModel
from calibration.result import ArmCalibration
from calibration.sample_arrays import Arrays, stored_views, stored_zeros
from calibration.solve import corner_errors, left_out_fits, root_mean_square
from core.image import Intrinsics
from core.transforms import Matrix, rotation_angle
from hardware.robot.description import Firmware


@dataclass(frozen=True)
class Misfit:
    """How far a board is from where a solution has it: root mean square of its corners, and its turn."""

    px: float
    mm: float
    deg: float


@dataclass(frozen=True)
class ViewResidual:
    """number: from 1, as findings name it. fit: against the stored solution; left_out: against that of the other
    views, None where the view was dropped; chi: how many times its noise it is off.

    corners_px, errors_px (K, 2): where corners were seen, and what the solution adds to that; T_camera_board: the
    board's pose by this view alone.
    """

    number: int
    fit: Misfit
    left_out: Misfit | None
    chi: float
    corners_px: NDArray[np.float64]
    errors_px: NDArray[np.float64]
    T_camera_board: Matrix


@dataclass(frozen=True)
class ArmResiduals:
    """Of all views in turn. holdout_px, holdout_mm: as `ArmCalibration` has them, but reckoned from the samples.

    sigma (17,): standard deviations in the order of `HandEye.covariance`.
    """

    views: tuple[ViewResidual, ...]
    holdout_px: float
    holdout_mm: float
    sigma: NDArray[np.float64]

    @property
    def dropped(self) -> tuple[ViewResidual, ...]:
        return tuple(view for view in self.views if view.left_out is None)


def arm_residuals(
    name: str, arm: ArmCalibration, samples: Arrays, intrinsics: Intrinsics, firmware: Firmware
) -> ArmResiduals | None:
    """None where the samples hold no views of the arm, or others than it was solved with."""
    views = stored_views(samples, name)
    kept = [number for number in range(len(views)) if number not in arm.dropped]
    if not kept or len(kept) != arm.views:
        return None
    model = HandEyeModel(intrinsics, firmware)
    fit = HandEye(
        arm.T_camera_base,
        arm.T_tcp_board,
        arm.offsets_rad - stored_zeros(samples, name),
        arm.board_scale,
        np.zeros((SIZE + 1, SIZE + 1)),
    )
    good = [views[number] for number in kept]
    blind, errors = dict[int, Misfit](), []
    for part, at in left_out_fits(good, model, fit):
        errors.append(corner_errors(good[part], model, at))
        blind |= {number: _misfit(views[number], model, at) for number in kept[part]}
    residuals = [_residual(number, view, blind.get(number), model, fit) for number, view in enumerate(views)]
    px, mm = (root_mean_square(parts) for parts in zip(*errors, strict=True))
    return ArmResiduals(tuple(residuals), px, mm, model.fit(good, fit, rounds=1).sigma)


def _residual(number: int, view: BoardView, left_out: Misfit | None, model: HandEyeModel, fit: HandEye) -> ViewResidual:
    return ViewResidual(
        number + 1,
        _misfit(view, model, fit),
        left_out,
        float(model.chi([view], fit)[0]),
        view.corners_px,
        model.errors_px([view], fit),
        _pose(view, model, fit),
    )


def _misfit(view: BoardView, model: HandEyeModel, at: HandEye) -> Misfit:
    px, mm = (root_mean_square([error]) for error in corner_errors([view], model, at))
    turn_rad = rotation_angle(
        at.T_camera_board(view.joints_rad, model.firmware)[:3, :3], _pose(view, model, at)[:3, :3]
    )
    return Misfit(px, mm, float(np.rad2deg(turn_rad)))


def _pose(view: BoardView, model: HandEyeModel, at: HandEye) -> Matrix:
    """Of the board in its true size."""
    return board_pose(replace(view, board_m=at.scale * view.board_m), model.intrinsics)


def turned_deg(views: Sequence[ViewResidual]) -> NDArray[np.float64]:
    """(3,) over how far the board was turned about the camera's x, y and z, of its poses' mean."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix([view.T_camera_board[:3, :3] for view in views])
    return np.rad2deg(np.ptp((turns * turns.mean().inv()).as_rotvec(), axis=0))


def covered_share(views: Sequence[ViewResidual], intrinsics: Intrinsics, columns: int = 8, rows: int = 6) -> float:
    """Of the picture's fields, those that a corner of some view lies in."""
    corners = np.concatenate([view.corners_px for view in views])
    fields = np.floor(corners / [intrinsics.width, intrinsics.height] * [columns, rows]).astype(int)
    return len(np.unique(np.clip(fields, 0, [columns - 1, rows - 1]), axis=0)) / (columns * rows)
