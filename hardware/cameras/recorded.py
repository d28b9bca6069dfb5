"""Recordings as cameras: `.bag` and `.db3` of librealsense, and folders of frames."""

from collections import Counter
from pathlib import Path
from typing import Any

from errors import CameraError
from hardware.cameras.camera import Camera, EndOfRecording, Freshness
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, ExposureMatcher, StreamKey


def open_recording(path: Path) -> Camera:
    """Opens a `.bag`, a `.db3` or a frame folder.

    Raises:
        CameraError: nothing there, not a recording, or a damaged one.
    """
    path = Path(path)
    if not path.exists():
        raise CameraError(f"There is no recording {path}.", "Name an existing .bag, .db3 or folder of frames.")
    if path.is_dir():
        return FrameFolderCamera(path)
    if path.suffix.lower() not in (".bag", ".db3"):
        raise CameraError(
            f"{path} is not a recording Vitro can play.", "Give a RealSense .bag or .db3, or a folder of frames."
        )
    return RecordedCamera(path)


class RecordedCamera:
    """Plays a RealSense recording frame by frame, as fast as it is read, through librealsense.

    Raises:
        CameraError: an empty, cut-off, foreign or damaged file, one without colour, or one whose
            lens or layout cannot be read.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        from hardware.cameras.framesets import FrameReader
        from hardware.cameras.playback import Playback
        from hardware.cameras.recording_index import open_index

        self.name = str(path)
        # The index first: librealsense hangs on some of the damage that it finds.
        self._index = open_index(path)
        self._playback = Playback(path)
        streams = self._playback.streams
        self._reader = FrameReader(streams[COLOR], streams.get(DEPTH), self._playback.serial, self.name)
        self.intrinsics = self._reader.intrinsics
        others = [key for key in (DEPTH, *INFRARED) if key in streams]
        self._matcher = ExposureMatcher[Any](others, {DEPTH} & streams.keys(), 500.0 / streams[COLOR].fps())
        self._freshness = Freshness()
        self._arrived: Counter[StreamKey] = Counter()
        self._intact: Counter[StreamKey] = Counter()
        self._delivered = 0
        self._ended = False

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame; a recording's clock stands still between its frames, so nothing times out.

        Raises:
            EndOfRecording: every frame has been read.
            CameraError: instead of that, where frames are damaged or have no depth; playback hangs, or was closed.
        """
        while self._playback.is_open:
            if frame := self._next_exposure():
                return frame
            if self._ended:
                self._check_nothing_was_lost()
                raise EndOfRecording(self.name, self._delivered)
            self._pull()
        raise CameraError(f"{self.name} is closed.", "Open it again to read it from its beginning.")

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
        from hardware.cameras.framesets import Exposure

        while images := self._matcher.pop():
            color = images[COLOR]
            if not self._freshness.admits(color.frame_number, color.timestamp):
                continue
            left, right = (images.get(key) for key in INFRARED)
            infrared = (left, right) if left and right else None
            self._delivered += 1
            return self._reader.read(
                Exposure(color, images.get(DEPTH), infrared), color.frame_number, color.timestamp / 1000.0
            )
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
                f"{self.name} is damaged: {' and '.join(lost)} could not be read.",
                f"The {self._delivered} frames given are sound; for the others copy the file again.",
            )
        if not self._delivered:
            raise CameraError(
                f"{self.name} has no colour image with depth of the same time.",
                "Record it again with both streams at the same rate.",
            )

    def close(self) -> None:
        self._playback.close()

    def __enter__(self) -> "RecordedCamera":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
