"""The page's stop key: a double click is one wish, and who hammers on it gets the stop that is at once."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from viser import ViserServer

from app.interrupts import Interrupts
from app.page.page_server import PageServer
from app.page.stop_key import ONE_WISH_S, StopKey


@pytest.fixture(scope="module")
def server() -> Iterator[ViserServer]:
    with closing(PageServer()) as page:
        yield page.viser


class Hand:
    """Clicks while an arm moves. stopped_s: at which clicks the arm was stopped at once."""

    def __init__(self, server: ViserServer) -> None:
        self.now_s, self.stopped_s = 0.0, list[float]()
        self.interrupts = Interrupts()
        self._key = StopKey(server, self.interrupts, lambda: self.now_s)

    def click(self, *times_s: float) -> None:
        with self.interrupts:
            self.interrupts.emergency = lambda: self.stopped_s.append(self.now_s)
            for self.now_s in times_s:
                self._key._stop()


@pytest.mark.parametrize("rate_hz", [2.0, 10.0])
def test_hammering_asks_for_the_stop_that_is_at_once_one_wish_later(server: ViserServer, rate_hz: float) -> None:
    hand = Hand(server)
    hand.click(*np.arange(0.0, 3.0, 1 / rate_hz))
    assert hand.interrupts.stop_requested
    assert ONE_WISH_S <= hand.stopped_s[0] < ONE_WISH_S + 1.5 / rate_hz


def test_a_double_click_stops_once_and_a_later_click_stops_at_once(server: ViserServer) -> None:
    hand = Hand(server)
    hand.click(0.0, 0.2)
    assert hand.interrupts.stop_requested and not hand.stopped_s
    hand.click(5.0)
    assert hand.stopped_s == [5.0]
