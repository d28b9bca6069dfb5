"""Every colour, depth and infrared frame of a RealSense recording, in order, none dropped.

librealsense's pipeline loses the first frames of a recording (it starts in real time) and pairs
images of different times; its sensors, opened while playback is paused, give each frame once.
"""

import queue
import threading
import time
from pathlib import Path
from typing import Any

import pyrealsense2 as rs

from core.errors import CameraError
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, StreamKey

_STALL_S = 10.0
_POLL_S = 0.05
_NAP_S = 0.002
#: Frames kept ready.
_WAITING = 4


class Playback:
    """A recording that plays as fast as `next` is called.

    Raises:
        CameraError: a file that librealsense cannot play, or without colour.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
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
        self._start()

    def _start(self) -> None:
        frames, playing = self._frames, threading.Event()

        def deliver(frame: Any) -> None:
            frame.keep()  # librealsense lends out only 16 of a stream
            frames.put(frame)
            # Holds playback back until the frames are wanted; never during `resume`, which waits for it.
            while frames.qsize() > _WAITING and playing.is_set():
                time.sleep(_NAP_S)

        self._device.pause()
        for sensor, profiles in zip(self._sensors, self._profiles, strict=True):
            if profiles:
                sensor.open(profiles)
                sensor.start(deliver)
        self._device.resume()
        playing.set()

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


def _key(profile: Any) -> StreamKey:
    return profile.stream_type().name, profile.stream_index()


def _info(device: Any, field: Any) -> str | None:
    return device.get_info(field) if device.supports(field) else None
