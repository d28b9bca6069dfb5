"""Videos written for tests, in any codec and format."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np


def moving_colours(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Frames (H, W, 3) uint8 that all differ: noise over a drifting pattern."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return [np.roll(coarse, 2 * k, axis=1) + rng.integers(0, 40, (height, width, 3), np.uint8) for k in range(count)]


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    options: dict[str, str] | None = None,
    matrix: int | None = None,
) -> Path:
    """A video of frames (H, W, 3) RGB; matrix is the number of its colour matrix (AVColorSpace), tagged and used."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for color in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(color), "rgb24")
            if matrix is not None:
                stream.codec_context.colorspace = matrix
                frame = frame.reformat(format=pix_fmt, dst_colorspace=matrix)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turned(path: Path, quarters: int) -> Path:
    """Writes into an MP4's track header that it is to be shown turned clockwise, as telephones do."""
    one, matrices = 0x10000, {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}
    a, b, c, d = (x * one for x in matrices[quarters])
    upright = np.array([one, 0, 0, 0, one, 0, 0, 0, 0x40000000], ">i4").tobytes()
    told = np.array([a, b, 0, c, d, 0, 0, 0, 0x40000000], ">i4").tobytes()
    data = path.read_bytes()
    header = data.index(b"tkhd")
    place = data.index(upright, header)
    path.write_bytes(data[:place] + told + data[place + len(told) :])
    return path
