"""The live D435, through unmodified librealsense.

Not seen by its authors with a camera attached: the tests drive this code through librealsense's own
playback, as a device of a context that is read by serial, falls silent, is unplugged and comes back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.errors import CameraError
from hardware.cameras.attached import choose, describe, load_librealsense
from hardware.cameras.camera import Camera, Freshness
from hardware.cameras.frame import RgbdFrame

_log = logging.getLogger(__name__)

_COLOR_SIZES = ((848, 480), (1280, 720))
_RATES_HZ = (6, 15, 30)
#: The depth size at which a D435 measures best; colour of either size is aligned to from it.
_DEPTH_SIZE = (848, 480)
#: A D435 gives its first frame within about a second of its start, and its exposure settles in half.
_START_S = 5.0
_SETTLING_S = 0.5
_RECONNECT_S = 5.0
_STOP_S = 3.0


@dataclass(frozen=True)
class RealSenseConfig:
    """What is asked of a D435: which one (None: the only one attached), colour size, rate, infrared.

    Raises:
        CameraError: a colour size or rate that a D435 does not give.
    """

    serial: str | None = None
    width: int = 848
    height: int = 480
    fps: int = 30
    infrared: bool = False

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.fps} frames/s"

    def __post_init__(self) -> None:
        if (self.width, self.height) not in _COLOR_SIZES:
            raise CameraError(
                f"A D435 is not read at {self.width}x{self.height}.", "Set the camera to 848x480 or 1280x720."
            )
        if self.fps not in _RATES_HZ:
            raise CameraError(f"A D435 gives no {self.fps} frames a second.", "Set fps to 6, 15 or 30.")


class RealSenseCamera(Camera):
    """A D435: colour, depth aligned to it, and both infrared images where asked.

    Stamps are of `time.monotonic`. A camera that was unplugged is waited for and started again by
    its serial, once; one that fell silent is started again at the next read, since a USB reset too
    fast to be seen looks the same. Frame numbers keep growing across both.

    Args:
        context: a librealsense context that holds the device; by default all that are attached.

    Raises:
        CameraError: no such camera, more than one where no serial is given, one that does not
            start, or a configuration a D435 does not have.
    """

    is_live = True

    def __init__(
        self, config: RealSenseConfig, *, context: Any = None, restarts: Callable[[], None] = lambda: None
    ) -> None:
        """restarts: told that the next frame may take up to 10 s."""
        self.config = config
        self._restarts = restarts
        rs = load_librealsense()
        self._context = rs.context() if context is None else context
        info = choose(config.serial, describe(self._context))
        self.serial, self._usb = info.serial, info.usb
        self.name = f"d435 {self.serial}"
        self._freshness = Freshness()
        self._last_number = -1
        self._is_silent = False
        self._pipeline: Any = None
        self._start()

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame exposed after this call.

        Where the camera was unplugged or silent, starts it first, which takes up to 10 s.

        Raises:
            CameraError: silent for `timeout_s`, or unplugged and not back.
        """
        if self._pipeline is None:
            raise CameraError(f"{self.name} is closed.", "Open the camera again.")
        if self._is_silent:
            self._restart()
        frame = self._next(timeout_s)
        if frame is None and not self._is_attached():
            self._restart()
            frame = self._next(timeout_s)
        self._is_silent = frame is None
        if frame is None:
            raise CameraError(
                f"{self.name} gave no frame in {timeout_s:.1f} s.",
                "Close other programs that use it, check its USB 3 cable, then run `python main.py doctor`.",
            )
        return frame

    def _start(self) -> None:
        import pyrealsense2 as rs

        from hardware.cameras.framesets import FrameReader

        c, config, pipeline = self.config, rs.config(), rs.pipeline(self._context)
        config.enable_device(self.serial)
        config.enable_stream(rs.stream.color, c.width, c.height, rs.format.rgb8, c.fps)
        config.enable_stream(rs.stream.depth, *_DEPTH_SIZE, rs.format.z16, c.fps)
        for index in (1, 2) if c.infrared else ():
            config.enable_stream(rs.stream.infrared, index, *_DEPTH_SIZE, rs.format.y8, c.fps)
        try:
            profile = pipeline.start(config)
        except RuntimeError as error:
            if self._usb.startswith(("1", "2")):
                raise CameraError(
                    f"{self.name} is on USB {self._usb}, which is too slow for {c}.",
                    "Plug it into a USB 3 port with a USB 3 cable and no hub, then run `python main.py doctor`.",
                ) from error
            raise CameraError(
                f"{self.name}, on USB {self._usb}, does not start with {c} ({error}).",
                "Close other programs that use it and plug it into a USB 3 port, then run `python main.py doctor`.",
            ) from error
        self._pipeline = pipeline
        color = profile.get_stream(rs.stream.color)
        self._reader = FrameReader(color, profile.get_stream(rs.stream.depth), self.serial, "d435")
        self.intrinsics = self._reader.intrinsics
        self._first_number = self._last_number + 1
        self._settle()

    def _settle(self) -> None:
        """Lets the exposure find itself: the first images are dark or burnt."""
        arrived, _ = self._pipeline.try_wait_for_frames(int(1000 * _START_S))
        if not arrived:
            self.close()
            raise CameraError(
                f"{self.name} starts but gives no frame in {_START_S:.0f} s.",
                "Unplug it, plug it into a USB 3 port and try again.",
            )
        settled_s = time.monotonic() + _SETTLING_S
        while time.monotonic() < settled_s:
            self._pipeline.try_wait_for_frames(int(1000 * _SETTLING_S))

    def _next(self, timeout_s: float) -> RgbdFrame | None:
        """None where the camera gives no frame in time or went away."""
        from hardware.cameras.framesets import age_s, exposure_of, was_exposed_after

        called_ms, deadline_s = 1000.0 * time.time(), time.monotonic() + timeout_s
        passed_over = 0
        try:
            self._pipeline.poll_for_frames()  # what waited here is older than the call
            while (left_s := deadline_s - time.monotonic()) > 0:
                arrived, frames = self._pipeline.try_wait_for_frames(max(int(1000 * left_s), 1))
                exposure = exposure_of(frames) if arrived else None
                if exposure is None:
                    continue
                if not was_exposed_after(exposure.color, called_ms, passed_over):
                    passed_over += 1
                    continue
                number = self._first_number + exposure.color.frame_number
                stamp_s = time.monotonic() - age_s(exposure.color)
                if self._freshness.admits(number, stamp_s):
                    self._last_number = number
                    return self._reader.read(exposure, number, stamp_s)
        except RuntimeError as error:  # librealsense's word for a device that went away
            _log.debug("reading %s: %s", self.name, error)
        return None

    def _is_attached(self) -> bool:
        return any(info.serial == self.serial for info in describe(self._context))

    def _restart(self) -> None:
        _log.warning("%s was lost; starting it again", self.name)
        self._restarts()
        self.close()
        deadline_s = time.monotonic() + _RECONNECT_S
        while not self._is_attached():
            if time.monotonic() > deadline_s:
                raise CameraError(f"{self.name} was unplugged and did not come back.", "Plug it in and start again.")
            time.sleep(0.1)
        self._start()

    def close(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        # librealsense can hang in stop() on a camera that is gone; the program must not.
        stopping = threading.Thread(target=_stop, args=(pipeline,), daemon=True)
        stopping.start()
        stopping.join(_STOP_S)
        if stopping.is_alive():
            _log.warning("%s did not stop within %.0f s and was abandoned", self.name, _STOP_S)


def _stop(pipeline: Any) -> None:
    try:
        pipeline.stop()
    except RuntimeError as error:
        _log.debug("stopping a camera that is gone: %s", error)
