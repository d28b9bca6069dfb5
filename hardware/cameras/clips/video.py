"""Video files as clips, decoded so strictly that damage is noticed: libav by itself would paint over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.logging import ERROR, Capture, get_level, get_skip_repeated, set_level, set_skip_repeated
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream

from core.errors import CameraError
from hardware.cameras.clips.clip import NOMINAL_FPS, ClipFrame, FileClip, Progress

_COPY_AGAIN = "Copy or export the video again; to use what is left of it: ffmpeg -i OLD -c:v ffv1 NEW.mkv"
#: What libav also takes for videos: text that it would typeset, and still images.
_NO_VIDEOS = ("tty", "image2")
#: Chroma is interpolated and rounded, not cut: within a level, and the same on every processor.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
#: Videos that do not name their matrix follow the television standards: BT.709 above this size, else BT.601.
_SD_WIDTH, _SD_HEIGHT = 1024, 576
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
#: A video may end this many frames before its own header says: rounding, and frames of uneven length.
_TOLERATED_FRAMES = 2.5


class VideoClip(FileClip[VideoFrame]):
    """A video file, decoded from its beginning each time.

    Raises:
        CameraError: no video, none that this libav decodes, a damaged or cut-off one, or no frame.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        super().__init__(path, progress)
        with _open(path) as (container, stream):
            self.fps = float(stream.average_rate or stream.guessed_rate or NOMINAL_FPS)
            due_s = _due_s(container, stream)
            total = stream.frames or (round(due_s * self.fps) if isfinite(due_s * self.fps) else 0) or None
            end_s = 0.0
            for frame in self._decode(container, stream):
                is_turned = _quarters(frame) % 2
                self._count_frame(*((frame.height, frame.width) if is_turned else (frame.width, frame.height)), total)
                if frame.pts is None or frame.time_base is None:
                    end_s = float("inf")  # without times nothing can be missed
                else:
                    lasts_s = float(frame.duration * frame.time_base) if frame.duration else 1 / self.fps
                    end_s = max(end_s, float(frame.pts * frame.time_base) + lasts_s)
        if due_s - end_s > _TOLERATED_FRAMES / self.fps:
            raise CameraError(
                f"{path} is cut off: its header announces {due_s:.2f} s and its {self.count} whole frames "
                f"end at {end_s:.2f} s.",
                _COPY_AGAIN,
            )
        self._demand_frames()

    def _play(self) -> Iterator[VideoFrame]:
        with _open(self._path) as (container, stream):
            yield from self._decode(container, stream)

    def _convert(self, frame: VideoFrame) -> ClipFrame:
        """RGB by the matrix and range that the video names, upright."""
        is_large = frame.width > _SD_WIDTH or frame.height > _SD_HEIGHT
        is_unnamed = frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb
        matrix = Colorspace.ITU709 if is_unnamed and is_large else None
        color = frame.to_ndarray(format="rgb24", interpolation=_EXACT, src_colorspace=matrix, threads=1)
        return ClipFrame(np.ascontiguousarray(np.rot90(color, _quarters(frame))))

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        packets = container.demux(stream)
        number, time_s = 0, 0.0
        while True:
            packet: Packet | None = None
            frames: list[Any] = []
            reason = ""
            with _complaints() as complaints:
                try:
                    packet = next(packets, None)
                    frames = packet.decode() if packet is not None else []
                except av.FFmpegError as error:
                    reason = error.strerror or str(error)
            broken = reason or complaints or (packet is not None and packet.is_corrupt)
            for frame in frames:
                if broken or frame.is_corrupt:
                    break
                time_s = frame.time if frame.time is not None else number / self.fps
                yield frame
                number += 1
            else:
                if not broken:
                    if packet is None:
                        return
                    continue
            said = complaints[0] if complaints else reason or "marked as corrupt"
            raise CameraError(
                f"{self.name} is damaged after frame {number - 1} ({time_s:.2f} s): {said}."
                if number
                else f"{self.name} is damaged at its first frame: {said}.",
                _COPY_AGAIN,
            )


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its first moving picture, which raises at damage instead of concealing it."""
    container: InputContainer | None = None
    try:
        with _complaints() as complaints:
            container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        said = complaints[0] if complaints else error.strerror or str(error)
        raise CameraError(f"{path} is no video, or a cut-off one: {said}.", _COPY_AGAIN) from error
    try:
        # A cover on a song is a still picture.
        streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not streams or container.format.name in _NO_VIDEOS or container.format.name.endswith("_pipe"):
            raise CameraError(f"{path} holds no video.", "Name a video file, a .bag, a .db3 or a folder of frames.")
        context = streams[0].codec_context
        if context is None:
            raise CameraError(f"{path} has a video that nothing here decodes.", _COPY_AGAIN)
        context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        # Threads would complain out of turn, and libav's logging may lock up with them.
        context.thread_count = 1
        yield container, streams[0]
    finally:
        container.close()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What libav calls an error meanwhile: of some damage (FFV1's checksums) it only tells its log."""
    level, skips = get_level(), get_skip_repeated()
    set_level(ERROR)
    set_skip_repeated(False)  # or an old complaint would be counted up in a later clip's log
    complaints: list[str] = []
    try:
        with Capture() as logs:
            yield complaints
    finally:
        set_level(level)
        set_skip_repeated(skips)
        complaints += [" ".join(text.split()).rstrip(".") for severity, _, text in logs if severity <= ERROR]


def _due_s(container: InputContainer, stream: VideoStream) -> float:
    """When the video ends by its own header [s], 0 where that is not said."""
    start_s = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
    if stream.duration and stream.time_base:
        return start_s + float(stream.duration * stream.time_base)
    try:  # Matroska's HH:MM:SS.fraction
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        if tag_s := 3600 * int(hours) + 60 * int(minutes) + float(seconds):
            return tag_s
    except ValueError:
        pass
    if container.duration and len(container.streams) == 1:
        return (container.start_time or 0) / av.time_base + container.duration / av.time_base
    return 0.0


def _quarters(frame: VideoFrame) -> int:
    """Quarter turns counterclockwise that make the frame upright."""
    return round(frame.rotation / 90) % 4
