"""Whether a live camera's pictures are lit as they were: a lamp that goes out, a lens that is covered."""

import logging
from collections import deque

import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError

_log = logging.getLogger(__name__)

#: Of 255: a picture whose median lies beyond these shows nothing. Auto-exposure holds about 100 to 130.
BLACK, BURNT = 8, 250
#: Told where the median of the newest frames and that of the first differ by this factor.
DRIFT = 1.6
#: Frames whose medians make one level.
_COUNT = 5


class ExposureWatch:
    """Compares what a camera gives with its own first frames."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._newest: deque[float] = deque(maxlen=_COUNT)

    def check(self, color: NDArray[np.uint8], camera: str) -> None:
        """Warns of a drift, and takes the new level for granted from then on.

        Args:
            color: (H, W, 3).

        Raises:
            CameraError: black or burnt.
        """
        level = float(np.median(color[::4, ::4]))
        if not BLACK < level < BURNT:
            raise CameraError(
                f"The picture of {camera} is {'black' if level <= BLACK else 'burnt out'} (median {level:.0f} of 255).",
                "Uncover the lens, look at the lamps, then start again; auto-exposure must be on.",
            )
        self._newest.append(level)
        if len(self._first) < _COUNT:
            self._first.append(level)
            return
        before, now = float(np.median(self._first)), float(np.median(self._newest))
        if max(before, now) > DRIFT * min(before, now):
            text = "%s: brightness drifted from %.0f to %.0f of 255; has the light changed?"
            _log.warning(text, camera, before, now)
            self._first = list(self._newest)
