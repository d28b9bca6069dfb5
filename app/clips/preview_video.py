"""Pictures as a video that any browser plays."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.stream import VideoStream
from numpy.typing import NDArray

#: The first that this libav can write.
_CODECS = (("libx264", {"preset": "veryfast", "crf": "21"}), ("mpeg4", {"qscale": "4"}))


class Pictures(Protocol):
    """Takes the next picture (H, W, 3) RGB of even height and width, all of one size."""

    def __call__(self, image: NDArray[np.uint8]) -> None: ...


@contextmanager
def preview_video(path: Path, fps: float) -> Iterator[Pictures]:
    """Writes an MP4.

    Raises:
        OSError: it cannot be written.
    """
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: VideoStream | None = None

        def add(image: NDArray[np.uint8]) -> None:
            nonlocal stream
            if stream is None:
                codec, options = next((name, options) for name, options in _CODECS if _writes(name))
                rate = Fraction(max(fps, 0.1)).limit_denominator(1001)
                stream = cast(VideoStream, container.add_stream(codec, rate, options=options))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")):
                container.mux(packet)

        yield add
        for packet in stream.encode(None) if stream is not None else []:
            container.mux(packet)


def _writes(codec: str) -> bool:
    try:
        return bool(av.Codec(codec, "w"))
    except UnknownCodecError:
        return False
