"""A clip of colour frames: what a video estimator reads, wherever it comes from."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.image import RgbdImage

#: The rate of what keeps no times, as images do.
NOMINAL_FPS = 30.0
#: Items that wait at most where they are read ahead.
AHEAD = 4
_END = object()
Item = TypeVar("Item")
#: Is told how many frames were checked so far, and of how many where that is known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class ClipFrame:
    """One frame: color (H, W, 3) uint8 RGB; rgbd is the same exposure with depth and intrinsics, where known."""

    color: NDArray[np.uint8]
    rgbd: RgbdImage | None = None


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


def read_ahead(items: Iterator[Item], most: int = AHEAD) -> Generator[Item, None, None]:
    """The same items, or the same error, made in a thread that is at most `most` items ahead."""
    with ThreadPoolExecutor(1, "read ahead") as thread:
        try:
            due = deque(thread.submit(next, items, _END) for _ in range(most))
            while (item := due.popleft().result()) is not _END:
                due.append(thread.submit(next, items, _END))
                yield cast(Item, item)
        finally:
            thread.shutdown(cancel_futures=True)
            if isinstance(items, Generator):
                items.close()


class Census:
    """Counts a clip's frames while it is checked; all must have the size of the first."""

    def __init__(self, name: str, progress: Progress | None, total: int | None) -> None:
        self._name = name
        self._progress = progress
        self._total = total
        self.count = 0
        self.size = (0, 0)

    def add(self, width: int, height: int, what: str = "") -> None:
        """Takes the next frame, which messages call `what`.

        Raises:
            CameraError: a size other than the first frame's.
        """
        if not self.count:
            self.size = (width, height)
        if (width, height) != self.size:
            raise CameraError(
                f"{what or f'Frame {self.count}'} of {self._name} is {width}x{height}, "
                f"those before it are {self.size[0]}x{self.size[1]}.",
                "Give frames of one size: resize it, or take it out.",
            )
        self.count += 1
        if self._progress:
            self._progress(self.count, self._total)

    def demand_some(self) -> None:
        """Raises a CameraError where no frame came."""
        if not self.count:
            raise CameraError(f"{self._name} holds no frame.", "Record or export it again.")
