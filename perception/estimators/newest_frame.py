"""A clip estimator in the cell, which wants the depth of the newest frame only."""

from collections.abc import Sequence

from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.depth_types import Plane, RelativeDepth
from perception.estimators.base import ClipEstimator


class NewestFrame:
    """A `DepthEstimator` that takes the frames it is given for a clip and answers with its last map."""

    is_cheat = False

    def __init__(self, clip: ClipEstimator, longest: int = 1) -> None:
        """longest: of how many frames, at most, the clip is made; 1 for models of one image."""
        self._clip = clip
        self._longest = longest

    @property
    def name(self) -> str:
        return self._clip.name

    def estimate(self, frames: Sequence[RgbdImage], table: Plane | None) -> RelativeDepth:
        recent = frames[-self._longest :]
        height, width = recent[-1].color.shape[:2]
        stream = self._clip.open(len(recent), height, width)
        maps = [map_ for frame in recent for map_ in stream.push(ClipFrame(frame.color, frame))] + stream.finish()
        return RelativeDepth(maps[-1], self._clip.kind, self.name)
