"""What a live camera sees at this moment, beside the picture that a trial decides on."""

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.events import Event
from app.page.images import fit_width, placeholder
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame

if TYPE_CHECKING:
    from viser import ViserServer

#: How often the camera is looked at, and how old its picture may be before it is no longer shown as of now [s].
_PERIOD_S = 0.2
_LATEST_S = 3.0
_SILENT = "the camera is silent, or being read"


class LiveColorPart:
    """Hidden where the camera is not live in that sense: the digital cell draws what is asked for alone."""

    def __init__(self, server: "ViserServer") -> None:
        self._image = server.gui.add_image(
            placeholder(_SILENT), label="camera, now", format="jpeg", jpeg_quality=70, visible=False
        )
        self._newest: NDArray[np.uint8] | None = None
        self._shown_s = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, camera: Camera | None) -> None:
        """Looks at this camera from now on, at none with None, on a thread of its own: a look may take a moment."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
        if camera is not None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._look, args=(camera,), name="camera view", daemon=True)
            self._thread.start()

    def hear(self, event: Event) -> None:
        """What happens is seen."""

    def tick(self, now_s: float) -> None:
        picture, self._newest = self._newest, None
        if picture is not None:
            self._image.image, self._image.visible = picture, True
            self._shown_s = now_s
        elif self._image.visible and now_s - self._shown_s > _LATEST_S:
            self._image.image = placeholder(_SILENT)
            self._shown_s = now_s
            self.clear()

    def draw(self, frame: RgbdFrame) -> NDArray[np.uint8]:
        """(H, W, 3) what is shown of it; called where the camera is looked at, so that the page waits for nothing."""
        return frame.color

    def clear(self) -> None:
        """The camera is silent: what is said of an earlier picture goes."""

    def _look(self, camera: Camera) -> None:
        while not self._stop.wait(_PERIOD_S):
            frame = camera.glance()
            if frame is not None:
                self._newest = fit_width(self.draw(frame))
