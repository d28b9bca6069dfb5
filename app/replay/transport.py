"""The keys of a replay: play and pause, step from one thing said to the next, loop, speed, and a slider to scrub."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.page.style import GO, PLAIN, row_of

if TYPE_CHECKING:
    from viser import ViserServer

#: Steps of the slider [s]; what lies nearer together than half of one is one time.
STEP_S = 0.02
SPEEDS = {"1/4": 0.25, "1/2": 0.5, "1": 1.0, "2": 2.0, "4": 4.0}


class Transport:
    """Where a replay is. Only `tick` moves it by itself; every tab sees the same slider."""

    def __init__(
        self, server: "ViserServer", duration_s: float, steps_s: Sequence[float], begin_s: float = 0.0
    ) -> None:
        """begin_s: where it opens."""
        gui = server.gui
        self._duration_s, self._steps_s = duration_s, list(steps_s)
        self._then_s: float | None = None
        most_s = max(STEP_S, STEP_S * round(duration_s / STEP_S))
        self._slider: Any = gui.add_slider("time [s]", 0.0, most_s, STEP_S, min(_step_from(begin_s), most_s))
        self._play = gui.add_button("Play", color=GO)
        self._back = gui.add_button("◀ step", color=PLAIN)
        self._on = gui.add_button("step ▶", color=PLAIN)
        gui.add_html(row_of([key._impl.uuid for key in (self._back, self._on)]))
        self._speed: Any = gui.add_dropdown("speed", list(SPEEDS), initial_value="1")
        self._loop: Any = gui.add_checkbox("loop", True)
        self._play.on_click(lambda _: self.toggle())
        self._back.on_click(lambda _: self.step(-1))
        self._on.on_click(lambda _: self.step(+1))

    @property
    def time_s(self) -> float:
        return min(float(self._slider.value), self._duration_s)

    @property
    def is_playing(self) -> bool:
        return self._then_s is not None

    def toggle(self, now_s: float | None = None) -> None:
        """Plays or pauses; from the beginning where it stood at the end."""
        if self.is_playing:
            self._then_s, self._play.label = None, "Play"
            return
        if self.time_s >= self._duration_s - STEP_S:
            self._slider.value = 0.0
        self._then_s, self._play.label = (float("nan") if now_s is None else now_s), "Pause"

    def step(self, direction: int) -> None:
        """To the next or the last time at which something was said; it pauses there."""
        if self.is_playing:
            self.toggle()
        at_s = self.time_s
        if direction > 0:
            number = bisect_right(self._steps_s, at_s + STEP_S / 2)
            goal_s = self._steps_s[number] if number < len(self._steps_s) else self._duration_s
            goal_s = _step_from(goal_s)  # not before what was said
        else:
            number = bisect_left(self._steps_s, at_s - 1.5 * STEP_S) - 1
            goal_s = _step_from(self._steps_s[number]) if number >= 0 else 0.0
        self._slider.value = min(max(goal_s, 0.0), float(self._slider.max))

    def tick(self, now_s: float) -> None:
        """now_s: time.monotonic()."""
        if self._then_s is None:
            return
        passed_s = now_s - self._then_s if self._then_s == self._then_s else 0.0
        self._then_s = now_s
        time_s = float(self._slider.value) + passed_s * SPEEDS[self._speed.value]
        if time_s >= self._duration_s:
            if not self._loop.value:
                self._slider.value = float(self._slider.max)
                self.toggle()
                return
            time_s = 0.0
        self._slider.value = time_s


def _step_from(time_s: float) -> float:
    """The slider's first step that is not before a time."""
    return STEP_S * -(-time_s // STEP_S)
