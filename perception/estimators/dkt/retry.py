"""A clip that does not fit into the device's memory is tried once more, at half the size, and says so."""

import gc
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import PerceptionError
from perception.estimators.dkt.stream import DktStream
from perception.estimators.specification import Observation
from perception.out_of_memory import is_out_of_memory

Size = tuple[int, int]
Maps = list[NDArray[np.float32]]


def smaller(size: Size, multiple: int) -> Size:
    """The declared smaller setting: half of each side, rounded down to the model's multiple."""
    width, height = (max(multiple, side // 2 // multiple * multiple) for side in size)
    return width, height


class RetryStream:
    """A `ModelStream` that starts again at `fallback` where memory runs out before its first maps are out.

    Until then it keeps the frames: those of a window and of a stride for every further step. Where
    `fallback` is `size` it keeps none, and a lack of memory is an error. `size` says at which it runs.
    """

    def __init__(self, open_at: Callable[[Size], DktStream], size: Size, fallback: Size) -> None:
        self.size = size
        self._open_at, self._fallback = open_at, fallback
        self._stream: DktStream | None = open_at(size)
        self._kept: list[NDArray[np.uint8]] | None = None if size == fallback else []

    def push(self, seen: Observation) -> Maps:
        """See `ModelStream.push`.

        Raises:
            PerceptionError: no memory at the smaller size either, or once maps were given.
        """
        if self._kept is not None:
            self._kept.append(seen.color)
        return self._run(lambda stream: stream.push(seen))

    def finish(self) -> Maps:
        return self._run(lambda stream: stream.finish(), is_end=True)

    def state(self) -> dict[str, Any]:
        kept = None if self._kept is None else [torch.from_numpy(np.ascontiguousarray(color)) for color in self._kept]
        return {"size": self.size, "stream": self._opened.state(), "kept": kept}

    def restore(self, state: dict[str, Any]) -> None:
        kept = state["kept"]
        self.size, self._kept = state["size"], None if kept is None else [color.numpy() for color in kept]
        self._stream = self._open_at(self.size)
        self._stream.restore(state["stream"])

    @property
    def _opened(self) -> DktStream:
        assert self._stream is not None
        return self._stream

    def _run(self, step: Callable[[DktStream], Maps], is_end: bool = False) -> Maps:
        try:
            maps = step(self._opened)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            # Outside the handler the error, and with it the memory that its frames hold, is gone.
            maps = None
        if maps is None:
            maps = self._again(is_end)
        if maps:
            self._kept = None
        return maps

    def _again(self, is_end: bool) -> Maps:
        width, height = self.size
        if self._kept is None or self.size == self._fallback:
            raise PerceptionError(
                f"DKT ran out of the device's memory at {width}x{height}.",
                "Close what else uses the device, or try a smaller --size, a shorter --window, or --device cpu.",
            )
        logging.getLogger(__name__).warning(
            "No memory for %dx%d: the clip starts again at %dx%d", width, height, *self._fallback
        )
        self._stream = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.size = self._fallback
        self._stream = self._open_at(self.size)
        kept, self._kept = self._kept, []
        maps = [a_map for color in kept for a_map in self.push(Observation(color))]
        return maps + self.finish() if is_end else maps
