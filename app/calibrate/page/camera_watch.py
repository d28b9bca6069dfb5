"""The camera while the session does not look through it: a person is asked, or an arm drives."""

import threading
from collections.abc import Callable

from app.events import Event, MotionBegin, MotionEnd, QuestionEnd, QuestionOpen
from core.errors import CameraError
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame

#: From one picture to the next, and after one that did not come [s].
_PERIOD_S, _AFTER_FAULT_S = 0.25, 1.0


class CameraWatch:
    """Takes pictures on a thread of its own. `newest` is the last, or why there was none.

    camera: gives the camera that is open now. `hear` must be called on the session's thread: once it has returned from
    the end of a question or a motion, the camera is the session's alone.
    """

    def __init__(self, camera: Callable[[], Camera]) -> None:
        self.newest: RgbdFrame | CameraError | None = None
        self._camera = camera
        self._is_free, self._ending = threading.Event(), threading.Event()
        self._reading = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="live camera", daemon=True)
        self._thread.start()

    def hear(self, event: Event) -> None:
        if isinstance(event, QuestionOpen | MotionBegin):
            self._is_free.set()
        elif isinstance(event, QuestionEnd | MotionEnd):
            self._is_free.clear()
            with self._reading:  # the picture in flight, if any, is taken
                pass

    def close(self) -> None:
        self._ending.set()
        self._is_free.set()
        self._thread.join()

    def _look(self) -> None:
        pause_s = _PERIOD_S
        while not self._ending.wait(pause_s):
            self._is_free.wait()
            with self._reading:
                if self._is_free.is_set() and not self._ending.is_set():
                    pause_s = self._read()

    def _read(self) -> float:
        """Seconds until the next."""
        try:
            self.newest = self._camera().read()
        except CameraError as error:  # the session meets it too, and says so
            self.newest = error
            return _AFTER_FAULT_S
        return _PERIOD_S
