"""The camera interface: freshness is part of it, so no caller can act on an old picture."""

from dataclasses import replace
from typing import Protocol, Self

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame


class EndOfRecording(CameraError):  # noqa: N818 - an end, not an error to mend
    """A recording whose frames, `count` of them, have all been read."""

    def __init__(self, name: str, count: int) -> None:
        numbered = "Choose frame 0." if count == 1 else f"Choose a frame from 0 to {count - 1}."
        super().__init__(f"{name} has {count} frame{'s' * (count != 1)}.", numbered)


class Freshness:
    """Remembers the last frame a source gave and refuses to give it, or an older one, again."""

    def __init__(self) -> None:
        self._number = -1
        self._stamp_s = float("-inf")

    def admits(self, number: int, stamp_s: float) -> bool:
        """Whether a frame is newer than every frame admitted before; if so it becomes the last."""
        if number <= self._number or stamp_s <= self._stamp_s:
            return False
        self._number, self._stamp_s = number, stamp_s
        return True


class Camera(Protocol):
    """A source of `RgbdFrame`s: a D435, a recording, or the digital cell's renderer.

    Implementations inherit from it. Use as a context manager; `close` is idempotent. Every failure is a `CameraError`.
    """

    #: What reports call it: `d435 <serial>`, `sim`, or the recording's path.
    name: str
    intrinsics: Intrinsics
    #: False for recordings: nothing may move on what they show.
    is_live: bool
    #: What people should know of how a recording is read: what is made of it, and what is left out.
    notes: tuple[str, ...] = ()

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame exposed after this call.

        Raises:
            CameraError: no new frame within `timeout_s` of the camera's clock, a repeated frame
                number, or the end of a recording (`EndOfRecording`).
        """
        ...

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        """A picture for people to look at, from any thread; nothing may act on it. None where there is none to be had
        beside what is read, as from recordings and from the digital cell, which draws what is asked for alone."""
        return None

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class CorrectedCamera(Camera):
    """A camera whose pictures carry other intrinsics than it states: those that a calibration found."""

    def __init__(self, camera: Camera, intrinsics: Intrinsics) -> None:
        self._camera, self.intrinsics = camera, intrinsics
        self.name, self.is_live, self.notes = camera.name, camera.is_live, camera.notes

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        return replace(self._camera.read(timeout_s), intrinsics=self.intrinsics)

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        frame = self._camera.glance(timeout_s)
        return None if frame is None else replace(frame, intrinsics=self.intrinsics)

    def close(self) -> None:
        self._camera.close()
