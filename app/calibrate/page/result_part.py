"""What a calibration came to: every number with how sure it is, what was found amiss, and whether it is in use."""

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.events import CalibrationSolved, Event
from app.page.page_server import PageServer
from calibration.report.page import NumberRow, pose_rows, zero_rows
from calibration.result import CellCalibration
from calibration.sample_arrays import stored_touch

if TYPE_CHECKING:
    from viser import GuiHtmlHandle

_REPORT, _NONE = "/report", "–"


class ResultPart:
    """Serves the page for the lab book beside it, once there is one."""

    def __init__(self, page: PageServer) -> None:
        self._page = page
        words = "No result yet: it comes once both arms' views are taken."
        self._html: GuiHtmlHandle = page.viser.gui.add_html(f'<div class="vitro">{words}</div>')

    def hear(self, event: Event) -> None:
        if isinstance(event, CalibrationSolved):
            calibration = event.calibration
            parts = [_verdict(event), _findings(calibration), self._link(event.report), _table(calibration)]
            self._html.content = f'<div class="vitro" id="vitro-result">{"".join(parts)}</div>'

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""

    def _link(self, report: Path | None) -> str:
        if report is None:
            return ""
        self._page.serve(_REPORT, report.read_text(encoding="utf-8"))
        return (
            f'<div><a href="{_REPORT}" target="_blank">The page for the lab book</a> '
            f"<small>{escape(str(report))}</small></div>"
        )


def _verdict(event: CalibrationSolved) -> str:
    if any(finding.fatal for finding in event.calibration.all_findings):
        return '<div class="fault">Not stored: what was found forbids it.</div>'
    if event.accepted is None:
        return '<div class="word">Solved. Accept or reject it above.</div>'
    if event.accepted:
        return '<div class="word">Accepted: stored and in use.</div>'
    return '<div class="fault">Rejected: not stored. The views are kept.</div>'


def _findings(calibration: CellCalibration) -> str:
    named = [("", one) for one in calibration.findings]
    named += [(f"{name} arm: ", one) for name, arm in calibration.arms.items() for one in arm.findings]
    return "".join(
        f'<div class="{"fault" if one.fatal else "asked"}">{escape(name + one.cause)}<br><b>→</b> '
        f"{escape(one.remedy)}</div>"
        for name, one in named
    )


def _table(calibration: CellCalibration) -> str:
    arms = list(calibration.arms.values())
    heads = "".join(f'<th class="number">{escape(name)}</th>' for name in calibration.arms)
    bases = pose_rows([(arm.T_camera_base, arm.sigma_mm, arm.sigma_deg) for arm in arms])
    rows = [
        _section("the base in the camera's frame", bases),
        _section("joints' zeros", zero_rows(arms)),
        _section("proof", _proof(calibration)),
    ]
    return f"<table><tr><th></th>{heads}</tr>{''.join(rows)}</table><small>±: one standard deviation</small>"


def _proof(calibration: CellCalibration) -> list[NumberRow]:
    """Of steps that were not done, a dash."""
    arms, names = calibration.arms.values(), list(calibration.arms)
    touch_mm = [stored_touch(calibration.samples, name).values() for name in names]
    heights_mm = [[touch.height_mm for touch in calibration.fingers.get(name, ())] for name in names]
    grippers = [calibration.gripper.get(name) for name in names]
    return [
        _row("views, dropped", [f"{one.views + len(one.dropped)}, {len(one.dropped)}" for one in arms]),
        _row("left out, px", [f"{one.holdout_px:.2f}" for one in arms]),
        _row("left out, mm", [f"{one.holdout_mm:.2f}" for one in arms]),
        _row("touch, worst, mm", [f"{max(mm):.1f}" if mm else _NONE for mm in touch_mm]),
        _row("table felt at, mm", [f"{np.mean(mm):+.1f}" if mm else _NONE for mm in heights_mm]),
        _row("gripper closed, mm", [f"{1000 * one.closed_m:.1f}" if one else _NONE for one in grippers]),
        _row("gripper open, mm", [f"{1000 * one.open_m:.1f}" if one else _NONE for one in grippers]),
        _row("board, % of stated", [f"{100 * one.board_scale:.2f}" for one in arms]),
        _row("closed forms, mm", [_apart(one.disagreement.values()) for one in arms]),
    ]


def _row(name: str, values: Sequence[str]) -> NumberRow:
    return NumberRow(name, tuple((value, "") for value in values))


def _apart(disagreement: Collection[tuple[float, float]]) -> str:
    return f"{np.max([mm for mm, _ in disagreement]):.1f}" if disagreement else _NONE


def _uncertainty(sigma: str) -> str:
    """sigma: a number, or in words that there is none."""
    return f" <small>{'± ' if sigma[0].isdigit() else ''}{escape(sigma)}</small>" if sigma else ""


def _section(title: str, rows: Sequence[NumberRow]) -> str:
    lines = "".join(
        f"<tr><td>{escape(row.name)}</td>"
        + "".join(f'<td class="number">{escape(value)}{_uncertainty(sigma)}</td>' for value, sigma in row.values)
        + "</tr>"
        for row in rows
    )
    return f'<tr><th colspan="3">{escape(title)}</th></tr>{lines}'
