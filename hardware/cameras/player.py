"""Plays a RealSense recording in a process of its own and hands its frames to `RecordedCamera`.

A damaged recording can hang librealsense or crash it; that must not take the program along.

    python -m hardware.cameras.player FILE FD

The connection FD gets pickled pairs: ("intrinsics", Intrinsics), then ("frame", RgbdFrame) as often
as there is one, then ("end", count) or ("error", (cause, remedy)).
"""

import os
import queue
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyrealsense2 as rs

from core.errors import CameraError
from hardware.cameras.camera import Freshness
from hardware.cameras.child import connect_to_owner
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.framesets import Exposure, FrameReader
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, ExposureMatcher, StreamKey
from hardware.cameras.recording_index import RecordingIndex

_STALL_S = 10.0
_POLL_S = 0.05
_NAP_S = 0.002
#: Frames kept ready.
_WAITING = 4


class Playback:
    """Every colour, depth and infrared frame of a recording in order, none dropped, as fast as `next` is called.

    librealsense's pipeline loses the first frames of a recording (it starts in real time) and pairs
    images of different times; its sensors, opened while playback is paused, give each frame once.

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
        has_serial = self._device.supports(rs.camera_info.serial_number)
        self.serial = (has_serial and self._device.get_info(rs.camera_info.serial_number)) or path.stem
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


class Player:
    """The frames of a `.bag` or `.db3` in order; `given` counts them.

    Raises:
        CameraError: an empty, cut-off, foreign or damaged file, one without colour, or one whose
            lens or layout cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._index = RecordingIndex(path)
        self._playback = Playback(path)
        streams = self._playback.streams
        self._reader = FrameReader(streams[COLOR], streams.get(DEPTH), self._playback.serial, self._name)
        self.intrinsics = self._reader.intrinsics
        others = [key for key in (DEPTH, *INFRARED) if key in streams]
        self._matcher = ExposureMatcher[Any](others, {DEPTH} & streams.keys(), 500.0 / streams[COLOR].fps())
        self._freshness = Freshness()
        self._arrived: Counter[StreamKey] = Counter()
        self._intact: Counter[StreamKey] = Counter()
        self.given = 0
        self._ended = False

    def read(self) -> RgbdFrame | None:
        """The next frame, or None at the end.

        Raises:
            CameraError: at the end, where frames were damaged or had no depth.
        """
        while True:
            while images := self._matcher.pop():
                color = images[COLOR]
                if self._freshness.admits(color.frame_number, color.timestamp):
                    left, right = (images.get(key) for key in INFRARED)
                    exposure = Exposure(color, images.get(DEPTH), (left, right) if left and right else None)
                    self.given += 1
                    return self._reader.read(exposure, color.frame_number, color.timestamp / 1000.0)
            if self._ended:
                self._check_nothing_was_lost()
                return None
            if arrived := self._playback.next():
                key, image = arrived
                if self._index.is_intact(key, self._arrived[key]):
                    self._intact[key] += 1
                    self._matcher.add(key, image)
                self._arrived[key] += 1
            else:
                self._matcher.finish()
                self._ended = True

    def _check_nothing_was_lost(self) -> None:
        counts = {key: self._index.counts.get(key, 0) for key in self._playback.streams}
        lost = [
            f"{count - self._intact[key]} of {count} {key[0].replace('color', 'colour')} images"
            for key, count in counts.items()
            if self._intact[key] < count
        ]
        if lost:
            raise CameraError(
                f"{self._name} is damaged: {' and '.join(lost)} could not be read.",
                f"The {self.given} frames given are sound; for the others copy the file again.",
            )
        if not self.given:
            raise CameraError(
                f"{self._name} has no colour image with depth of the same time.",
                "Record it again with both streams at the same rate.",
            )


def main() -> None:
    answers = connect_to_owner()
    try:
        player = Player(Path(sys.argv[1]))
        answers.send(("intrinsics", player.intrinsics))
        while (frame := player.read()) is not None:
            answers.send(("frame", frame))
        answers.send(("end", player.given))
    except CameraError as error:
        answers.send(("error", (error.cause, error.remedy)))
    # Not by returning: librealsense's destructors wait for threads that wait for the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
