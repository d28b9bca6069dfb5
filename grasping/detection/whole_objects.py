"""The objects that grasps are looked for on: told apart by perception, or by where their points lie."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label, maximum, minimum
from scipy.spatial import cKDTree

from grasping.detection.completion import complete
from grasping.detection.detector import DetectorInput
from grasping.detection.point_cloud import FreeSpace, PointCloud, normals, thin
from grasping.detection.segmentation import (
    MAX_HEIGHT_M,
    MAX_MIN_HEIGHT_M,
    MIN_POINTS,
    clusters,
    confidence_of,
    object_points,
    thin_to_most,
)
from perception.objects.object_map import ObjectMap

#: All of an object that was told apart and is higher than this belongs to it.
LEAST_HEIGHT_M = 0.003
#: What is so near to an object's outline [px] is its rim.
RIM_PX = 8
#: So is what goes on from it where a mask is too narrow: no farther [px], at most this share of the object's pixels.
NARROW_PX, NARROW_SHARE = 18, 0.04
#: Where an object is thinner than this its front is its back; backs are thinned to one point per voxel of this size,
#: and are known already where a completed surface passes this near.
LEAST_THICKNESS_M, BACK_VOXEL_M, KNOWN_M = 0.002, 0.004, 0.006


def find_objects(given: DetectorInput) -> tuple[NDArray, NDArray, NDArray[np.int32], NDArray]:
    """Camera points (N, 3) [m] of what stands in the region, thinned; their confidence (N,), object (N,; -1 for none),
    and where the rays through them leave the object (N, 3), NaN where nobody knows.

    Objects that perception told apart come first; what stands besides them follows: `may_be_grasped` tells it.

    Raises:
        PerceptionError: no finite depth in the region, where nothing was told apart.
    """
    if given.objects is not None and given.objects.count:
        told, rest = _points_of(given, given.objects), _points_besides(given, given.objects)
        labels = np.where(rest[2] >= 0, rest[2] + given.objects.count, -1).astype(np.int32)
        both = (told[0], rest[0]), (told[1], rest[1]), (told[2], labels), (told[3], rest[3])
        points, weight, labels, backs = (np.concatenate(pair) for pair in both)
        return points, weight, labels, backs
    points, weight = object_points(given)
    labels = clusters(points) if len(points) else np.zeros(0, np.int32)
    return points, weight, labels, np.full_like(points, np.nan)


def may_be_grasped(labels: NDArray[np.int32], given: DetectorInput) -> NDArray[np.bool_]:
    """(N,) Whether labels of `find_objects` are of objects to grasp: what nobody told apart is only kept clear of."""
    told = 0 if given.objects is None else given.objects.count
    return labels < told if told else labels >= 0


def _points_of(given: DetectorInput, objects: ObjectMap) -> tuple[NDArray, NDArray, NDArray[np.int32], NDArray]:
    pixels = objects.mask & np.isfinite(given.depth_m) & (given.depth_m > 0)
    rays, depth_m = given.intrinsics.rays()[pixels].astype(float), given.depth_m[pixels].astype(float)
    thick_m = objects.thickness_m[pixels].astype(float)
    points = rays * depth_m[:, None]
    backs = rays * np.where(thick_m > LEAST_THICKNESS_M, depth_m + thick_m, np.nan)[:, None]
    height = given.plane.height(points)
    above = (height > LEAST_HEIGHT_M) & (height < MAX_HEIGHT_M)
    points, backs, weight = points[above], backs[above], confidence_of(given, pixels)[above]
    ids = objects.ids[pixels][above]
    keep = thin_to_most(points, np.minimum(ids, 63))
    counts = np.bincount(ids[keep], minlength=objects.count + 1)
    labels = np.where(counts[ids[keep]] >= MIN_POINTS, ids[keep] - 1, -1).astype(np.int32)
    return points[keep], weight[keep], labels, backs[keep]


def _points_besides(given: DetectorInput, objects: ObjectMap) -> tuple[NDArray, NDArray, NDArray[np.int32], NDArray]:
    """As `find_objects`, of what stands in the region and is of no object: an estimator saw it, perception told
    nothing of it. The soft rim of objects does not count."""
    height_m = given.plane.height(given.intrinsics.rays() * given.depth_m[..., None])
    stands = given.region & (given.depth_m > 0) & (height_m > MAX_MIN_HEIGHT_M) & (height_m < MAX_HEIGHT_M)
    besides = _without_narrow_masks(stands & ~objects.within(RIM_PX), stands, objects)
    points = given.intrinsics.rays()[besides].astype(float) * given.depth_m[besides][:, None]
    weight = confidence_of(given, besides)
    keep = thin_to_most(points)
    points, weight = points[keep], weight[keep]
    labels = clusters(points) if len(points) else np.zeros(0, np.int32)
    return points, weight, labels, np.full_like(points, np.nan)


def _without_narrow_masks(
    besides: NDArray[np.bool_], stands: NDArray[np.bool_], objects: ObjectMap
) -> NDArray[np.bool_]:
    """(H, W) what is besides the objects, but for what goes on from one's outline where its mask is too narrow."""
    pieces, count = label(besides, np.ones((3, 3)))
    if not count:
        return besides
    far_px, nearest = distance_transform_edt(~objects.mask, return_indices=True)
    whole, _ = label(stands | objects.mask, np.ones((3, 3)))
    goes_on = whole == whole[tuple(nearest)]
    numbers = np.arange(1, count + 1)
    size_px = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    owner = maximum(objects.ids[tuple(nearest)], pieces, numbers).astype(int)
    is_its = (maximum(far_px, pieces, numbers) <= NARROW_PX) & (minimum(goes_on, pieces, numbers) > 0)
    is_its &= size_px <= NARROW_SHARE * np.bincount(objects.ids.ravel())[owner]
    return np.asarray(besides & ~np.append(False, is_its)[pieces])


def complete_object(front: PointCloud, backs: NDArray, space: FreeSpace) -> PointCloud:
    """One object: what is seen of it, what symmetry adds, and its back as perception believes it.

    backs (N, 3) [m]: in the table's frame, NaN where nobody knows; marked as not seen.
    """
    known = complete(front, space).surface
    points = backs[np.isfinite(backs).all(1)]
    points = points[points[:, 2] > 0]
    points = points[thin(points, BACK_VOXEL_M)]
    if len(points) < MIN_POINTS:
        return known
    back = PointCloud(points, -normals(points, space.eye), np.zeros(len(points)))
    distance, index = cKDTree(known.points_m).query(points, distance_upper_bound=KNOWN_M)
    is_new = ~np.isfinite(distance)
    is_new[~is_new] = np.einsum("ni,ni->n", known.normals[index[~is_new]], back.normals[~is_new]) < 0.3
    return known + back[is_new]
