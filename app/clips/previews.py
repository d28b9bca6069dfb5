"""The pictures of finished maps: a contact sheet and a video that any browser plays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from app.console import Console
from core.files import writing
from core.image_file import write_image
from hardware.cameras.clips.clip import Clip, ClipFrame
from perception.clip_pictures import MapColours, contact_sheet, side_by_side
from perception.depth_types import Kind

SHEET, VIDEO = "preview.png", "preview.mp4"
#: Frames spread over the clip, on the sheet and for the scale.
SAMPLES = 6
#: The first that this libav can write.
_CODECS = (("libx264", {"preset": "veryfast", "crf": "21"}), ("mpeg4", {"qscale": "4"}))
#: Frames of a clip by number.
Samples = dict[int, ClipFrame]


def save_previews(
    clip: Clip, values: NDArray[np.float32], kind: Kind | Literal["normals"], folder: Path, console: Console
) -> Samples:
    """Writes both pictures of a clip and its maps into a folder; returns the frames on the sheet.

    Raises:
        CameraError: the clip changed meanwhile.
        StorageError: the folder takes no file.
    """
    numbers = sample_numbers(clip.count)
    samples = [np.array(values[number]) for number in numbers]
    colours = MapColours.of(kind, samples)
    frames: Samples = {}
    with writing(folder), _video(folder / VIDEO, clip.fps) as add, console.frames_bar("preview") as show:
        for number, frame in zip(range(clip.count), clip.frames(), strict=True):
            add(side_by_side(frame.color, np.array(values[number]), colours))
            if number in numbers:
                frames[number] = frame
            show(number + 1, clip.count)
        write_image(folder / SHEET, contact_sheet([f.color for f in frames.values()], samples, numbers, colours))
    return frames


def sample_numbers(count: int) -> list[int]:
    """Up to `SAMPLES` frame numbers from the first to the last."""
    return sorted({round(x) for x in np.linspace(0, count - 1, min(SAMPLES, count))})


@contextmanager
def _video(path: Path, fps: float) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Writes an MP4; what it yields takes the next picture (H, W, 3) RGB of even sides, all of one size.

    Raises:
        OSError: it cannot be written.
    """
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: VideoStream | None = None

        def add(image: NDArray[np.uint8]) -> None:
            nonlocal stream
            if stream is None:
                codec, options = next((name, options) for name, options in _CODECS if name in av.codecs_available)
                rate = Fraction(max(fps, 0.1)).limit_denominator(1001)
                stream = cast(VideoStream, container.add_stream(codec, rate, options=options))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")):
                container.mux(packet)

        yield add
        for packet in stream.encode(None) if stream is not None else []:
            container.mux(packet)
