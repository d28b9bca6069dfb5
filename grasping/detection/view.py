"""What the camera saw, asked about places it did not measure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from core.image import Intrinsics
from core.transforms import Matrix, apply, invert

#: In front of the seen surface by more than this is empty space; depth noise stays below it.
FREE_MARGIN_M = 0.010


@dataclass(frozen=True)
class View:
    """What the camera saw, asked whether a point of the table's frame is known to be empty."""

    nearest_m: NDArray[np.float32]
    intrinsics: Intrinsics
    T_camera_table: Matrix

    @classmethod
    def of(cls, depth_m: NDArray, intrinsics: Intrinsics, T_camera_table: Matrix) -> "View":
        """Holes count as unknown, and so does everything within two pixels of one."""
        known = np.where(np.isfinite(depth_m), depth_m, 0).astype(np.float32)
        return cls(minimum_filter(known, 5), intrinsics, T_camera_table)

    def is_free(self, points_table: NDArray) -> NDArray[np.bool_]:
        """(N,) True where the camera looked through the point (N, 3)."""
        points = apply(self.T_camera_table, points_table)
        ahead = points[:, 2] > 0.05
        pixel = np.rint(self.intrinsics.project(np.where(ahead[:, None], points, [0, 0, 1]))).astype(int)
        u, v = pixel[:, 0], pixel[:, 1]
        inside = ahead & (u >= 0) & (v >= 0) & (u < self.intrinsics.width) & (v < self.intrinsics.height)
        nearest = self.nearest_m[np.where(inside, v, 0), np.where(inside, u, 0)]
        return inside & (points[:, 2] < nearest - FREE_MARGIN_M)

    @property
    def eye(self) -> NDArray[np.float64]:
        """(3,) where the camera is, in the table's frame."""
        return invert(self.T_camera_table)[:3, 3]
