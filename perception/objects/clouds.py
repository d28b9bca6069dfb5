"""Depth images as clouds: organised while pixels matter, thinned where only the shape does."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics

#: A pixel flies where depth jumps by this share of itself towards a neighbour on both sides of it.
FLYING_JUMP = 0.015


def organised_cloud(depth_m: NDArray[np.float32], intrinsics: Intrinsics) -> NDArray[np.float32]:
    """(H, W, 3) points [m] in the camera frame, NaN where depth is."""
    depth = np.where(depth_m > 0, depth_m, np.nan)
    return (intrinsics.rays() * depth[..., None]).astype(np.float32)


def flying_pixels(depth_m: NDArray[np.float32], jump: float = FLYING_JUMP) -> NDArray[np.bool_]:
    """(H, W) pixels that hang between a near and a far surface along a row or a column.

    Such a pixel is nearer than one neighbour and farther than the opposite one, each by more than
    `jump` of its depth: real surfaces step once, averaged pixels step twice.
    """
    flying = np.zeros(depth_m.shape, bool)
    for axis in (0, 1):
        depth = np.moveaxis(depth_m, axis, 0)
        middle = depth[1:-1]
        with np.errstate(invalid="ignore"):
            before, after = (depth[:-2] - middle) / middle, (depth[2:] - middle) / middle
            hangs = ((before > jump) & (after < -jump)) | ((before < -jump) & (after > jump))
        np.moveaxis(flying, axis, 0)[1:-1] |= hangs
    return flying


def without_flying_pixels(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """The depth image with its flying pixels turned to holes."""
    return np.where(flying_pixels(depth_m), np.nan, depth_m).astype(np.float32)


def save_cloud(path: Path, points_m: NDArray, colors: NDArray[np.uint8] | None = None) -> None:
    """Writes points (..., 3) [m], with uint8 RGB of the same shape if given, as a .ply; holes are left out."""
    import open3d

    points = points_m.reshape(-1, 3)
    seen = np.isfinite(points).all(axis=1)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points[seen].astype(np.float64)))
    if colors is not None:
        cloud.colors = open3d.utility.Vector3dVector(colors.reshape(-1, 3)[seen] / 255.0)
    if not open3d.io.write_point_cloud(path, cloud):
        raise OSError(f"cannot write the cloud {path}")
