"""What an arm was told in the last moments: where its joints may be by now, and how far they must have gone."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

#: A joint is where it was told to be at some time within so long [s]. A PiPER's lag is not measured; the digital
#: cell's is 0.07 s.
RESPONSE_S = 0.2
#: Travels are compared over so long [s].
TRAVEL_S = 0.08
#: From command to command the way is taken to be straight; before one that is later than this [s], the last one held.
_STRAIGHT_S = 0.012


@dataclass(frozen=True)
class Told:
    """joints_rad: six. travel_rad: how far each of the six had been told to go in the TRAVEL_S before."""

    at_s: float
    joints_rad: list[float]
    travel_rad: list[float]


class CommandHistory:
    """The commands of the last RESPONSE_S + TRAVEL_S, and the one in force before."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque()

    def __bool__(self) -> bool:
        return bool(self._told)

    def __reversed__(self) -> Iterator[Told]:
        return reversed(self._told)

    @property
    def newest(self) -> Told:
        return self._told[-1]

    def append(self, at_s: float, joints_rad: list[float]) -> None:
        if self._told and at_s - self.newest.at_s > _STRAIGHT_S:
            self._append(at_s - _STRAIGHT_S, self.newest.joints_rad)
        self._append(at_s, joints_rad)

    def _append(self, at_s: float, joints_rad: list[float]) -> None:
        while len(self._told) > 1 and self._told[1].at_s <= at_s - RESPONSE_S - TRAVEL_S:
            self._told.popleft()
        then_rad = self._joints_rad(at_s - TRAVEL_S) if self._told else joints_rad
        self._told.append(Told(at_s, joints_rad, [now - then for now, then in zip(joints_rad, then_rad, strict=True)]))

    def clear(self) -> None:
        self._told.clear()

    def places_rad(self, joint: int, now_s: float) -> tuple[float, float]:
        """Between which angles a joint may be, following at any lag up to RESPONSE_S."""
        places = [told.joints_rad[joint] for told in self._within(now_s)]
        return min(places), max(places)

    def travels_rad(self, joint: int, now_s: float) -> tuple[float, float]:
        """How far a joint may have gone in the last TRAVEL_S, the same way: what follows by any mixture of lags, as
        a low-pass does, goes at a mean of the speeds that were commanded. None at rest: the last command's own
        travel is over once that command is older than twice RESPONSE_S, when a low-pass too has arrived."""
        first_s = now_s - RESPONSE_S
        travels = [told.travel_rad[joint] for told in self._told if told.at_s > first_s]
        if self.newest.at_s > now_s - 2 * RESPONSE_S:
            travels.append(self.newest.travel_rad[joint])
        travels += [self._travel_rad(joint, first_s), self._travel_rad(joint, now_s)]
        return min(travels), max(travels)

    def _travel_rad(self, joint: int, until_s: float) -> float:
        return self._joints_rad(until_s)[joint] - self._joints_rad(until_s - TRAVEL_S)[joint]

    def _within(self, now_s: float) -> Iterator[Told]:
        """Newest first, as far as the one that was in force RESPONSE_S ago."""
        for told in reversed(self._told):
            yield told
            if told.at_s <= now_s - RESPONSE_S:
                return

    def _joints_rad(self, at_s: float) -> list[float]:
        """Where they were told to be then, at the oldest place that is known or after it."""
        later = self.newest
        for told in reversed(self._told):
            if told.at_s <= at_s:
                share = (at_s - told.at_s) / (later.at_s - told.at_s) if later.at_s > at_s else 1.0
                ends = zip(told.joints_rad, later.joints_rad, strict=True)
                return [start + share * (end - start) for start, end in ends]
            later = told
        return later.joints_rad
