"""What is left of each view of an arm once it is calibrated, reckoned anew from its stored samples."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.closed_form import board_pose
from calibration.hand_eye import NUMBERS, BoardView, HandEye, HandEyeModel
from calibration.report.coverage import SeenBoard
from calibration.result import ArmCalibration
from calibration.sample_arrays import Arrays, stored_views, stored_zeros
from calibration.solve import corner_errors, left_out_fits, root_mean_square
from core.image import Intrinsics
from core.threads import one_blas_thread
from core.transforms import Matrix, rotation_angle
from hardware.robot.description import Firmware


@dataclass(frozen=True)
class Misfit:
    """How far a board is from where a solution has it: root mean square of its corners, and its turn."""

    px: float
    mm: float
    deg: float


@dataclass(frozen=True)
class ViewResidual(SeenBoard):
    """fit: against the stored solution, its joints' errors learnt; left_out: against that of the other views, None
    where the view was dropped; chi: how many times its noise it is off; errors_px (K, 2): what the solution adds to
    where corners were seen."""

    fit: Misfit
    left_out: Misfit | None
    chi: float
    errors_px: NDArray[np.float64]

    @property
    def is_dropped(self) -> bool:
        return self.left_out is None


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
        return tuple(view for view in self.views if view.is_dropped)


@one_blas_thread()
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
        np.zeros((NUMBERS, NUMBERS)),
        arm.inset_px,
    )
    good = [views[number] for number in kept]
    blind, errors = dict[int, Misfit](), []
    for part, at in left_out_fits(good, model, fit):
        errors.append(corner_errors(good[part], model, at))
        blind |= {number: _misfit(views[number], model, at) for number in kept[part]}
    learnt = model.refine(good, fit)
    residuals = [_residual(number, view, blind.get(number), model, learnt) for number, view in enumerate(views)]
    px, mm = (root_mean_square(parts) for parts in zip(*errors, strict=True))
    return ArmResiduals(tuple(residuals), px, mm, learnt.sigma)


def _residual(number: int, view: BoardView, left_out: Misfit | None, model: HandEyeModel, fit: HandEye) -> ViewResidual:
    return ViewResidual(
        number + 1,
        view.corners_px,
        _pose(view, model, fit),
        fit=_misfit(view, model, fit),
        left_out=left_out,
        chi=float(model.chi([view], fit)[0]),
        errors_px=model.errors_px([view], fit),
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
