"""What every depth estimator is."""

from collections.abc import Sequence
from typing import Protocol

from hardware.cameras.frame import RgbdFrame
from perception.depth_types import Plane, RelativeDepth


class DepthEstimator(Protocol):
    """Colour (or whatever the frames hold) in, relative depth of the newest frame out."""

    #: What logs and pages call it; says so where it cheats.
    name: str
    #: It looks at the simulator's truth: a measure of the other stages, never a result.
    is_cheat: bool

    def estimate(self, frames: Sequence[RgbdFrame], table: Plane | None) -> RelativeDepth:
        """Depth of the last of one or more consecutive frames; `table` is its plane where known.

        Raises:
            PerceptionError: these frames give no depth.
        """
        ...
