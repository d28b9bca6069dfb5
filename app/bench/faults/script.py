"""When a fault strikes: the phases of a trial, and what waits for one of them."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

Answer = TypeVar("Answer")

#: How an estimator, detector or planner of `parts.py` is broken: what gives its answer, taking what would give the
#: right one. One case runs in a process of its own, so this is of one case.
BROKEN: dict[str, Callable[[Callable[[], Any]], Any]] = {}


class Stage(StrEnum):
    """The phases of a trial in which something can fail, in order."""

    OPEN = "open"
    IDLE = "idle"
    CAPTURE = "capture"
    ESTIMATE = "estimate"
    PLAN = "plan"
    APPROVE = "approve"
    TRANSIT = "transit"
    APPROACH = "approach"
    CLOSE = "close"
    LIFT = "lift"
    PLACE = "place"
    LOG = "log"


MOVING = (Stage.TRANSIT, Stage.APPROACH, Stage.CLOSE, Stage.LIFT, Stage.PLACE)
#: So long [s of the arm's clock] after a motion's beginning it is struck.
INTO_MOTION_S = {Stage.CLOSE: 0.1}
INTO_MOTION_DEFAULT_S = 0.3


class Script:
    """Strikes once, when its phase has come; a device of the cell's clock, so that it can strike in mid-motion."""

    def __init__(
        self, phase: Stage, strike: Callable[[], None], stand_within_s: float, shows_at_rest: bool = True
    ) -> None:
        """stand_within_s: how long after it, or after the next motion's beginning, the arms should stand."""
        self.phase = phase
        self.stand_within_s, self.shows_at_rest = stand_within_s, shows_at_rest
        self.struck_s: float | None = None
        self._strike = strike
        self._now_s = 0.0
        self._due_s = float("inf")

    def reach(self, phase: Stage, delay_s: float = 0.0) -> bool:
        """Whether it strikes in this phase: now, or so much later."""
        if phase is not self.phase or self.struck_s is not None or self._due_s < float("inf"):
            return False
        self._due_s = self._now_s + delay_s
        if not delay_s:
            self.update(self._now_s)
        return True

    def update(self, now_s: float) -> None:
        self._now_s = now_s
        if self.struck_s is None and now_s >= self._due_s:
            self.struck_s = now_s
            self._strike()

    def drained(self) -> bool:
        return True


def broken(part: str, work: Callable[[], Answer]) -> Answer:
    """What a part answers: rightly, unless it was broken."""
    wrong: Callable[[Callable[[], Answer]], Answer] | None = BROKEN.get(part)
    return work() if wrong is None else wrong(work)
