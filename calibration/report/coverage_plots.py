"""Plots of how far views are spread, for the page that shows them as they come in."""

from collections.abc import Sequence

from calibration.report.coverage import COLUMNS, DEPTH_RATIO, ROWS, SeenBoard, ViewCoverage
from calibration.report.plots import COLOURS
from core.image import Intrinsics
from core.report.svg import svg_line, svg_picture, svg_text

_WIDTH, _LEFT = 420, 6.0
_GREY, _RULE = "#777", "#d9d9d9"


def fields_plot(boards: Sequence[SeenBoard], coverage: ViewCoverage, intrinsics: Intrinsics, place: int) -> str:
    """The camera's picture: its fields, darker with each view that has a corner in them, and each board's outline.

    place: of the arm among all, for its colour.
    """
    scale, colour = (_WIDTH - 2 * _LEFT) / intrinsics.width, COLOURS[place % len(COLOURS)]
    height = scale * intrinsics.height
    wide, high = scale * intrinsics.width / COLUMNS, height / ROWS
    body = [
        f'<rect x="{_LEFT + column * wide:.1f}" y="{_LEFT + row * high:.1f}" width="{wide:.1f}" height="{high:.1f}" '
        f'fill="{colour}" fill-opacity="{min(0.09 * coverage.fields[row, column], 0.45):.2f}" stroke="{_RULE}"/>'
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    for board in boards:
        body += _outline(board, scale, colour, is_newest=board is boards[-1])
    return svg_picture(height + 2 * _LEFT, body, "Where in the picture the board was seen", _WIDTH)


def _outline(board: SeenBoard, scale: float, colour: str, is_newest: bool) -> list[str]:
    import cv2

    hull = cv2.convexHull(board.corners_px.astype("float32")).reshape(-1, 2)
    points = " ".join(f"{_LEFT + scale * x:.1f},{_LEFT + scale * y:.1f}" for x, y in hull)
    x, y = _LEFT + scale * board.corners_px.mean(axis=0)
    width = 2.6 if is_newest else 1.1
    return [
        f'<polygon points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>',
        svg_text(x, y + 4, str(board.number), size=12, weight=600, anchor="middle", fill=colour),
    ]


def distances_plot(boards: Sequence[SeenBoard], place: int) -> str:
    """A mark a view on a line of metres, and how far the nearest and the farthest are to be apart."""
    near_m, far_m, colour = 0.2, 1.0, COLOURS[place % len(COLOURS)]
    per_m = (_WIDTH - 40) / (far_m - near_m)

    def x(depth_m: float) -> float:
        return 20 + per_m * (min(max(depth_m, near_m), far_m) - near_m)

    body = [svg_line(x(near_m), 30, x(far_m), 30, _GREY)]
    for tenth in range(2, 11, 2):
        body += [svg_line(x(tenth / 10), 26, x(tenth / 10), 34, _GREY)]
        body += [svg_text(x(tenth / 10), 50, f"{tenth / 10:.1f} m", size=12, anchor="middle")]
    depths_m = [float(board.T_camera_board[2, 3]) for board in boards]
    if depths_m:
        goal_m = DEPTH_RATIO * min(depths_m)
        body += [svg_line(x(goal_m), 12, x(goal_m), 38, _GREY, 1.5, "3 3")]
        body += [svg_text(x(goal_m), 10, "one beyond this", size=11, anchor="middle", fill="#555")]
    body += [f'<circle cx="{x(m):.1f}" cy="30" r="5" fill="{colour}" fill-opacity="0.65"/>' for m in depths_m]
    return svg_picture(56, body, "How far from the camera the board was", _WIDTH)
