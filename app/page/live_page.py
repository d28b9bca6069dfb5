"""The page a person watches and answers in the browser: what happens, the question that is open, a stop key, in 3D."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from queue import Empty, SimpleQueue
from typing import Protocol, runtime_checkable

from app.console import Console
from app.events import Event, TrialChange
from app.interrupts import Interrupts
from app.page.cell_scene import CLOUD_SHARE, CellScene
from app.page.explanation_part import ExplanationPart
from app.page.live_color_part import LiveColorPart
from app.page.page_guard import LOOPBACK
from app.page.page_server import PageServer
from app.page.pictures_part import PicturesPart
from app.page.playback import PlanPlayback
from app.page.question_part import QuestionPart
from app.page.status_part import StatusPart
from app.page.stop_key import StopKey
from app.page.style import STYLE
from app.page.tables_part import ResultsPart, StagesPart
from core.cell import Cell
from hardware.arms.arm import Arm
from hardware.cameras.camera import Camera

_log = logging.getLogger(__name__)
#: How often the page looks at what changes by itself [s].
_TICK_S = 0.05
#: What is still to be sent gets this long to reach the browsers [s].
_LAST_WORDS_S = 0.2


class PagePart(Protocol):
    """What the page is made of: it hears what the session tells and draws it.

    Called on the page's own thread alone, so that it may draw at leisure.
    """

    def hear(self, event: Event) -> None:
        """One event, in the order in which they happened."""
        ...

    def tick(self, now_s: float) -> None:
        """Some times a second; now_s: time.monotonic()."""
        ...


@runtime_checkable
class ThreadedPart(Protocol):
    """A part that works on a thread of its own too, until it is closed."""

    def close(self) -> None: ...


#: Adds parts to a page, from top to bottom; they hear what happens in the order in which they are given back.
LayOut = Callable[[PageServer, Cell], list[PagePart]]


def trial_parts(page: PageServer, cell: Cell) -> list[PagePart]:
    """The planned motion, and tabs of pictures, stages and results."""
    server = page.viser
    playback = PlanPlayback(server, cell)
    tabs = server.gui.add_tab_group()
    with tabs.add_tab("Pictures"):
        camera, pictures = LiveColorPart(server), PicturesPart(server)
    with tabs.add_tab("Stages"):
        stages = StagesPart(server)
    with tabs.add_tab("Results"):
        results = ResultsPart(server)
    return [stages, results, playback, camera, pictures]


class LivePage:
    """A viser server that shows a session, to whom its guard lets in, and answers its questions.

    host: the address that it listens at; beyond this machine's own, `address` holds the token that it asks for. It
    draws on a thread of its own, so that nothing that moves waits for it.
    """

    def __init__(
        self,
        cell: Cell,
        console: Console,
        interrupts: Interrupts,
        host: str = LOOPBACK[0],
        lay_out: LayOut = trial_parts,
    ) -> None:
        """lay_out: adds what this kind of session has below its state and its question."""
        self._console, self._page = console, PageServer(host, CLOUD_SHARE)
        self._server = self._page.viser
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._parts = self._lay_out(cell, interrupts, lay_out)
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()
        console.events.add(self._queue.put)
        console.questions.is_answered_elsewhere = True

    def _lay_out(self, cell: Cell, interrupts: Interrupts, lay_out: LayOut) -> list[PagePart]:
        """The parts from top to bottom: what must be at hand first."""
        server, gui = self._server, self._server.gui
        gui.add_html(STYLE)
        stop = StopKey(server, interrupts)
        self._status = StatusPart(server)
        explanation = ExplanationPart(server)
        question = QuestionPart(server, self._console.questions)
        self._scene = CellScene(server, cell)
        return [stop, explanation, question, *lay_out(self._page, cell), self._scene]

    @property
    def address(self) -> str:
        return self._page.address

    def watch(self, arms: Mapping[str, Arm], camera: Camera | None = None) -> None:
        """Shows the arms as they report from now on, and what a live camera sees; it only reads."""
        self._scene.watch(arms)
        for part in self._parts:
            if isinstance(part, LiveColorPart):
                part.watch(camera)

    def close(self, words: str = "The session is over.") -> None:
        """Leaves `words` in the browsers that are open; idempotent."""
        if not self._thread.is_alive():
            return
        self._console.events.remove(self._queue.put)
        self._console.questions.is_answered_elsewhere = False
        self.watch({})
        self._queue.put(None)
        self._thread.join()
        for part in self._parts:
            if isinstance(part, ThreadedPart):
                part.close()
        self._status.end(words)
        self._status.tick(time.monotonic())
        self._server.flush()
        time.sleep(_LAST_WORDS_S)
        self._page.close()

    def _serve(self) -> None:
        while True:
            events = self._await_events()
            # Where the session is, is shown at once; drawing may take longer than an eye waits.
            for event in events:
                self._hear_safely(self._status, event)
            self._hear_safely(self._status, None)
            for event in _newest(events):
                for part in self._parts:
                    self._hear_safely(part, event)
            for part in self._parts:
                self._hear_safely(part, None)
            if None in events:
                return

    def _await_events(self) -> list[Event | None]:
        """What has happened since, in order; nothing where a tick is due first."""
        events: list[Event | None] = []
        try:
            events.append(self._queue.get(timeout=_TICK_S))
            while True:
                events.append(self._queue.get_nowait())
        except Empty:
            return events

    def _hear_safely(self, part: PagePart, event: Event | None) -> None:
        """What one part cannot draw ends neither the page nor what it is shown of."""
        try:
            part.tick(time.monotonic()) if event is None else part.hear(event)
        except Exception:
            _log.exception("the page's %s failed", type(part).__name__)


def _newest(events: list[Event | None]) -> list[Event]:
    """Of a trial's changes that have come by now only the last: a page that draws slowly skips some."""
    heard = [event for event in events if event is not None]
    changes = [event for event in heard if isinstance(event, TrialChange)]
    return [event for event in heard if not isinstance(event, TrialChange) or event is changes[-1]]


@contextmanager
def shown(page: LivePage, console: Console, waits: bool) -> Iterator[LivePage]:
    """The page, its address said, until it is closed. waits: what it shows at a good end stays until a person closes
    it."""
    with closing(page):
        console.say(f"watch it in 3D: [bold]{page.address}[/]")
        yield page
        if waits:
            console.ask_key(f"All is done. The page {page.address} stays open until you close it.", {"q": "close"})
