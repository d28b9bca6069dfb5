"""What a live camera sees at this moment of the board in a hand, and whether it would be a view."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.calibrate.page.camera_part import note
from app.calibrate.page.overlay import board_overlay
from app.page.live_color_part import LiveColorPart
from calibration.board import Board
from calibration.board_view import seen_view
from core.cell import Cell
from core.errors import VitroError
from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import SeenTag

if TYPE_CHECKING:
    from viser import ViserServer


class LiveBoardPart(LiveColorPart):
    """As `LiveColorPart`, drawn over."""

    def __init__(self, server: "ViserServer", cell: Cell, board: Callable[[], Board], intrinsics: Intrinsics) -> None:
        super().__init__(server)
        self._now = server.gui.add_html("", visible=False)
        self._cell, self._board, self._intrinsics = cell, board, intrinsics
        self._before: Sequence[SeenTag] | None = None

    def draw(self, frame: RgbdFrame) -> NDArray[np.uint8]:
        board, before = self._board(), self._before
        overlay = board_overlay(frame.color, board, self._cell.tags, self._intrinsics)
        self._before = overlay.on_board
        if before is not None and overlay.on_board is not None:
            self._now.content, self._now.visible = _as_view([before, overlay.on_board], board), True
        return overlay.whole

    def clear(self) -> None:
        self._before, self._now.visible = None, False


def _as_view(seen: Sequence[Sequence[SeenTag]], board: Board) -> str:
    """What a look would say of the board's tags in two pictures that follow each other."""
    try:
        seen_view(seen, np.zeros(6), board)
    except VitroError as error:
        return note("fault", f"Now: {error.cause}", error.remedy)
    return note("word", f"Now: {len(seen[-1])} of the board's {len(board.tags)} tags, still and sharp.", "")
