"""The camera's intrinsics against the board: as the camera states them, or refined where views left out say so.

The arm is the ruler: it moved the board by so much, and so the focal length, the centre and a bend of the picture show.
Each arm's views give the change that they speak for and how surely, with all that the arm leaves open marginalised;
the arms' are weighed together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.hand_eye import (
    BASE_SHIFT,
    BASE_TURN,
    NUMBERS,
    OFFSETS,
    SEEN_JOINTS,
    SIZE,
    BoardView,
    HandEye,
    HandEyeModel,
)
from calibration.result import ArmCalibration, CalibrationFinding, LensFit
from calibration.solve import corner_errors, root_mean_square
from core.image import Intrinsics
from core.threads import one_blas_thread
from hardware.robot.description import Firmware

#: What may be free, step by step, and the step of each numeric derivative: the focal length's logarithm, the centre's
#: place [px], the bend (k1 of Brown's model).
FREE: Mapping[str, int] = {"factory": 0, "focal": 1, "centre": 3, "bend": 4}
_STEPS = np.array([1e-6, 1e-3, 1e-3, 1e-6])
#: Believed before looking: standard deviations in the same order.
_BELIEVED = np.array([0.03, 30.0, 30.0, 0.3])
#: More is freed only where views left out are then missed by less than this share of before.
_WORTH = 0.93
_FOLDS, _ROUNDS = 5, 2
#: A bend that moves no corner of the picture by more than this [px] is none.
_BENT_PX = 1.0
#: No camera states its focal length, or its centre, wrong by more [shares of it, and of the picture's width].
_MOST_FOCAL, _MOST_CENTRE = 0.03, 0.04


@dataclass(frozen=True)
class ArmViews:
    """One arm's views that belong, and what they were solved to."""

    views: Sequence[BoardView]
    fit: HandEye
    firmware: Firmware


@dataclass(frozen=True)
class _Lens:
    """intrinsics, bent by k1."""

    intrinsics: Intrinsics
    bend: float = 0.0

    def changed(self, by: NDArray[np.float64]) -> "_Lens":
        """by (4,), or its first few."""
        focal, x, y, bend = np.concatenate([by, np.zeros(4 - len(by))])
        k = self.intrinsics
        moved = replace(k, fx=k.fx * np.exp(focal), fy=k.fy * np.exp(focal), cx=k.cx + x, cy=k.cy + y)
        return _Lens(moved, self.bend + float(bend))

    def straight(self, views: Sequence[BoardView]) -> list[BoardView]:
        """The views as a lens without a bend would have seen them."""
        k = self.intrinsics
        centre, focal = np.array([k.cx, k.cy]), np.array([k.fx, k.fy])
        told = []
        for view in views:
            off = (view.corners_px - centre) / focal
            shrunk = off * (1 - self.bend * np.sum(off**2, axis=1, keepdims=True))
            told.append(replace(view, corners_px=centre + focal * shrunk))
        return told


@one_blas_thread()
def fit_lens(arms: Sequence[ArmViews], factory: Intrinsics) -> LensFit:
    """The simplest lens that views left out speak for."""
    px = {"factory": _left_out_px(arms, factory, 0)}
    kind = straight = "factory"
    for name, count in list(FREE.items())[1:]:
        px[name] = _left_out_px(arms, factory, count)
        if px[name] < _WORTH * px[kind]:
            kind, straight = name, kind if name == "bend" else name
    lens, sigma, _ = _solve(arms, factory, FREE[kind])
    if kind != straight and _bent_px(lens.bend, lens.intrinsics) <= _BENT_PX:
        # No program unbends pictures: focal length and centre that go with a bend are wrong without it.
        kind = straight
        lens, sigma, _ = _solve(arms, factory, FREE[kind])
    known = np.full(4, np.nan)
    known[: FREE[kind]] = sigma
    focal, x, y, bend = known.tolist()
    return LensFit(kind, lens.intrinsics, lens.bend, (focal, x, y, bend), px["factory"], px[kind])


@one_blas_thread()
def with_lens_doubt(arm: ArmCalibration, seen: ArmViews, lens: LensFit) -> ArmCalibration:
    """An arm that was solved with a refined lens, as sure as that lens lets it be: what the solution would change by is
    linear in what the lens may be off by (one standard deviation of each number that was freed)."""
    free = FREE[lens.kind]
    fit = HandEyeModel(lens.intrinsics, seen.firmware).refine(seen.views, seen.fit)
    _, covariance = _change(seen, fit, _Lens(lens.intrinsics), free)
    follows = covariance[:NUMBERS, NUMBERS:] @ np.linalg.inv(covariance[NUMBERS:, NUMBERS:])
    doubt = np.linalg.norm(follows * np.array(lens.sigma[:free]), axis=1)
    offsets_deg = np.zeros(6)
    offsets_deg[SEEN_JOINTS] = np.rad2deg(doubt[OFFSETS])
    return replace(
        arm,
        sigma_mm=np.hypot(arm.sigma_mm, 1000 * doubt[BASE_SHIFT]),
        sigma_deg=np.hypot(arm.sigma_deg, np.rad2deg(doubt[BASE_TURN])),
        offsets_sigma_deg=np.hypot(arm.offsets_sigma_deg, offsets_deg),
        board_sigma=float(np.hypot(arm.board_sigma, doubt[SIZE])),
    )


def lens_findings(lens: LensFit, factory: Intrinsics) -> list[CalibrationFinding]:
    """What of it a person must know."""
    if lens.kind == "factory":
        return []
    k, told = lens.intrinsics, f"views left out are then missed by {lens.holdout_px:.2f} px, not {lens.factory_px:.2f}"
    if _bent_px(lens.bend, k) > _BENT_PX:
        return [
            CalibrationFinding(
                "distortion",
                f"The camera's pictures are bent (k1 {lens.bend:+.3f}): {told}.",
                "Have the camera give undistorted pictures, or calibrate its lens with its maker's tool.",
                True,
            )
        ]
    moved = f"{k.fx / factory.fx:.4f} times its stated focal length, its centre {k.cx - factory.cx:+.1f}, "
    cause = f"The camera has {moved}{k.cy - factory.cy:+.1f} px from where it states it: {told}."
    remedy = "It is corrected for. To cure it, calibrate the camera with its maker's tool, then calibrate again."
    off = abs(k.fx / factory.fx - 1), np.hypot(k.cx - factory.cx, k.cy - factory.cy) / k.width
    implausible = off[0] > _MOST_FOCAL or off[1] > _MOST_CENTRE
    if implausible:
        cause += " No camera is so far off: the board's size, an arm's firmware or the resolution is another."
        remedy = "Measure a square again, check the cell's file and the camera by its maker's tool; calibrate again."
    return [CalibrationFinding("intrinsics", cause, remedy, implausible)]


def _bent_px(bend: float, k: Intrinsics) -> float:
    """How far a bend moves the picture's corner."""
    return float(abs(bend) * (np.hypot(k.width / k.fx, k.height / k.fy) / 2) ** 3 * k.fx)


def _left_out_px(arms: Sequence[ArmViews], factory: Intrinsics, free: int) -> float:
    errors = []
    for fold in range(_FOLDS):
        kept = [replace(arm, views=[v for i, v in enumerate(arm.views) if i % _FOLDS != fold]) for arm in arms]
        lens, _, fits = _solve(kept, factory, free)
        for arm, fit in zip(arms, fits, strict=True):
            model = HandEyeModel(lens.intrinsics, arm.firmware)
            errors.append(corner_errors(lens.straight(arm.views[fold::_FOLDS]), model, fit)[0])
    return root_mean_square(errors)


def _solve(
    arms: Sequence[ArmViews], factory: Intrinsics, free: int
) -> tuple[_Lens, NDArray[np.float64], list[HandEye]]:
    """The lens with its first `free` numbers free, their standard deviations, and each arm solved with it."""
    lens, sigma, fits = _Lens(factory), np.zeros(free), [arm.fit for arm in arms]
    for last in range(_ROUNDS + 1):
        pairs = list(zip(arms, fits, strict=True))
        fits = [HandEyeModel(lens.intrinsics, arm.firmware).refine(lens.straight(arm.views), fit) for arm, fit in pairs]
        if last == _ROUNDS or not free:
            break
        both = [_change(arm, fit, lens, free) for arm, fit in zip(arms, fits, strict=True)]
        told = [(change[NUMBERS:], covariance[NUMBERS:, NUMBERS:]) for change, covariance in both]
        weights = [np.linalg.inv(covariance) for _, covariance in told]
        covariance = np.linalg.inv(sum(weights, np.zeros((free, free))))
        change = covariance @ sum((w @ one for w, (one, _) in zip(weights, told, strict=True)), np.zeros(free))
        lens, sigma = lens.changed(change), np.sqrt(np.diag(covariance))
    return lens, sigma, fits


def _change(arm: ArmViews, fit: HandEye, lens: _Lens, free: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The change (18 + free,) of an arm's solution and of the lens that its views speak for, and its covariance."""
    bare = replace(fit, joint_errors=None)

    def errors(by: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = lens.changed(by)
        return HandEyeModel(moved.intrinsics, arm.firmware).errors_px(moved.straight(arm.views), bare)

    still = errors(np.zeros(4))
    slope = np.stack([(errors(step) - still) / size for step, size in zip(np.diag(_STEPS), _STEPS, strict=True)], -1)
    model = HandEyeModel(lens.intrinsics, arm.firmware)
    believed = 1 / _BELIEVED[:free] ** 2
    return model.step(lens.straight(arm.views), fit, slope[..., :free], believed)
