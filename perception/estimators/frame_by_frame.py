"""Clips for models that look at one picture at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from hardware.cameras.clips.clip import ClipFrame


class FrameByFrame:
    """A `MapStream` over a function of one colour image: every map is final at once, nothing is remembered."""

    def __init__(
        self, name: str, see: Callable[[NDArray[np.uint8]], NDArray[np.float32]], height: int, width: int
    ) -> None:
        """see maps colour (H, W, 3) uint8 RGB to a map (H, W) or (H, W, 3) of the same size."""
        self._name = name
        self._see = see
        self._size = (height, width)

    def push(self, frame: ClipFrame) -> list[NDArray[np.float32]]:
        """See `MapStream.push`."""
        demand_size(self._name, frame, self._size)
        answer = np.asarray(self._see(frame.color), np.float32)
        if answer.shape[:2] != self._size or not np.isfinite(answer).all():
            raise PerceptionError(
                f"{self._name} gives a map of shape {answer.shape}, finite on "
                f"{np.isfinite(answer).mean():.0%} of it, for a frame of {self._size[1]}x{self._size[0]}.",
                "Check its weights (python main.py weights verify), or try --dtype float32.",
            )
        return [answer]

    def finish(self) -> list[NDArray[np.float32]]:
        """Nothing is ever due."""
        return []

    def state(self) -> dict[str, Any]:
        """Nothing: no frame depends on another."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on."""


def demand_size(name: str, frame: ClipFrame, size: tuple[int, int]) -> None:
    """Raises a PerceptionError unless the frame has the size (height, width) that the stream was opened for."""
    if frame.color.shape[:2] != size:
        height, width = frame.color.shape[:2]
        raise PerceptionError(
            f"{name} was opened for frames of {size[1]}x{size[0]} and got one of {width}x{height}.",
            "Give frames of one size.",
        )
