"""The live camera: a D435 whose driver runs in a process that can be killed and started again."""

import json
import logging
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.camera import Camera, Freshness
from hardware.cameras.child import Child, ChildLost
from hardware.cameras.exposure import ExposureWatch
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.realsense import RealSenseConfig

_log = logging.getLogger(__name__)

#: Longest waits for the driver [s]: until its libraries are loaded and the exposure has settled, for a camera that it
#: starts again, and beyond a frame's own timeout.
_OPEN_S = 30.0
_RESTART_S = 15.0
_SLACK_S = 0.5


class LiveCamera(Camera):
    """A `RealSenseCamera` in a process of its own.

    A driver that hangs or crashes is killed and started again with the same camera, by its serial, once a read; what
    the driver itself sees (a camera unplugged, or silent) it mends as `RealSenseCamera` says. Frame numbers keep
    growing across all that. Stamps are of `time.monotonic`.

    Args:
        plays: a recording that librealsense plays as an attached camera.

    Raises:
        CameraError: as `RealSenseCamera`, or a driver that hangs or crashes at its start.
    """

    is_live = True

    def __init__(self, config: RealSenseConfig, plays: Path | None = None) -> None:
        self._config, self._plays = config, plays
        self.name = "the D435"
        self._freshness = Freshness()
        self._exposure = ExposureWatch()
        self._last_number = -1
        self._driver: Child | None = None
        self._lock = threading.Lock()
        self._start()

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame exposed after this call.

        Where the camera or its driver was lost, starts it first, which takes up to 30 s.

        Raises:
            CameraError: silent for `timeout_s`; gone and not back; the same frame again; black or burnt.
        """
        if self._driver is None:
            raise CameraError(f"{self.name} is closed.", "Open the camera again.")
        with self._lock:
            frame = self._read(timeout_s)
        frame = replace(frame, number=self._first_number + frame.number)
        if not self._freshness.admits(frame.number, frame.stamp_s):
            raise CameraError(
                f"{self.name} gave frame {frame.number} again instead of a new one.",
                "Unplug it, plug it into a USB 3 port, then run `python main.py doctor`.",
            )
        self._last_number = frame.number
        self._exposure.check(frame.color, self.name)
        return frame

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        """None too while it is read, or is lost: the next read says so, and starts it again."""
        driver = self._driver
        if driver is None or not self._lock.acquire(blocking=False):
            return None
        try:
            return self._next(timeout_s)
        except ChildLost:
            return None
        except CameraError:
            driver.close()  # it says what is wrong once: the next read is to hear it from another
            return None
        finally:
            self._lock.release()

    def _read(self, timeout_s: float) -> RgbdFrame:
        """The driver's next frame, from one that is started again where the first is lost."""
        try:
            return self._next(timeout_s)
        except ChildLost as lost:
            _log.warning("the driver of %s %s; it is started again", self.name, lost)
            self._start()
        try:
            return self._next(timeout_s)
        except ChildLost as again:
            self.close()
            raise self._lost(again) from again

    def close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _start(self) -> None:
        self.close()
        arguments = [json.dumps(asdict(self._config)), *([str(self._plays)] if self._plays else [])]
        self._driver = driver = Child("hardware.cameras.live_driver", *arguments)
        try:
            self.name, serial, intrinsics = self._answer(driver, _OPEN_S)
        except ChildLost as lost:
            self.close()
            raise self._lost(lost) from lost
        except CameraError:
            self.close()
            raise
        self.intrinsics: Intrinsics = intrinsics
        self._config = replace(self._config, serial=serial)
        self._first_number = self._last_number + 1

    def _next(self, timeout_s: float) -> RgbdFrame:
        driver = self._driver
        if driver is None:
            raise ChildLost("is closed")
        try:
            driver.connection.send(timeout_s)
        except OSError as error:
            raise ChildLost("crashes") from error
        frame: RgbdFrame = self._answer(driver, timeout_s + _SLACK_S)
        return frame

    def _answer(self, driver: Child, timeout_s: float) -> Any:
        """What the driver answers: raises what it raised, or ChildLost."""
        kind, value = driver.receive(timeout_s)
        if kind == "restarts":
            kind, value = driver.receive(_RESTART_S)
        if kind == "error":
            raise CameraError(*value)
        return value

    def _lost(self, lost: ChildLost) -> CameraError:
        return CameraError(
            f"librealsense {lost} on {self.name}, also when it is started again.",
            "Unplug the camera for a few seconds, plug it into a USB 3 port, then run `python main.py doctor`.",
        )
