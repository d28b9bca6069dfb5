"""One arm's calibration out of its views: fitted, its bad views dropped, proven on views left out, its faults named."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.closed_form import closed_forms
from calibration.hand_eye import BASE_SHIFT, BASE_TURN, OFFSETS, SEEN_JOINTS, SIZE, BoardView, HandEye, HandEyeModel
from calibration.result import ArmCalibration, CalibrationFinding
from core.errors import CalibrationError
from core.image import Intrinsics
from core.threads import one_blas_thread
from core.transforms import Matrix, rotation_angle
from hardware.robot.description import Firmware

#: A view this many times its noise off does not belong to the others; so many of them and none is to be trusted.
BAD_VIEW_CHI, MOST_BAD = 3.0, 0.25
#: Views left out at a time are a tenth of them.
_FOLDS = 10
LEAST_VIEWS = 8
#: What the base's place and turn must be known to: one standard deviation [m], [rad].
_SURE_M, _SURE_RAD = 0.0015, np.deg2rad(0.15)
#: A zero this far off [rad], a board this far from its stated size [share], is told, if it is so many sigma.
_TOLD_OFFSET_RAD, _TOLD_SCALE, _SIGMAS = np.deg2rad(0.3), 0.015, 3.0
#: A zero that is off by more [rad] was not made so: firmwares' and assembly's are 2 to 3 degrees at most.
FORCED_RAD = np.deg2rad(5.0)
#: A printer's 'fit to page' shrinks by this much [share].
_FIT_TO_PAGE = (0.96, 0.985)


@one_blas_thread()
def solve_arm(
    views: Sequence[BoardView], intrinsics: Intrinsics, firmware: Firmware, board: Board, T_world_camera: Matrix
) -> ArmCalibration:
    """The calibration of the arm that showed the board in these views.

    Raises:
        CalibrationError: too few views, or so many contradict the rest that none can be trusted.
    """
    if len(views) < LEAST_VIEWS:
        raise CalibrationError(
            f"{len(views)} views are too few to calibrate an arm; {LEAST_VIEWS} are the least.", "Take 15 to 25."
        )
    model = HandEyeModel(intrinsics, firmware)
    starts = closed_forms(views, intrinsics, firmware)
    start = min(starts.values(), key=lambda one: float(np.median(model.chi(views, one))))
    kept, fit = _without_bad(list(range(len(views))), views, model, start)
    good = [views[i] for i in kept]
    fit = model.refine(good, fit)
    dropped = tuple(i for i in range(len(views)) if i not in kept)
    (px, mm), (driven_px, driven_mm) = _left_out(good, model, fit)
    offsets_sigma = np.full(6, np.nan)
    offsets_sigma[SEEN_JOINTS] = np.rad2deg(fit.sigma[OFFSETS])
    return ArmCalibration(
        T_camera_base=fit.T_camera_base,
        T_world_base=T_world_camera @ fit.T_camera_base,
        T_tcp_board=fit.T_tcp_board,
        offsets_rad=fit.offsets_rad,
        sigma_mm=fit.sigma[BASE_SHIFT] * 1000,
        sigma_deg=np.rad2deg(fit.sigma[BASE_TURN]),
        offsets_sigma_deg=offsets_sigma,
        unseen=("the zero of joint 1 (as one with the base's turn)", "the zero of joint 6 (as one with the board's)"),
        board_scale=fit.scale,
        holdout_px=px,
        holdout_mm=mm,
        views=len(good),
        dropped=dropped,
        disagreement={name: poses_apart(one.T_camera_base, fit.T_camera_base) for name, one in starts.items()},
        findings=(*_size(fit, board), *_offsets(fit), *_bad_views(dropped), *_unsure(fit)),
        board_sigma=float(fit.sigma[SIZE]),
        inset_px=fit.inset_px,
        driven_px=driven_px,
        driven_mm=driven_mm,
        joint_error_deg=_joint_error_deg(fit),
    )


def _without_bad(
    kept: list[int], views: Sequence[BoardView], model: HandEyeModel, start: HandEye
) -> tuple[list[int], HandEye]:
    """Drops the worst view as long as it does not belong to the others, fitting anew."""
    most = int(MOST_BAD * len(views))
    fit = model.fit(views, start)
    while True:
        off = model.chi([views[i] for i in kept], fit)
        worst = int(np.argmax(off))
        if off[worst] <= BAD_VIEW_CHI:
            return kept, fit
        kept = [i for i in kept if i != kept[worst]]
        if len(views) - len(kept) > most:
            raise CalibrationError(
                f"More than {most} of {len(views)} views contradict the rest: what the arm reports and what is seen of "
                "the board do not fit together.",
                "See that the board cannot slip in the fingers, that the camera and the base are fixed, and that the "
                "cell names the right firmware; then take the views anew.",
            )
        fit = model.fit([views[i] for i in kept], fit)


def left_out_fits(views: Sequence[BoardView], model: HandEyeModel, fit: HandEye) -> Iterator[tuple[slice, HandEye]]:
    """Each part of the views, and the solution of all the others: each view is left out once."""
    folds = min(_FOLDS, len(views))
    for fold in range(folds):
        yield (
            slice(fold, None, folds),
            model.refine([view for i, view in enumerate(views) if i % folds != fold], fit),
        )


def corner_errors(
    views: Sequence[BoardView], model: HandEyeModel, at: HandEye
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M,) of all views' corners in turn: how far off in the picture [px], and so at the board's depth [mm]."""
    error_px = np.linalg.norm(model.errors_px(views, at), axis=1)
    depths_m = [at.T_camera_board(view.joints_rad, model.firmware)[2, 3] for view in views]
    depth_m = np.repeat(depths_m, [len(view.board_m) for view in views])
    return error_px, error_px * depth_m / model.intrinsics.fx * 1000


def root_mean_square(parts: Sequence[NDArray[np.float64]]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def _left_out(views: Sequence[BoardView], model: HandEyeModel, fit: HandEye) -> list[tuple[float, float]]:
    """Root mean square error [px] and [mm at the board] on views that the fit has not seen, each once: with the joints'
    errors as learnt from the others, and without."""
    fits = list(left_out_fits(views, model, fit))
    told = []
    for blind in (fits, [(part, replace(one, joint_errors=None)) for part, one in fits]):
        errors = [corner_errors(views[part], model, one) for part, one in blind]
        told.append((root_mean_square([px for px, _ in errors]), root_mean_square([mm for _, mm in errors])))
    return told


def _joint_error_deg(fit: HandEye) -> tuple[float, float]:
    learnt = fit.joint_errors
    assert learnt is not None
    return float(np.rad2deg(learnt.smooth_rad)), float(np.rad2deg(learnt.rough_rad))


def poses_apart(one: Matrix, other: Matrix) -> tuple[float, float]:
    """(mm, deg)."""
    shift_m = np.linalg.norm(one[:3, 3] - other[:3, 3])
    return float(shift_m * 1000), float(np.rad2deg(rotation_angle(one[:3, :3], other[:3, :3])))


def _size(fit: HandEye, board: Board) -> list[CalibrationFinding]:
    off = abs(np.log(fit.scale))
    if off < _TOLD_SCALE or off < _SIGMAS * fit.sigma[SIZE]:
        return []
    stated_mm, seen_mm = board.tag_m * 1000, board.tag_m * fit.scale * 1000
    said = f"The board's black squares are {seen_mm:.1f} mm, not {stated_mm:.1f} mm as stated"
    if board.tag_m == board.printed_m and _FIT_TO_PAGE[0] <= fit.scale <= _FIT_TO_PAGE[1]:
        cause = f"{said}: it was printed at {fit.scale:.0%}, as a printer's 'fit to page' does."
        return [
            CalibrationFinding(
                "printed-97", cause, "Measure a square and state its size, or print again at 100 %.", True
            )
        ]
    return [CalibrationFinding("wrong-size", f"{said}.", "Measure a square again and state its size.", True)]


def _offsets(fit: HandEye) -> list[CalibrationFinding]:
    told = []
    for joint, sigma_rad in zip(SEEN_JOINTS, fit.sigma[OFFSETS], strict=True):
        off_rad = fit.offsets_rad[joint]
        if abs(off_rad) > max(_TOLD_OFFSET_RAD, _SIGMAS * sigma_rad):
            cause = (
                f"Joint {joint + 1} stands {np.rad2deg(off_rad):+.2f}° (± {np.rad2deg(sigma_rad):.2f}°) from what it "
                "reports."
            )
            remedy = "It is corrected for. To cure it, set the joint's zero anew with the maker's tool, then calibrate."
            forced = abs(off_rad) > FORCED_RAD
            if forced:
                cause += " No assembly leaves so much: it was forced, or its zero is lost, and the arm shows no fault."
                remedy = "Let nothing move it. Set the joint's zero anew with the maker's tool, then calibrate again."
            told.append(CalibrationFinding("forced-joint" if forced else "joint-offset", cause, remedy, forced))
    return told


def _bad_views(dropped: tuple[int, ...]) -> list[CalibrationFinding]:
    if not dropped:
        return []
    names = ", ".join(str(i + 1) for i in dropped)
    cause = f"View {names} contradicts the others and was left out: the arm or the board moved, or a corner is wrong."
    return [
        CalibrationFinding("bad-view", cause, "Nothing need be done, if it was one; else fix board and camera.", False)
    ]


def _unsure(fit: HandEye) -> list[CalibrationFinding]:
    shift_m, turn_rad = fit.sigma[BASE_SHIFT].max(), fit.sigma[BASE_TURN].max()
    if shift_m <= _SURE_M and turn_rad <= _SURE_RAD:
        return []
    axis = "xyz"[int(np.argmax(fit.sigma[BASE_TURN]))]
    cause = (
        f"These views give the base only to {shift_m * 1000:.1f} mm and {np.rad2deg(turn_rad):.2f}° (one sigma; "
        f"{_SURE_M * 1000:.1f} mm and {np.rad2deg(_SURE_RAD):.2f}° are needed): the board was turned too little."
    )
    remedy = f"Add views with the board turned by 30° and more about two axes, above all about the camera's {axis}."
    return [CalibrationFinding("too-little-rotation", cause, remedy, True)]
