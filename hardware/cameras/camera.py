"""The camera interface: freshness is part of it, so no caller can act on an old picture."""

from typing import Protocol

from hardware.cameras.frame import Intrinsics, RgbdFrame


class Camera(Protocol):
    """A source of `RgbdFrame`s: a D435, a recording, or the digital cell's renderer.

    Use as a context manager; `close` is idempotent. Every failure is a `CameraError`.
    """

    @property
    def name(self) -> str:
        """What reports call it: `d435 <serial>`, `sim`, or the recording's path."""
        ...

    @property
    def intrinsics(self) -> Intrinsics: ...

    @property
    def is_live(self) -> bool:
        """False for recordings: nothing may move on what they show."""
        ...

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame exposed after this call.

        Raises:
            CameraError: no new frame within `timeout_s` of the camera's clock, a repeated frame
                number, or the end of a recording (`EndOfRecording`).
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> "Camera": ...

    def __exit__(self, *exc: object) -> None: ...
