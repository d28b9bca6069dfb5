"""Points of surfaces with their normals, and the space that the camera is known to have looked through."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from scipy.spatial import cKDTree

from core.image import Intrinsics
from core.transforms import Matrix, apply, invert

#: In front of the seen surface by more than this is empty space; depth noise stays below it.
FREE_MARGIN_M = 0.010


@dataclass(frozen=True)
class PointCloud:
    """Points (N, 3) [m] with outward unit normals (N, 3), and how well each was seen (N,) 0..1."""

    points_m: NDArray[np.float64]
    normals: NDArray[np.float64]
    seen: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points_m)

    def __getitem__(self, index: NDArray) -> "PointCloud":
        return PointCloud(self.points_m[index], self.normals[index], self.seen[index])

    def __add__(self, other: "PointCloud") -> "PointCloud":
        return PointCloud(
            np.concatenate([self.points_m, other.points_m]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.seen, other.seen]),
        )


@dataclass(frozen=True)
class FreeSpace:
    """What the camera saw, asked whether a point of the table's frame is known to be empty."""

    nearest_m: NDArray[np.float32]
    intrinsics: Intrinsics
    T_camera_table: Matrix

    @classmethod
    def of(cls, depth_m: NDArray, intrinsics: Intrinsics, T_camera_table: Matrix) -> "FreeSpace":
        """Holes count as unknown, and so does everything within two pixels of one."""
        known = np.where(np.isfinite(depth_m), depth_m, 0).astype(np.float32)
        return cls(minimum_filter(known, 5), intrinsics, T_camera_table)

    def contains(self, points_table: NDArray) -> NDArray[np.bool_]:
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


def thin(points: NDArray, voxel_m: float, salt: NDArray | None = None) -> NDArray[np.intp]:
    """Indices of one point per voxel (and per value of the small integers `salt`)."""
    if not len(points):
        return np.zeros(0, np.intp)
    cells = np.floor((points - points.min(0)) / voxel_m).astype(np.int64)
    key = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    if salt is not None:
        key = key * 64 + salt
    return np.sort(np.unique(key, return_index=True)[1])


def facing(normals: NDArray) -> NDArray[np.int64]:
    """Six classes of direction (N,), so that thinning never merges the two faces of a thin wall."""
    axis = np.abs(normals).argmax(1)
    return axis * 2 + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)


def normals(points: NDArray, camera: NDArray, radius_m: float = 0.009, neighbours: int = 24) -> NDArray[np.float64]:
    """PCA normals (N, 3) over the neighbours within `radius_m`, turned towards `camera` (3,)."""
    k = min(neighbours, len(points))
    distance, index = cKDTree(points).query(points, k=k, distance_upper_bound=radius_m)
    inside = np.isfinite(distance)
    near = points[np.where(inside, index, 0)] - points[:, None]
    near = np.where(inside[..., None], near, 0.0)
    count = inside.sum(1)[:, None]
    mean = near.sum(1) / count
    covariance = np.einsum("nki,nkj->nij", near, near) / count[..., None] - np.einsum("ni,nj->nij", mean, mean)
    normal = np.linalg.eigh(covariance)[1][:, :, 0]
    facing = np.einsum("ni,ni->n", normal, camera - points)
    return normal * np.where(facing < 0, -1.0, 1.0)[:, None]


def observed_surface(
    points_camera: NDArray, weight: NDArray, T_camera_table: Matrix, known: NDArray | None = None
) -> PointCloud:
    """Seen points with normals, in the table's frame: the `known` ones (N, 3), and the points' own where NaN."""
    T_table_camera = invert(T_camera_table)
    points = apply(T_table_camera, points_camera)
    own = normals(points, T_table_camera[:3, 3])
    if known is not None:
        own = np.where(np.isfinite(known).all(1)[:, None], known @ T_camera_table[:3, :3], own)
    return PointCloud(points, own, weight)


def normals_at(points_camera: NDArray, image: NDArray, intrinsics: Intrinsics) -> NDArray[np.float64]:
    """The unit normals (N, 3) that an image (H, W, 3) has at points (N, 3) of its pixels, NaN where it has none."""
    u, v = np.rint(intrinsics.project(points_camera)).astype(int).T
    found = image[v, u].astype(float)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.where(length > 0.1, found / np.maximum(length, 0.1), np.nan)
    away = np.einsum("ni,ni->n", found, points_camera) > 0
    return np.where(away[:, None], -found, found)
