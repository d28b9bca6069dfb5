"""Every colour, depth and infrared frame of a RealSense recording, in order, none dropped.

librealsense's pipeline loses the first frames of a recording (it starts in real time) and pairs
images of different times; its sensors, opened while playback is paused, give each frame once.
"""

import queue
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pyrealsense2 as rs

from errors import CameraError
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, StreamKey

_LOAD_S = 20.0
_STALL_S = 10.0
_POLL_S = 0.05
_NAP_S = 0.002
_RETURN_S = 0.02
#: Frames kept ready.
_WAITING = 4


class Playback:
    """A recording that plays as fast as `next` is called.

    Raises:
        CameraError: a file that librealsense cannot play, or without colour.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        _check_loads(path)
        try:
            self._device = rs.context().load_device(str(path))
            self._device.set_real_time(False)
            self._sensors = self._device.query_sensors()
        except RuntimeError as error:
            raise CameraError(
                f"{path} cannot be played: it is damaged or not a RealSense recording ({error}).",
                "Copy it again, or record it again with `python main.py record`.",
            ) from error
        wanted = {COLOR, DEPTH, *INFRARED}
        self._profiles = [[p for p in s.get_stream_profiles() if _key(p) in wanted] for s in self._sensors]
        self.streams: dict[StreamKey, Any] = {_key(p): p for profiles in self._profiles for p in profiles}
        if COLOR not in self.streams:
            raise CameraError(f"{path} holds no colour images.", "Record it again with the colour stream on.")
        self.serial = _info(self._device, rs.camera_info.serial_number) or path.stem
        self._frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._start()
        # librealsense's threads call back into Python: they must end before the interpreter does.
        self._end = weakref.finalize(self, _end, self._device, self._sensors, self._closing)

    def _start(self) -> None:
        frames, closing, playing = self._frames, self._closing, threading.Event()

        def deliver(frame: Any) -> None:
            frame.keep()  # librealsense lends out only 16 of a stream
            frames.put(frame)
            # Holds playback back until the frames are wanted; never during `resume`, which waits for it.
            while frames.qsize() > _WAITING and playing.is_set() and not closing.is_set():
                time.sleep(_NAP_S)

        self._device.pause()
        for sensor, profiles in zip(self._sensors, self._profiles, strict=True):
            if profiles:
                sensor.open(profiles)
                sensor.start(deliver)
        self._device.resume()
        playing.set()

    @property
    def is_open(self) -> bool:
        return self._end.alive

    def close(self) -> None:
        self._end()

    def next(self) -> tuple[StreamKey, Any] | None:
        """The next frame of any stream, or None at the end.

        Raises:
            CameraError: playback hangs.
        """
        deadline_s = time.monotonic() + _STALL_S
        while time.monotonic() < deadline_s:
            # Asked before the queue: what arrived before the end is then still found in it.
            ended = self._device.current_status() == rs.playback_status.stopped
            try:
                frame = self._frames.get(timeout=_POLL_S)
            except queue.Empty:
                if ended:
                    return None
                continue
            return _key(frame.profile), frame.as_depth_frame() or frame.as_video_frame()
        raise CameraError(f"{self._name} stopped playing midway.", "Copy it again: it may be damaged.")


def _check_loads(path: Path) -> None:
    """Loads a file in a process of its own first: librealsense hangs for ever on some damaged ones."""
    probe = "import sys, pyrealsense2 as rs; rs.context().load_device(sys.argv[1]).query_sensors()"
    damaged = CameraError(
        f"{path} cannot be played: it is damaged where it describes the camera.",
        "Copy it again, or record it again.",
    )
    command = [sys.executable, "-c", probe, str(path)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_LOAD_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise damaged from error
    if ended.returncode < 0:  # it crashed
        raise damaged


def _key(profile: Any) -> StreamKey:
    return profile.stream_type().name, profile.stream_index()


def _info(device: Any, field: Any) -> str | None:
    return device.get_info(field) if device.supports(field) else None


def _end(device: Any, sensors: list[Any], closing: threading.Event) -> None:
    """Stops playback and lets the last callbacks return: librealsense joins their threads when it is
    released, which needs the interpreter's lock that they too need.

    The sensors are not closed: on a damaged `.bag` that crashes librealsense.
    """
    closing.set()
    device.pause()
    for sensor in sensors:
        if sensor.get_active_streams():
            sensor.stop()
    time.sleep(_RETURN_S)
