"""A calibration as a page for the lab book."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.hand_eye import BOARD_SHIFT, BOARD_TURN, INSET, NUMBERS, SIZE
from calibration.report.coverage import coverage_of, turned_deg
from calibration.report.plots import MAGNIFIED, misfit_plot, most_misfit, picture_plot, turn_plot
from calibration.report.residuals import ArmResiduals, arm_residuals
from calibration.report.table_tags import tag_residuals
from calibration.result import ArmCalibration, CellCalibration
from calibration.sample_arrays import Arrays, stored_touch
from calibration.solve import BAD_VIEW_CHI
from core.report.template import render_page
from core.transforms import Matrix

#: Numbers reckoned anew that differ by more than this share from the stored ones are not of these samples.
_SAME = 1e-5
_AXES = "xyz"


@dataclass(frozen=True)
class NumberRow:
    """A number of each arm, as text, with its standard deviation where it has one."""

    name: str
    values: tuple[tuple[str, str], ...]


def residuals_by_arm(calibration: CellCalibration, samples: Arrays) -> dict[str, ArmResiduals]:
    """Of every arm whose views are stored."""
    found = {
        name: arm_residuals(name, arm, samples, calibration.intrinsics, calibration.firmware[name])  # type: ignore[arg-type]
        for name, arm in calibration.arms.items()
    }
    return {name: residuals for name, residuals in found.items() if residuals is not None}


def calibration_page(
    version: str, calibration: CellCalibration, samples: Arrays, residuals: Mapping[str, ArmResiduals]
) -> str:
    """HTML that needs nothing beside it. samples: as the store has them; residuals: of them."""
    from markupsafe import Markup

    arms = calibration.arms
    return render_page(
        Path(__file__).with_name("page.html"),
        version=version,
        calibration=calibration,
        findings=[
            *(("", one) for one in calibration.findings),
            *((name, one) for name, arm in arms.items() for one in arm.findings),
        ],
        bases=pose_rows([(arm.T_camera_base, arm.sigma_mm, arm.sigma_deg) for arm in arms.values()]),
        boards=_board_rows(arms, residuals),
        zeros=zero_rows(list(arms.values())),
        world=pose_rows([(T, None, None) for T in (calibration.T_world_camera, *_bases(calibration))]),
        residuals=residuals,
        unlike=[name for name, of_arm in residuals.items() if not _is_same(arms[name], of_arm)],
        picture=Markup(picture_plot(residuals, calibration.intrinsics)) if residuals else "",
        misfits=_misfit_plots(residuals),
        turns={name: Markup(turn_plot(of_arm.views, place)) for place, (name, of_arm) in enumerate(residuals.items())},
        turned={name: turned_deg(of_arm.views) for name, of_arm in residuals.items()},
        covered={name: coverage_of(of_arm.views, calibration.intrinsics).covered for name, of_arm in residuals.items()},
        depths={name: [view.T_camera_board[2, 3] for view in of_arm.views] for name, of_arm in residuals.items()},
        touch={name: stored_touch(samples, name) for name in arms},
        methods=sorted({method for arm in arms.values() for method in arm.disagreement}),
        tags=tag_residuals(calibration, samples),
        magnified=MAGNIFIED,
        bad_view_chi=BAD_VIEW_CHI,
        number=_number,
    )


def _misfit_plots(residuals: Mapping[str, ArmResiduals]) -> dict[str, list[str]]:
    """By arm; all arms' axes alike."""
    from markupsafe import Markup

    most = {unit: most_misfit(residuals.values(), unit) for unit in ("px", "mm", "deg") if residuals}
    return {
        name: [Markup(misfit_plot(of_arm, unit, most[unit], place)) for unit in most]
        for place, (name, of_arm) in enumerate(residuals.items())
    }


def _bases(calibration: CellCalibration) -> list[Matrix]:
    return [arm.T_world_base for arm in calibration.arms.values()]


def pose_rows(
    poses: Sequence[tuple[Matrix, NDArray[np.float64] | None, NDArray[np.float64] | None]],
) -> list[NumberRow]:
    """poses: of each arm, with the standard deviations [mm], [deg] of its place and turn."""
    from scipy.spatial.transform import Rotation

    rows = [
        NumberRow(f"{axis}, mm", tuple(_value(1000 * T[i, 3], sigma, i, 2) for T, sigma, _ in poses))
        for i, axis in enumerate(_AXES)
    ]
    turns = [np.rad2deg(Rotation.from_matrix(T[:3, :3]).as_rotvec()) for T, _, _ in poses]
    for i, axis in enumerate(_AXES):
        values = [_value(turn[i], sigma, i, 3) for turn, (_, _, sigma) in zip(turns, poses, strict=True)]
        rows.append(NumberRow(f"turn about {axis}, °", tuple(values)))
    return rows


def _value(value: float, sigma: NDArray[np.float64] | None, place: int, digits: int) -> tuple[str, str]:
    return f"{value:+.{digits}f}", "" if sigma is None else _number(float(sigma[place]), digits)


def _board_rows(arms: Mapping[str, ArmCalibration], residuals: Mapping[str, ArmResiduals]) -> list[NumberRow]:
    """Where the board was held, its size, and how its corners are seen; how sure that is, the samples tell."""
    poses, sizes, insets = list[tuple[Matrix, Any, Any]](), list[tuple[str, str]](), list[tuple[str, str]]()
    for name, arm in arms.items():
        sigma = residuals[name].sigma if name in residuals else np.full(NUMBERS, np.nan)
        poses.append((arm.T_tcp_board, sigma[BOARD_SHIFT] * 1000, np.rad2deg(sigma[BOARD_TURN])))
        sizes.append((f"{100 * arm.board_scale:.2f}", _number(100 * sigma[SIZE])))
        insets.append((f"{arm.inset_px:+.3f}", _number(sigma[INSET], 3)))
    inset = NumberRow("corners seen inside their places, px", tuple(insets))
    return [*pose_rows(poses), NumberRow("true size, % of stated", tuple(sizes)), inset]


def zero_rows(arms: Sequence[ArmCalibration]) -> list[NumberRow]:
    """Of each joint's zero, counted from what the arm reports."""
    rows = []
    for joint in range(6):
        values = []
        for arm in arms:
            sigma_deg = float(arm.offsets_sigma_deg[joint])
            seen = f"{sigma_deg:.3f}" if np.isfinite(sigma_deg) else "not seen"
            values.append((f"{np.rad2deg(arm.offsets_rad[joint]):+.3f}", seen))
        rows.append(NumberRow(f"joint {joint + 1}, °", tuple(values)))
    return rows


def _is_same(arm: ArmCalibration, residuals: ArmResiduals) -> bool:
    ours = [residuals.holdout_px, residuals.holdout_mm]
    return bool(np.allclose(ours, [arm.holdout_px, arm.holdout_mm], rtol=_SAME))


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"
