"""A clip of colour frames: what a video estimator reads, wherever it comes from."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

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


class FileClip(Generic[Item]):
    """A clip that is played from its file's beginning each time; its frames are counted when it is opened."""

    fps = NOMINAL_FPS

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self.name = str(path)
        self.count = self.width = self.height = 0
        self._path = path
        self._progress = progress

    def frames(self, start: int = 0) -> Iterator[ClipFrame]:
        number = -1
        for number, frame in enumerate(self._play()):
            if number >= start:
                yield self._convert(frame)
        if number + 1 != self.count:
            raise CameraError(
                f"{self.name} had {self.count} frames and now has {number + 1}.", "Leave the file alone; run it again."
            )

    def _play(self) -> Iterator[Item]:
        raise NotImplementedError

    def _convert(self, frame: Item) -> ClipFrame:
        raise NotImplementedError

    def _count_frame(self, width: int, height: int, total: int | None, what: str = "") -> None:
        """Takes the next frame, of `total` where that is known; messages call it `what`.

        Raises:
            CameraError: a size other than the first frame's.
        """
        if not self.count:
            self.width, self.height = width, height
        if (width, height) != (self.width, self.height):
            raise CameraError(
                f"{what or f'Frame {self.count}'} of {self.name} is {width}x{height}, "
                f"those before it are {self.width}x{self.height}.",
                "Give frames of one size: resize it, or take it out.",
            )
        self.count += 1
        if self._progress:
            self._progress(self.count, total)

    def _demand_frames(self) -> None:
        if not self.count:
            raise CameraError(f"{self.name} holds no frame.", "Record or export it again.")
