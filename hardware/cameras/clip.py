"""A clip of colour frames: what a video estimator reads, wherever it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frame import RgbdFrame


@dataclass(frozen=True)
class ClipFrame:
    """One frame: color (H, W, 3) uint8 RGB; rgbd is the same exposure with depth and intrinsics, where known."""

    color: NDArray[np.uint8]
    rgbd: RgbdFrame | None = None


class Clip(Protocol):
    """Frames of one size in order, readable any number of times; checked to its end when it was opened."""

    name: str
    count: int
    width: int
    height: int
    fps: float

    def frames(self, start: int = 0) -> Iterator[ClipFrame]:
        """The frames from number `start` on.

        Raises:
            CameraError: what was sound when it was opened can no longer be read.
        """
        ...
