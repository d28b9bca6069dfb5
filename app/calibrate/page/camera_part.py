"""The camera's picture with what is detected in it, and why the views that were refused are no views."""

from collections import deque
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.calibrate.page.overlay import board_overlay
from app.events import BoardLook, Event, PictureTold, ViewRefused, ViewsChange
from app.page.images import fit_width, placeholder
from calibration.board import Board
from core.cell import Cell
from core.image import Intrinsics

if TYPE_CHECKING:
    from viser import ViserServer

_LISTED = 5


class CameraPart:
    """The newest look: of the table's tags first, then of a board."""

    def __init__(self, server: "ViserServer", cell: Cell, board: Callable[[], Board], intrinsics: Intrinsics) -> None:
        empty = placeholder("no picture yet: the camera looks at each view")
        self._whole = server.gui.add_image(empty, label="camera", format="jpeg", jpeg_quality=80)
        self._close = server.gui.add_image(empty, label="board", format="jpeg", jpeg_quality=80, visible=False)
        self._said = server.gui.add_html('<div class="vitro">No view was tried yet.</div>')
        self._cell, self._board, self._intrinsics = cell, board, intrinsics
        self._kept: dict[str, int] = {}
        self._refusals: deque[ViewRefused] = deque(maxlen=_LISTED)
        self._refused = 0

    def hear(self, event: Event) -> None:
        match event:
            case PictureTold(title, picture):
                self._show(picture, title)
            case BoardLook(arm, color):
                self._show(color, f"camera, at the last view of the {arm} arm")
            case ViewRefused():
                self._refusals.appendleft(event)
                self._refused += 1
                self._say()
            case ViewsChange(arm, views):
                self._kept[arm] = len(views)
                self._say()

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""

    def _show(self, color: NDArray[np.uint8], label: str) -> None:
        overlay = board_overlay(color, self._board(), self._cell.tags, self._intrinsics)
        self._whole.image, self._whole.label = fit_width(overlay.whole), label
        self._close.visible = overlay.close is not None
        if overlay.close is not None:
            self._close.image = overlay.close
            seen = f"{len(overlay.on_board or ())} of {len(self._board().tags)}"
            self._close.label = f"its board, {seen} tags: x red, y green, z blue"

    def _say(self) -> None:
        kept = ", ".join(f"{count} of the {arm} arm" for arm, count in self._kept.items())
        refusals = "".join(
            note("fault", f"{one.arm} arm, refused: {one.refusal.cause}", one.refusal.remedy) for one in self._refusals
        )
        head = f"Views kept: {escape(kept) or 'none'}. Refused: {self._refused}{', the newest first:' * bool(refusals)}"
        self._said.content = f'<div class="vitro" id="vitro-looks">{head}{refusals}</div>'


def note(kind: str, words: str, remedy: str) -> str:
    """A remark. kind: `word` or `fault`; remedy: nothing where there is none."""
    more = f"<br><b>→</b> {escape(remedy)}" if remedy else ""
    return f'<div class="vitro"><div class="{kind}">{escape(words)}{more}</div></div>'
