"""A picture: colour, the depth aligned to it, and the pinhole it was seen through."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole intrinsics [px] of an undistorted image, OpenCV pixel centres at integers."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3x3 camera matrix K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> "Intrinsics":
        """Those of the same view in a picture of another size [px]."""
        x, y = width / self.width, height / self.height
        return Intrinsics(width, height, self.fx * x, self.fy * y, (self.cx + 0.5) * x - 0.5, (self.cy + 0.5) * y - 0.5)

    def rays(self) -> NDArray[np.float32]:
        """(H, W, 3) directions through every pixel with z = 1: depth times ray is the point."""
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0] = (np.arange(self.width) - self.cx) / self.fx
        rays[..., 1] = ((np.arange(self.height) - self.cy) / self.fy)[:, None]
        return rays

    def project(self, points_camera_m: NDArray) -> NDArray[np.float64]:
        """(N, 2) pixels of points (N, 3) in the camera frame."""
        p = np.asarray(points_camera_m, float)
        return np.stack([self.fx * p[:, 0] / p[:, 2] + self.cx, self.fy * p[:, 1] / p[:, 2] + self.cy], 1)


@dataclass(frozen=True)
class RgbdImage:
    """color: (H, W, 3) uint8 RGB. depth_m: (H, W) float32 metres along the optical axis, NaN where there is none."""

    color: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    intrinsics: Intrinsics


def depth_unit_m(depth: NDArray[Any], said: float | None = None) -> float:
    """Metres in a unit of depth; where nobody said: 1 for floating-point numbers, and whole numbers are millimetres."""
    return said if said is not None else 1.0 if depth.dtype.kind == "f" else 0.001


def known_depth(depth_m: NDArray[Any]) -> NDArray[np.float32]:
    """Depth [m] with NaN where it is not positive or not finite."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan).astype(np.float32)
