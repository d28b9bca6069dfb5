"""From a depth image to the objects on the table: points above it, clusters, and the objects that explain those."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.errors import PerceptionError
from core.transforms import Matrix, transform
from grasping.detection.completion import Completed, complete
from grasping.detection.detector import DetectorInput
from grasping.detection.point_cloud import FreeSpace, PointCloud, thin
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
#: Explained so well, a cluster is one object and not looked into any further; it is split only where the parts
#: are explained this much better than the whole.
SURE, GAIN = 0.95, 0.05


def table_frame(plane: Plane) -> Matrix:
    """T_camera_table: z out of the table, origin under the camera, x where the camera looks."""
    z = plane.normal
    forward = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.95 else np.array([0.0, -1.0, 0.0])
    x = forward - (forward @ z) * z
    x /= np.linalg.norm(x)
    return transform(np.column_stack([x, np.cross(z, x), z]), z * plane.offset_m)


def object_points(given: DetectorInput) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Camera points (N, 3) [m] of the region above the table, thinned, and their confidence (N,).

    Raises:
        PerceptionError: no finite depth in the region.
    """
    valid = given.region.astype(bool) & np.isfinite(given.depth_m) & (given.depth_m > 0)
    if not valid.any():
        raise PerceptionError(
            "No pixel in the region has a depth.",
            "Check that the camera's depth stream runs and that the region covers the table.",
        )
    points, height = _standing(given, valid)
    weight = confidence_of(given, valid)
    # Objects begin above the noise that the table's own points show.
    table = np.abs(height[np.abs(height) < 0.02])
    noise = 1.48 * float(np.median(table)) if len(table) > 500 else 0.0
    least = np.clip(NOISE_DEVIATIONS * noise, MIN_HEIGHT_M, MAX_MIN_HEIGHT_M)
    above = (height > least) & (height < MAX_HEIGHT_M)
    points, weight = points[above], weight[above]
    keep = thin_to_most(points)
    return points[keep], weight[keep]


def confidence_of(given: DetectorInput, pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) of some pixels (H, W); 1 where none is told."""
    if given.confidence is None:
        return np.ones(int(pixels.sum()))
    return np.clip(np.nan_to_num(given.confidence[pixels].astype(float)), 0, 1)


def thin_to_most(points: NDArray, salt: NDArray | None = None) -> NDArray[np.intp]:
    """Indices of points (N, 3) thinned as `thin` does, and further while there are more than `MAX_POINTS`."""
    voxel_m, keep = VOXEL_M, thin(points, VOXEL_M, salt)
    while len(keep) > MAX_POINTS:
        voxel_m *= 1.25
        keep = thin(points, voxel_m, salt)
    return keep


def bystanders(given: DetectorInput) -> NDArray[np.float64]:
    """Camera points (N, 3) [m] that stand on the table outside the region: not to be grasped, nor hit."""
    others = ~given.region.astype(bool) & np.isfinite(given.depth_m) & (given.depth_m > 0)
    points, height = _standing(given, others)
    points = points[(height > MAX_MIN_HEIGHT_M) & (height < MAX_HEIGHT_M)]
    return points[thin(points, BYSTANDER_VOXEL_M)]


def _standing(given: DetectorInput, pixels: NDArray) -> tuple[NDArray, NDArray]:
    """Camera points (N, 3) of some pixels (H, W) and their heights above the table (N,)."""
    points = given.intrinsics.rays()[pixels].astype(float) * given.depth_m[pixels][:, None]
    return points, given.plane.height(points)


def clusters(points: NDArray) -> NDArray[np.int32]:
    """Object id of every point (N,): 0, 1, ... by falling size, -1 where too few hang together."""
    coarse = thin(points, LINK_M / 4)
    labels = _components(points[coarse], LINK_M)[cKDTree(points[coarse]).query(points)[1]]
    return _by_size(labels, MIN_POINTS)


def ridges(surface: PointCloud, eye: NDArray, reach_m: float = 0.010) -> NDArray[np.float64]:
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
    core = _by_size(_components(points[solid], link_m), MIN_PART_POINTS)
    kept = core >= 0
    if not kept.any():
        return np.zeros(len(points), np.int32)
    return core[kept][cKDTree(points[solid[kept]]).query(points)[1]]


def _components(points: NDArray, link_m: float) -> NDArray[np.int32]:
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


def explain(
    surface: PointCloud, labels: NDArray[np.int32], cut_off: NDArray[np.bool_], space: FreeSpace
) -> tuple[list[PointCloud], NDArray[np.int32]]:
    """The completed objects in the clusters that `labels` (N,) numbers, and the object of every point (N,).

    Clusters that the image's edge cuts off (N,) are walls and arms, not heaps: these are parted at their
    deepest valleys only, from what stands before them.
    """
    ridge = ridges(surface, space.eye)
    objects: list[PointCloud] = []
    ids = np.empty(len(surface), np.int32)
    for k in range(labels.max() + 1):
        cluster = np.flatnonzero(labels == k)
        valleys = VALLEYS[:1] if cut_off[cluster[0]] else VALLEYS
        for members, whole in _split(surface, ridge, cluster, space, valleys):
            ids[members] = len(objects)
            objects.append(whole.surface)
    return objects, ids


def _split(
    surface: PointCloud, ridge: NDArray, members: NDArray, space: FreeSpace, valleys: tuple[float, ...]
) -> list[tuple[NDArray, Completed]]:
    """The members (indices) as one object, or split along their valleys, the deepest first, where that
    explains them better."""
    whole = complete(surface[members], space)
    if whole.sureness >= SURE:
        return [(members, whole)]
    while valleys:
        part, valleys = parts(surface.points_m[members], ridge[members], valleys[0]), valleys[1:]
        if part.max() > 0:
            pieces = [members[part == j] for j in range(part.max() + 1)]
            split = [found for piece in pieces for found in _split(surface, ridge, piece, space, valleys)]
            sureness = sum(len(piece) * thing.sureness for piece, thing in split) / len(members)
            return split if sureness > whole.sureness + GAIN else [(members, whole)]
    return [(members, whole)]
