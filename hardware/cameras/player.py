"""Plays a RealSense recording in a process of its own and hands its frames to `RecordedCamera`.

A damaged recording can hang librealsense or crash it; that must not take the program along.

    python -m hardware.cameras.player FILE FD

The connection FD gets pickled pairs: ("intrinsics", Intrinsics), then ("frame", RgbdFrame) as often
as there is one, then ("end", count) or ("error", (cause, remedy)).
"""

import os
import sys
import threading
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.errors import CameraError
from hardware.cameras.camera import Freshness
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.framesets import Exposure, FrameReader
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, ExposureMatcher, StreamKey
from hardware.cameras.playback import Playback
from hardware.cameras.recording_index import open_index


class Player:
    """The frames of a `.bag` or `.db3` in order; `given` counts them.

    Raises:
        CameraError: an empty, cut-off, foreign or damaged file, one without colour, or one whose
            lens or layout cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._index = open_index(path)
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
            if frame := self._next_exposure():
                return frame
            if self._ended:
                self._check_nothing_was_lost()
                return None
            self._pull()

    def _pull(self) -> None:
        """Moves one image from the file to where it waits for its counterpart."""
        arrived = self._playback.next()
        if arrived is None:
            self._matcher.finish()
            self._ended = True
            return
        key, image = arrived
        if self._index.is_intact(key, self._arrived[key]):
            self._intact[key] += 1
            self._matcher.add(key, image)
        self._arrived[key] += 1

    def _next_exposure(self) -> RgbdFrame | None:
        while images := self._matcher.pop():
            color = images[COLOR]
            if not self._freshness.admits(color.frame_number, color.timestamp):
                continue
            left, right = (images.get(key) for key in INFRARED)
            exposure = Exposure(color, images.get(DEPTH), (left, right) if left and right else None)
            self.given += 1
            return self._reader.read(exposure, color.frame_number, color.timestamp / 1000.0)
        return None

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


def _play(path: Path, answers: Connection) -> None:
    try:
        player = Player(path)
        answers.send(("intrinsics", player.intrinsics))
        while (frame := player.read()) is not None:
            answers.send(("frame", frame))
        answers.send(("end", player.given))
    except CameraError as error:
        answers.send(("error", (error.cause, error.remedy)))


def _follow_parent() -> None:
    """Ends this process, whatever librealsense is doing, when the one that started it is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()
    _play(Path(sys.argv[1]), Connection(int(sys.argv[2])))
    # Not by returning: librealsense's destructors wait for threads that wait for the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
