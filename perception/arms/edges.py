"""Where a picture has edges, and which way they run: what the outline of an arm is compared with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.arms.outline import ArmEdges

#: Directions told apart, over half a turn.
_DIRECTIONS = 8
#: A step of colour this steep [levels of 255 a pixel] is an edge for sure; smoothed before (sigma) [px].
_SURE_STEP, _SMOOTH_PX = 12.0, 1.0
#: Part of the gradient that must lie along a direction to be of it: within 26 degrees.
_ALONG = 0.9
#: How far an edge may lie from where it is drawn [px].
_REACH_PX = 2


@dataclass(frozen=True)
class PictureEdges:
    """strength (D, H, W) 0..1: how sure there is an edge within reach of a pixel, of which the normal points along
    direction k half turns / D."""

    strength: NDArray[np.float32]

    @classmethod
    def of(cls, color: NDArray[np.uint8]) -> "PictureEdges":
        """Of a picture (H, W, 3): in each pixel the colour channel that changes most speaks."""
        import cv2

        smooth = cv2.GaussianBlur(np.ascontiguousarray(color), (0, 0), _SMOOTH_PX)
        # Sobel's weights sum to 8.
        x, y = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
        steepest = np.argmax(x**2 + y**2, axis=2)[..., None]
        x, y = (np.take_along_axis(one, steepest, axis=2)[..., 0] for one in (x, y))
        size = np.hypot(x, y)
        reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _REACH_PX + 1, 2 * _REACH_PX + 1))
        strength = np.empty((_DIRECTIONS, *size.shape), np.float32)
        for k, angle in enumerate(np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS):
            along = np.abs(x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)))
            sure = np.where(along > _ALONG * size, np.minimum(along / _SURE_STEP, 1.0), 0.0)
            strength[k] = cv2.dilate(sure.astype(np.float32), reach)
        return cls(strength)

    def support(self, edges: ArmEdges) -> NDArray[np.float32]:
        """How sure there is one where each edge of a drawing is (N,)."""
        turns = np.arctan2(edges.normals[:, 1], edges.normals[:, 0]) / np.pi
        directions = np.rint(turns * _DIRECTIONS).astype(int) % _DIRECTIONS
        return self.strength[directions, edges.pixels[:, 1], edges.pixels[:, 0]]
