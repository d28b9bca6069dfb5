"""How far each view is from a solution of those that there are, as they come in and once they are solved."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from app.events import CalibrationSolved, Event, MotionBegin, MotionEnd, ViewsChange
from calibration.board import Board
from calibration.hand_eye import BoardView
from calibration.report.plots import misfit_plot, most_misfit
from calibration.report.residuals import ArmResiduals, arm_residuals
from calibration.result import ArmCalibration, CellCalibration
from calibration.sample_arrays import Arrays, view_arrays
from calibration.solve import LEAST_VIEWS, solve_arm
from core.cell import Cell
from core.errors import CalibrationError
from core.image import Intrinsics

if TYPE_CHECKING:
    from viser import ViserServer

_LEGEND = "filled: in the fit, hollow: left out of it; ✕: dropped"


class ResidualPart:
    """Solves what there is beside the page, and begins while no arm moves: what streams a motion shares the processor
    with it."""

    def __init__(self, server: "ViserServer", cell: Cell, board: Callable[[], Board], intrinsics: Intrinsics) -> None:
        self._html = server.gui.add_html(
            f'<div class="vitro">Residuals are shown from view {LEAST_VIEWS} of an arm on.</div>'
        )
        self._cell, self._board, self._intrinsics = cell, board, intrinsics
        self._solver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="residuals")
        self._due: dict[str, Callable[[], str]] = {}
        self._job: tuple[str, Future[str]] | None = None
        self._drawn: dict[str, str] = {}
        self._is_moving = False
        self._calibration: CellCalibration | None = None

    def hear(self, event: Event) -> None:
        match event:
            case MotionBegin() | MotionEnd():
                self._is_moving = isinstance(event, MotionBegin)
            case ViewsChange(arm, views):
                self._due[arm] = partial(self._solve, arm, views)
            case CalibrationSolved(calibration) if calibration is not self._calibration:
                self._calibration = calibration
                for arm, solved in calibration.arms.items():
                    self._due[arm] = partial(self._draw, arm, solved, calibration.samples)

    def tick(self, now_s: float) -> None:
        if self._job is not None and self._job[1].done():
            (arm, drawn), self._job = self._job, None
            self._show(arm, drawn.result())
        if self._job is None and self._due and not self._is_moving:
            arm, draw = self._due.popitem()
            self._job = arm, self._solver.submit(draw)

    def close(self) -> None:
        """What is being solved is solved to its end, and not shown."""
        self._solver.shutdown(cancel_futures=True)

    def _show(self, arm: str, drawn: str) -> None:
        self._drawn = {arm: f"<b>{escape(arm)} arm</b>{drawn}"} | {
            other: said for other, said in self._drawn.items() if other != arm
        }
        self._html.content = f'<div class="vitro" id="vitro-residuals">{"<hr>".join(self._drawn.values())}</div>'

    def _solve(self, arm: str, views: Sequence[BoardView]) -> str:
        if len(views) < LEAST_VIEWS:
            return f"<div>{len(views)} views; residuals are shown from view {LEAST_VIEWS} on.</div>"
        try:
            solved = solve_arm(views, self._intrinsics, self._cell.arms[arm].firmware, self._board(), np.eye(4))
        except CalibrationError as error:
            return f'<div class="fault">{escape(error.cause)}<br><b>→</b> {escape(error.remedy)}</div>'
        return self._draw(arm, solved, view_arrays({arm: views}))

    def _draw(self, arm: str, solved: ArmCalibration, samples: Arrays) -> str:
        residuals = arm_residuals(arm, solved, samples, self._intrinsics, self._cell.arms[arm].firmware)
        plots = "" if residuals is None else self._plots(arm, residuals)
        return f"{_summary(solved)}{plots}{_findings(solved)}"

    def _plots(self, arm: str, residuals: ArmResiduals) -> str:
        place = list(self._cell.arms).index(arm)
        drawn = [misfit_plot(residuals, unit, most_misfit([residuals], unit), place) for unit in ("px", "mm")]
        return f"<div>Misfit of each view ({_LEGEND}):</div>{''.join(drawn)}"


def _summary(solved: ArmCalibration) -> str:
    return (
        f"<div>by {solved.views} views: left out {solved.holdout_px:.2f} px, {solved.holdout_mm:.2f} mm; base ± "
        f"{solved.sigma_mm.max():.2f} mm, ± {solved.sigma_deg.max():.3f}° (one sigma)</div>"
    )


def _findings(solved: ArmCalibration) -> str:
    return "".join(
        f'<div class="fault">{escape(one.cause)}<br><b>→</b> {escape(one.remedy)}</div>' for one in solved.findings
    )
