"""From a depth image to the objects on the table: points, normals, clusters, in the table's frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.errors import PerceptionError
from core.image import Intrinsics
from core.transforms import Matrix, apply, invert, transform
from perception.depth_types import Plane

#: What is lower than this above the table is the table, or lower than so many deviations of its noise.
MIN_HEIGHT_M, MAX_MIN_HEIGHT_M, NOISE_DEVIATIONS = 0.006, 0.016, 3.5
#: Nothing taller is tableware; what is, is an arm, a person or the wall.
MAX_HEIGHT_M = 0.45
#: Clouds are thinned to one point per voxel, and further while there are more points than this.
VOXEL_M, MAX_POINTS = 0.003, 30000
BYSTANDER_VOXEL_M = 0.008
LINK_M = 0.030
MIN_POINTS = 30
#: Two parts of one heap touch in a valley: there the neighbours' normals lean towards each other by
#: more than this. Deep valleys are tried first, shallow ones where what is left is still no one object.
VALLEYS = (0.30, 0.15, 0.08, 0.04)
#: Points of one part hang together within this many spacings of the cloud.
PART_LINK = 1.3
#: Sensors smear outlines onto what is behind and around them. What joins two things is such a skirt:
#: this low, or seen at such a grazing angle (cosine).
SKIRT_M, GRAZING = 0.012, 0.35
MIN_PART_POINTS = 60


@dataclass(frozen=True)
class Surface:
    """Points (N, 3) [m] with outward unit normals (N, 3), and how well each was seen (N,) 0..1."""

    points_m: NDArray[np.float64]
    normals: NDArray[np.float64]
    seen: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points_m)

    def __getitem__(self, index: NDArray) -> "Surface":
        return Surface(self.points_m[index], self.normals[index], self.seen[index])

    def __add__(self, other: "Surface") -> "Surface":
        return Surface(
            np.concatenate([self.points_m, other.points_m]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.seen, other.seen]),
        )


def table_frame(plane: Plane) -> Matrix:
    """T_camera_table: z out of the table, origin under the camera, x where the camera looks."""
    z = plane.normal
    forward = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.95 else np.array([0.0, -1.0, 0.0])
    x = forward - (forward @ z) * z
    x /= np.linalg.norm(x)
    return transform(np.column_stack([x, np.cross(z, x), z]), z * plane.offset_m)


def object_points(
    depth_m: NDArray, intrinsics: Intrinsics, plane: Plane, region: NDArray, confidence: NDArray | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Camera points (N, 3) [m] of the region above the table, thinned, and their confidence (N,).

    Raises:
        PerceptionError: shapes that differ, or no finite depth in the region.
    """
    shape = (intrinsics.height, intrinsics.width)
    for name, image in (("depth", depth_m), ("region", region), ("confidence", confidence)):
        if image is not None and image.shape != shape:
            raise PerceptionError(
                f"The {name} image is {image.shape}, the intrinsics are for {shape}.",
                "Give images of one size, aligned to colour, with the intrinsics of that size.",
            )
    valid = region.astype(bool) & np.isfinite(depth_m) & (depth_m > 0)
    if not valid.any():
        raise PerceptionError(
            "No pixel in the region has a depth.",
            "Check that the camera's depth stream runs and that the region covers the table.",
        )
    points, height = _standing(depth_m, intrinsics, plane, valid)
    weight = (
        np.ones(len(points)) if confidence is None else np.clip(np.nan_to_num(confidence[valid].astype(float)), 0, 1)
    )
    above = (height > _least_height(height)) & (height < MAX_HEIGHT_M)
    points, weight = points[above], weight[above]
    voxel_m, keep = VOXEL_M, thin(points, VOXEL_M)
    while len(keep) > MAX_POINTS:
        voxel_m *= 1.25
        keep = thin(points, voxel_m)
    return points[keep], weight[keep]


def bystanders(depth_m: NDArray, intrinsics: Intrinsics, plane: Plane, region: NDArray) -> NDArray[np.float64]:
    """Camera points (N, 3) [m] that stand on the table outside the region: not to be grasped, nor hit."""
    others = ~region.astype(bool) & np.isfinite(depth_m) & (depth_m > 0)
    points, height = _standing(depth_m, intrinsics, plane, others)
    points = points[(height > MAX_MIN_HEIGHT_M) & (height < MAX_HEIGHT_M)]
    return points[thin(points, BYSTANDER_VOXEL_M)]


def _standing(depth_m: NDArray, intrinsics: Intrinsics, plane: Plane, pixels: NDArray) -> tuple[NDArray, NDArray]:
    """Camera points (N, 3) of some pixels (H, W) and their heights above the table (N,)."""
    points = intrinsics.rays()[pixels].astype(float) * depth_m[pixels][:, None]
    return points, plane.height(points)


def _least_height(height: NDArray) -> float:
    """Where objects begin [m]: above the noise that the table's own points show."""
    table = np.abs(height[np.abs(height) < 0.02])
    noise = 1.48 * float(np.median(table)) if len(table) > 500 else 0.0
    return float(np.clip(NOISE_DEVIATIONS * noise, MIN_HEIGHT_M, MAX_MIN_HEIGHT_M))


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


def clusters(points: NDArray) -> NDArray[np.int32]:
    """Object id of every point (N,): 0, 1, ... by falling size, -1 where too few hang together."""
    coarse = thin(points, LINK_M / 4)
    labels = _linked(points[coarse], LINK_M)[cKDTree(points[coarse]).query(points)[1]]
    return _by_size(labels, MIN_POINTS)


def ridges(surface: Surface, eye: NDArray, reach_m: float = 0.010) -> NDArray[np.float64]:
    """How the normals (N,) open towards their neighbours', in the mean: positive on ridges, negative in
    valleys; minus infinity where the points are smeared between things, as seen from `eye` (3,)."""
    points, to_eye = surface.points_m, eye - surface.points_m
    distance, index = cKDTree(points).query(points, k=min(16, len(points)), distance_upper_bound=reach_m)
    near = np.isfinite(distance) & (distance > 0)
    index = np.where(near, index, 0)
    away = (points[index] - points[:, None]) / np.where(near, distance, 1.0)[..., None]
    opening = np.einsum("nki,nki->nk", surface.normals[index] - surface.normals[:, None], away)
    bend = np.where(near, opening, 0.0).sum(1) / np.maximum(near.sum(1), 1)
    towards_eye = np.einsum("ni,ni->n", surface.normals, to_eye) / np.linalg.norm(to_eye, axis=1)
    return np.where((towards_eye > GRAZING) & (points[:, 2] > SKIRT_M), bend, -np.inf)


def parts(points: NDArray, ridge: NDArray, valley: float) -> NDArray[np.int32]:
    """Part id of every point (N,) of a heap: 0, 1, ... by falling size.

    Points in valleys (`ridges` below -valley) are taken out, what still hangs together is a part, and
    every other point joins the nearest one.
    """
    solid = np.flatnonzero(ridge > -valley)
    link_m = PART_LINK * float(np.median(cKDTree(points).query(points, k=[6])[0]))
    core = _by_size(_linked(points[solid], link_m), MIN_PART_POINTS)
    kept = core >= 0
    if not kept.any():
        return np.zeros(len(points), np.int32)
    return core[kept][cKDTree(points[solid[kept]]).query(points)[1]]


def _linked(points: NDArray, link_m: float) -> NDArray[np.int32]:
    """Component of every point (N,) when all nearer than `link_m` are linked."""
    if not len(points):
        return np.zeros(0, np.int32)
    pairs = cKDTree(points).query_pairs(link_m, output_type="ndarray")
    graph = csr_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2)
    return connected_components(graph, directed=False)[1]


def _by_size(labels: NDArray, least: int) -> NDArray[np.int32]:
    """Labels renumbered by falling size, -1 for those with fewer than `least` members."""
    if not len(labels):
        return labels
    sizes = np.bincount(labels)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), np.int32)
    rank[order] = np.arange(len(sizes))
    rank[sizes < least] = -1
    return rank[labels]


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
) -> Surface:
    """Seen points with normals, in the table's frame: the `known` ones (N, 3), and the points' own where NaN."""
    T_table_camera = invert(T_camera_table)
    points = apply(T_table_camera, points_camera)
    own = normals(points, T_table_camera[:3, 3])
    if known is not None:
        own = np.where(np.isfinite(known).all(1)[:, None], known @ T_camera_table[:3, :3], own)
    return Surface(points, own, weight)


def normals_at(points_camera: NDArray, image: NDArray, intrinsics: Intrinsics) -> NDArray[np.float64]:
    """The unit normals (N, 3) that an image (H, W, 3) has at points (N, 3) of its pixels, NaN where it has none.

    Raises:
        PerceptionError: an image of another shape.
    """
    shape = (intrinsics.height, intrinsics.width, 3)
    if image.shape != shape:
        raise PerceptionError(
            f"The normals are {image.shape}, the intrinsics are for {shape}.",
            "Give the normals of this very image, (height, width, 3).",
        )
    u, v = np.rint(intrinsics.project(points_camera)).astype(int).T
    found = image[v, u].astype(float)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    found = np.where(length > 0.1, found / np.maximum(length, 0.1), np.nan)
    away = np.einsum("ni,ni->n", found, points_camera) > 0
    return np.where(away[:, None], -found, found)
