"""A camera that fails when it is told to: whatever can be wrong with a real one, behind the same interface."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.clock import Clock
from core.errors import CameraError
from core.image import RgbdImage
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame


@dataclass
class CameraFaults:
    """To be switched on at any time. raises: what `read` ends with; age_s: frames are stamped so long ago."""

    raises: CameraError | None = None
    hangs: Callable[[], None] | None = None  # waits in the driver
    repeats: bool = False  # the frame before, again
    age_s: float = 0.0
    no_depth: bool = False
    covered: bool = False  # a cloth over the tags
    black: bool = False


class FaultyCamera(Camera):
    """Passes on another camera's frames, spoilt as `faults` says."""

    is_live = True

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self._camera, self._clock = camera, clock
        self.name, self.intrinsics = camera.name, camera.intrinsics
        self.faults = CameraFaults()
        self._last: RgbdFrame | None = None

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        faults = self.faults
        if faults.raises is not None:
            self._clock.sleep(timeout_s)  # a driver notices no sooner
            raise faults.raises
        if faults.hangs is not None:
            faults.hangs()
        if not (faults.repeats and self._last is not None):
            self._last = self._camera.read(timeout_s)
        frame = replace(self._last, stamp_s=self._last.stamp_s - faults.age_s)
        if faults.no_depth:
            frame = replace(frame, depth_m=np.full_like(frame.depth_m, np.nan))
        if faults.covered or faults.black:
            frame = replace(frame, color=np.full_like(frame.color, 90 if faults.covered else 0))
        return frame

    def truth(self, image: RgbdImage) -> np.ndarray:
        return self._camera.truth(image)  # type: ignore[attr-defined,no-any-return]

    def close(self) -> None:
        self._camera.close()
