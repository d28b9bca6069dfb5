"""DKT in the cell: one depth now, from the last frame or the last five, kept warm between answers."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.image import RgbdImage
from perception.depth_types import Plane, RelativeDepth
from perception.estimators.dkt.estimator import NEWEST, DktClips
from perception.estimators.dkt.warm_clip import WarmClip, fits_one_window
from perception.estimators.newest_frame import NewestFrame

#: Lengths of clip that are kept warm; any other goes through a stream.
WARM = (1, NEWEST)


class DktNewest:
    """A `DepthEstimator`: the first answer of a length and size warms up for all that follow."""

    is_cheat = False

    def __init__(self, clips: DktClips) -> None:
        self._clips = clips
        self._stream = NewestFrame(clips, NEWEST)
        #: Of one frame size: by number of frames, None where it does not fit on the device.
        self._warm: dict[int, WarmClip | None] = {}
        self._size: tuple[int, ...] = ()
        self._pool = torch.cuda.graph_pool_handle() if clips.model.settings.device.startswith("cuda") else None

    @property
    def name(self) -> str:
        """Of the model as it ran, and what of its speed was left out."""
        lacks = any(warm is not None and warm.lacks_graph for warm in self._warm.values())
        return f"{self._clips.name}, no CUDA graph" if lacks else self._clips.name

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        """See `DepthEstimator.estimate`; at most the last five frames count."""
        recent = frames[-NEWEST:]
        newest = self._newest([frame.color for frame in recent])
        if newest is None:
            return self._stream.estimate(recent, table)
        return RelativeDepth(newest, self._clips.kind, self.name)

    def _newest(self, colors: list[NDArray[np.uint8]]) -> NDArray[np.float32] | None:
        """The last one's map; None where such clips are not kept warm."""
        count, size = len(colors), colors[-1].shape
        if count not in WARM or not fits_one_window(self._clips.model, count):
            return None
        if size != self._size:
            self._warm.clear()
            self._size = size
        try:
            if count not in self._warm:
                self._warm[count] = WarmClip(self._clips.model, count, size[0], size[1], self._pool)
            warm = self._warm[count]
            return None if warm is None else warm.newest(colors)
        except torch.OutOfMemoryError:
            # A stream needs less, and tries a smaller size where that is too much.
            self._warm[count] = None
            logging.getLogger(__name__).warning("No memory to keep clips of %d frames warm: they are streamed", count)
            return None
