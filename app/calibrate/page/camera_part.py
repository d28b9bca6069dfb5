"""The camera's picture with what is detected in it, and why the views that were refused are no views."""

from collections import deque
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.calibrate.page.camera_watch import CameraWatch
from app.calibrate.page.overlay import Overlay, board_overlay
from app.events import BoardLook, Event, ViewRefused, ViewsChange
from app.page.images import awaited, fitted
from calibration.board import Board
from calibration.board_view import board_view
from core.cell import Cell
from core.errors import CameraError, VitroError
from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame

if TYPE_CHECKING:
    from viser import ViserServer

_LISTED = 5


class CameraPart:
    """Every look is shown; between them, where the camera is watched, what it sees now."""

    def __init__(
        self,
        server: "ViserServer",
        cell: Cell,
        board: Callable[[], Board],
        intrinsics: Intrinsics,
        watch: CameraWatch | None,
    ) -> None:
        empty = awaited("no picture yet: the camera looks at each view")
        self._whole = server.gui.add_image(empty, label="camera", format="jpeg", jpeg_quality=80)
        self._close = server.gui.add_image(empty, label="board", format="jpeg", jpeg_quality=80, visible=False)
        self._now = server.gui.add_html("", visible=watch is not None)
        self._said = server.gui.add_html('<div class="vitro">No view was tried yet.</div>')
        self._cell, self._board, self._intrinsics, self._watch = cell, board, intrinsics, watch
        self._shown: RgbdFrame | CameraError | None = None
        self._kept: dict[str, int] = {}
        self._refusals: deque[ViewRefused] = deque(maxlen=_LISTED)
        self._refused = 0

    def hear(self, event: Event) -> None:
        match event:
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
        newest = None if self._watch is None else self._watch.newest
        if newest is None or newest is self._shown:
            return
        before, self._shown = self._shown, newest
        if isinstance(newest, CameraError):
            self._now.content = _note("fault", f"No picture: {newest.cause}", newest.remedy)
            return
        overlay = self._show(newest.color, "camera, now")
        last = before if isinstance(before, RgbdFrame) else newest
        self._now.content = self._as_view(last, newest, overlay.tags)

    def _show(self, color: NDArray[np.uint8], label: str) -> Overlay:
        overlay = board_overlay(color, self._board(), self._cell.tags, self._intrinsics)
        self._whole.image, self._whole.label = fitted(overlay.whole), label
        self._close.visible = overlay.close is not None
        if overlay.close is not None:
            self._close.image = overlay.close
            self._close.label = f"its board, {overlay.tags} of {len(self._board().tags)} tags: x red, y green, z blue"
        return overlay

    def _as_view(self, last: RgbdFrame, newest: RgbdFrame, tags: int) -> str:
        """What a look would say of two pictures that follow each other."""
        try:
            board_view([last.color, newest.color], np.zeros(6), self._board())
        except VitroError as error:
            return _note("fault", f"Now: {error.cause}", error.remedy)
        return _note("word", f"Now: {tags} of the board's {len(self._board().tags)} tags, still and sharp.", "")

    def _say(self) -> None:
        kept = ", ".join(f"{count} of the {arm} arm" for arm, count in self._kept.items())
        refusals = "".join(
            _note("fault", f"{one.arm} arm, refused: {one.refusal.cause}", one.refusal.remedy) for one in self._refusals
        )
        head = f"Views kept: {escape(kept) or 'none'}. Refused: {self._refused}{', the newest first:' * bool(refusals)}"
        self._said.content = f'<div class="vitro" id="vitro-looks">{head}{refusals}</div>'


def _note(kind: str, words: str, remedy: str) -> str:
    more = f"<br><b>→</b> {escape(remedy)}" if remedy else ""
    return f'<div class="vitro"><div class="{kind}">{escape(words)}{more}</div></div>'
