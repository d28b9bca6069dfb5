"""A page that no session feeds: what it shows changes with time alone, and by what is pressed on it."""

import logging
import threading
import time
from abc import ABC, abstractmethod

from app.page.page_server import PageServer
from app.page.style import STYLE

_log = logging.getLogger(__name__)
_TICK_S = 0.05


class PlayingPage(ABC):
    """Drawn on a thread of its own, which a page begins once it is laid out, until it is closed."""

    def __init__(self, host: str) -> None:
        self._server = PageServer(host)
        self._server.viser.gui.add_html(STYLE)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="playing-page", daemon=True)

    @property
    def address(self) -> str:
        return self._server.address

    @abstractmethod
    def tick(self, now_s: float) -> None:
        """Some times a second; now_s: time.monotonic()."""

    def rest(self) -> None:
        """Nothing is drawn by itself any more; idempotent."""
        self._ending.set()
        self._thread.join()

    def close(self) -> None:
        self.rest()
        self._server.close()

    def _serve(self) -> None:
        while not self._ending.wait(_TICK_S):
            try:
                self.tick(time.monotonic())
            except Exception:
                _log.exception("the %s could not be drawn", type(self).__name__)
                return
