"""Recordings with depth as clips: `.bag`, `.db3` and our frame folders."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from core.errors import CameraError
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.clips.clip import Census, ClipFrame, Progress
from hardware.cameras.clips.images import NOMINAL_FPS
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorded import open_recording


class RecordingClip:
    """Every frame of a recording, with its depth and intrinsics.

    Raises:
        CameraError: what `open_recording` or reading to the end raises, or no frame.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.name = str(path)
        self._path = path
        census = Census(self.name, progress, None)
        stamps_s = [0.0, 0.0]
        for frame in self._read():
            census.add(frame.color.shape[1], frame.color.shape[0])
            stamps_s[min(census.count - 1, 1)] = frame.stamp_s
        census.demand_some()
        self.count = census.count
        self.width, self.height = census.size
        span_s = stamps_s[1] - stamps_s[0]
        self.fps = (self.count - 1) / span_s if self.count > 1 and span_s > 0 else NOMINAL_FPS

    def frames(self, start: int = 0) -> Iterator[ClipFrame]:
        """See `Clip.frames`; the recording is played from its beginning."""
        number = -1
        for number, frame in enumerate(self._read()):
            if number >= start:
                yield ClipFrame(frame.color, frame)
        if number + 1 != self.count:
            raise CameraError(
                f"{self.name} had {self.count} frames and now has {number + 1}.", "Leave the file alone; run it again."
            )

    def _read(self) -> Iterator[RgbdFrame]:
        with closing(open_recording(self._path)) as camera, suppress(EndOfRecording):
            while True:
                yield camera.read()
