"""Which depth and infrared images belong to which colour image, by the times they were exposed."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

#: A stream of a recording: its kind in lower case, and its index (infrared has two).
StreamKey = tuple[str, int]
COLOR: StreamKey = ("color", 0)
DEPTH: StreamKey = ("depth", 0)
INFRARED: tuple[StreamKey, StreamKey] = (("infrared", 1), ("infrared", 2))


class Stamped(Protocol):
    """Anything with a time of exposure [ms], such as a frame of librealsense."""

    @property
    def timestamp(self) -> float: ...


F = TypeVar("F", bound=Stamped)


class ExposureMatcher(Generic[F]):
    """Pairs the streams of one recording: what was exposed together comes out together.

    A D435's colour sensor runs free of its depth sensor, so their stamps differ by milliseconds even
    in the same exposure; what belongs together lies within half a colour frame's time. Every frame
    is used at most once, and a colour image without depth of its time is passed over.

    Args:
        others: the streams to be found for each colour image.
        required: those of them without which a colour image is passed over.
        tolerance_ms: the largest time between frames of one exposure.
        depth: how many frames of a stream are kept while another catches up (librealsense reads ten ahead).
    """

    def __init__(
        self,
        others: Iterable[StreamKey],
        required: Iterable[StreamKey],
        tolerance_ms: float,
        depth: int = 32,
    ) -> None:
        self._pending: deque[F] = deque()
        self._others: dict[StreamKey, deque[F]] = {key: deque(maxlen=depth) for key in others}
        self._required = frozenset(required)
        self._tolerance_ms = tolerance_ms
        self._depth = depth
        self._finished = False

    def add(self, key: StreamKey, frame: F) -> None:
        """Takes one frame; each stream's frames come in the order of their stamps."""
        if key == COLOR:
            self._pending.append(frame)
        elif key in self._others:
            self._others[key].append(frame)

    def finish(self) -> None:
        """No more frames will come: what still waits is decided with what there is."""
        self._finished = True

    def pop(self) -> dict[StreamKey, F] | None:
        """The next whole exposure by stream, or None until more frames are added."""
        while self._pending:
            stamp_ms = self._pending[0].timestamp
            # It waits until no frame still to come can be nearer than those at hand, or too many wait behind it.
            if not (self._finished or len(self._pending) > self._depth) and not all(
                frames and frames[-1].timestamp >= stamp_ms for frames in self._others.values()
            ):
                return None
            exposure = {COLOR: self._pending.popleft()}
            for key, frames in self._others.items():
                while len(frames) > 1 and abs(frames[1].timestamp - stamp_ms) <= abs(frames[0].timestamp - stamp_ms):
                    frames.popleft()
                if frames and abs(frames[0].timestamp - stamp_ms) < self._tolerance_ms:
                    exposure[key] = frames.popleft()
            if self._required <= exposure.keys():
                return exposure
        return None
