"""The stop key of the page: what Ctrl-C does at the terminal, from every tab."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.events import Event, MotionBegin, MotionEnd
from app.interrupts import Interrupts
from app.page.style import STOP, sticky

if TYPE_CHECKING:
    from viser import ViserServer

#: Clicks within this [s] of the first are one wish: a double click is no second one, after which an arm would sink.
ONE_WISH_S = 1.0
_STOP, _STOP_NOW = "STOP", "STOP NOW (the arm sinks)"


class StopKey:
    """The first click stops a motion and holds, or ends the session where nothing moves; a later one stops now.

    clock: tells the time of a click [s], monotonic.
    """

    def __init__(
        self, server: "ViserServer", interrupts: Interrupts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from viser import Icon

        self._interrupts, self._clock = interrupts, clock
        self._clicked_s = float("-inf")
        self._is_moving = False
        self._button = server.gui.add_button(_STOP, color=STOP, icon=Icon.HAND_STOP, hint="As Ctrl-C at the terminal.")
        server.gui.add_html(sticky(self._button._impl.uuid))
        self._button.on_click(lambda _: self._stop())

    def hear(self, event: Event) -> None:
        if isinstance(event, MotionBegin | MotionEnd):
            self._is_moving = isinstance(event, MotionBegin)

    def tick(self, now_s: float) -> None:
        label = _STOP_NOW if self._is_moving and self._interrupts.stop_requested else _STOP
        if self._button.label != label:
            self._button.label = label

    def _stop(self) -> None:
        now_s = self._clock()
        if now_s - self._clicked_s < ONE_WISH_S:
            return  # the wish of before, from whose click on the time counts: who hammers on is heard again
        self._clicked_s = now_s
        self._interrupts.request()
