"""A calibration report's plots. An arm has its colour and, where that is printed grey, its mark."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from calibration.report.coverage import SeenBoard
from calibration.report.residuals import ArmResiduals, ViewResidual
from core.image import Intrinsics
from core.report.svg import svg_line, svg_picture, svg_text

COLOURS = ("#1d3f72", "#b3541e", "#14602a", "#6b2a7a")
_GREY, _RULE = "#777", "#d9d9d9"
_WIDTH, _HALF = 860, 420
#: How often a residual is magnified in the picture.
MAGNIFIED = 25
_RINGS_DEG = (20, 40, 60)


def most_misfit(arms: Iterable[ArmResiduals], unit: str) -> float:
    """The end of an axis that holds every view not dropped of all arms, a round number."""
    kept = [view for arm in arms for view in arm.views if view.left_out is not None]
    most = max(float(getattr(misfit, unit)) for view in kept for misfit in (view.fit, view.left_out))
    power = 10.0 ** np.floor(np.log10(max(most, 1e-6)))
    return float(next(power * step for step in (1, 2, 5, 10) if power * step >= most))


def misfit_plot(arm: ArmResiduals, unit: str, most: float, place: int) -> str:
    """One mark a view: filled where it is off in the fit, hollow where it was left out of it.

    unit: px, mm or deg; most: the end of the axis; place: of the arm among all.
    """
    left, bottom, height, colour = 44.0, 138.0, 112.0, COLOURS[place % len(COLOURS)]
    step = (_HALF - left - 14) / len(arm.views)
    body = [svg_text(left, 14, {"deg": "degrees", "px": "pixels", "mm": "mm at the board"}[unit], size=12, weight=600)]
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * height
        body.append(svg_line(left, y, _HALF, y, _RULE))
        body.append(svg_text(left - 6, y + 4, f"{share * most:.3g}", size=12, anchor="end"))
    for column, view in enumerate(arm.views):
        x = left + (column + 0.5) * step
        fit_y, left_out_y = (
            None if misfit is None else bottom - height * min(getattr(misfit, unit) / most, 1.0)
            for misfit in (view.fit, view.left_out)
        )
        if left_out_y is None or fit_y is None:
            body.append(svg_text(x, 34, "✕", size=14, anchor="middle", fill="#9c1c1c"))
        else:
            body += _misfit_marks(x, fit_y, left_out_y, colour)
        if len(arm.views) <= 20 or view.number % 5 == 0:
            body.append(svg_text(x, bottom + 17, str(view.number), size=12, anchor="middle"))
    return svg_picture(bottom + 22, body, f"Misfit of each view in {unit}", _HALF)


def _misfit_marks(x: float, fit_y: float, left_out_y: float, colour: str) -> list[str]:
    return [
        svg_line(x, fit_y, x, left_out_y, colour),
        f'<circle cx="{x:.1f}" cy="{fit_y:.1f}" r="4" fill="{colour}"/>',
        f'<circle cx="{x:.1f}" cy="{left_out_y:.1f}" r="4" fill="#fff" stroke="{colour}" stroke-width="1.6"/>',
    ]


def picture_plot(arms: Mapping[str, ArmResiduals], intrinsics: Intrinsics) -> str:
    """The camera's picture with every corner where it was seen, and what is left of it, magnified."""
    left, top = 6.0, 6.0
    scale = (_WIDTH - 2 * left) / intrinsics.width
    height = intrinsics.height * scale
    body = [f'<rect x="{left}" y="{top}" width="{_WIDTH - 2 * left}" height="{height:.1f}" fill="#fff" stroke="#999"/>']
    for share in np.arange(1, 8) / 8:
        x = left + share * (_WIDTH - 2 * left)
        body.append(svg_line(x, top, x, top + height, "#eee"))
    for share in np.arange(1, 6) / 6:
        body.append(svg_line(left, top + share * height, _WIDTH - left, top + share * height, "#eee"))
    for place, arm in enumerate(arms.values()):
        for view in arm.views:
            body += _view_marks(view, place, scale, left, top)
    legend = top + height + 24
    for place, name in enumerate(arms):
        body.append(_mark(left + 10 + 140 * place, legend - 4, place, COLOURS[place % len(COLOURS)], 4.0))
        body.append(svg_text(left + 22 + 140 * place, legend, f"{name} arm"))
    body.append(svg_text(_WIDTH - left, legend, f"lines: residuals, {MAGNIFIED} times", size=12, anchor="end"))
    return svg_picture(legend + 10, body, "Corners in the picture and their residuals", _WIDTH)


def _view_marks(view: ViewResidual, place: int, scale: float, left: float, top: float) -> list[str]:
    colour = _GREY if view.left_out is None else COLOURS[place % len(COLOURS)]
    parts = []
    for corner, error in zip(view.corners_px, view.errors_px, strict=True):
        x, y = left + scale * (corner[0] + 0.5), top + scale * (corner[1] + 0.5)
        if view.left_out is not None:
            dx, dy = scale * MAGNIFIED * error
            parts.append(svg_line(x, y, x + dx, y + dy, colour, 0.8))
        parts.append(_mark(x, y, place, colour, 1.6))
    x, y = scale * (view.corners_px.mean(axis=0) + 0.5) + [left, top]
    return [*parts, svg_text(x, y + 4, str(view.number), weight=600, size=12, anchor="middle", fill=colour)]


def _mark(x: float, y: float, place: int, colour: str, r: float) -> str:
    """A disc for the first arm, a square for the second."""
    if place % 2 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{colour}"/>'
    return f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}" fill="{colour}"/>'


def turn_plot(boards: Sequence[SeenBoard], place: int) -> str:
    """How the board was turned: a mark a view, as far from the middle as it leaned from facing the camera and in that
    direction; its tail, how it was turned in its own plane."""
    middle, colour = _HALF / 2, COLOURS[place % len(COLOURS)]
    per_deg = 150 / _RINGS_DEG[-1]
    body = [svg_line(middle - 160, 170, middle + 160, 170, _RULE), svg_line(middle, 10, middle, 330, _RULE)]
    for ring in _RINGS_DEG:
        radius = ring * per_deg
        body.append(f'<circle cx="{middle}" cy="170" r="{radius:.1f}" fill="none" stroke="{_RULE}"/>')
        body.append(svg_text(middle + radius * 0.71 + 3, 170 - radius * 0.71 - 3, f"{ring}°", size=12, fill="#555"))
    for board in boards:
        body += _turn_mark(board, middle, per_deg, colour)
    return svg_picture(340, body, "How the board was turned", _HALF)


def _turn_mark(board: SeenBoard, middle: float, per_deg: float, colour: str) -> Sequence[str]:
    R, lean_deg = board.T_camera_board, board.lean_deg
    x, y = np.array([middle, 170.0]) + per_deg * lean_deg * min(1.0, 64.0 / max(float(np.linalg.norm(lean_deg)), 1e-9))
    tail = R[:2, 1] / max(float(np.linalg.norm(R[:2, 1])), 1e-9) * 12
    colour = _GREY if board.is_dropped else colour
    return (
        svg_line(x, y, x + tail[0], y + tail[1], colour, 2),
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>',
        svg_text(x - 7, y + 4, str(board.number), size=12, anchor="end", fill=colour),
    )
