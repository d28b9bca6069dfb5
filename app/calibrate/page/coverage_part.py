"""What the views cover by now: places in the picture, tilts, distances; and what views are wanted still."""

from html import escape
from typing import TYPE_CHECKING

from app.events import Event, ViewsChange
from calibration.report.coverage import ViewCoverage, coverage_of, seen_boards
from calibration.report.coverage_plots import distances_plot, fields_plot
from calibration.report.plots import turn_plot
from core.cell import Cell
from core.image import Intrinsics

if TYPE_CHECKING:
    from viser import ViserServer


class CoveragePart:
    """An arm below the other, the one that is at work first."""

    def __init__(self, server: "ViserServer", cell: Cell, intrinsics: Intrinsics) -> None:
        self._html = server.gui.add_html('<div class="vitro">No view yet: the first arm shows the board soon.</div>')
        self._intrinsics, self._arms = intrinsics, list(cell.arms)
        self._drawn: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        if isinstance(event, ViewsChange):
            self._drawn.pop(event.arm, None)
            self._drawn = {event.arm: self._draw(event)} | self._drawn
            self._html.content = f'<div class="vitro" id="vitro-coverage">{"<hr>".join(self._drawn.values())}</div>'

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""

    def _draw(self, change: ViewsChange) -> str:
        boards = seen_boards(change.views, self._intrinsics)
        coverage, place = coverage_of(boards, self._intrinsics), self._arms.index(change.arm)
        parts = [
            f"<b>{escape(change.arm)} arm: {len(boards)} of {change.wanted} views</b>",
            _missing_views_html(coverage),
        ]
        if boards:
            parts += ["<div>Place in the picture, darker where more views are:</div>"]
            parts += [fields_plot(boards, coverage, self._intrinsics, place)]
            parts += ["<div>Tilt, as the camera sees the board lean; the tail: its turn in the plane:</div>"]
            parts += [turn_plot(boards, place)]
            parts += ["<div>Distance from the camera:</div>", distances_plot(boards, place)]
        return "".join(parts)


def _missing_views_html(coverage: ViewCoverage) -> str:
    if not coverage.wanted:
        return '<div class="word">Picture, tilt, turn and distance are covered.</div>'
    items = "".join(f"<li>{escape(wish)}</li>" for wish in coverage.wanted)
    return f'<div class="asked">Wanted still:<ul>{items}</ul></div>'
