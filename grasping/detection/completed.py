"""The things on a table as closed surfaces, seen and completed: what detectors that need whole objects look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from core.transforms import Matrix, apply, invert
from grasping.detection.confidence import note_of_unsure
from grasping.detection.detector import DetectorInput
from grasping.detection.point_cloud import FreeSpace, PointCloud, normals_at, observed_surface, thin
from grasping.detection.segmentation import bystanders, explain, table_frame
from grasping.detection.whole_objects import LEAST_HEIGHT_M, complete_object, find_objects, may_be_grasped
from perception.objects.object_map import ObjectMap

#: What comes this near to the image's edge [px] is cut off by it.
EDGE_PX = 4
#: What was seen at all, however doubtful, is told by this from what was completed.
LEAST_WEIGHT = 0.02
#: An outline is that exact [px]; within it depth may be smeared.
RIM_WIDTH_PX = 4
#: What is wider is a wall or a person, and an obstacle only [m].
MAX_EXTENT_M = 0.40
#: What was completed is handed on as one point per voxel of this size [m]: half an arm's clearance.
UNSEEN_VOXEL_M = 0.005


@dataclass(frozen=True)
class CompletedObjects:
    """points_m (N, 3) as seen, in the camera, weight (N,) their confidence, labels (N,) which of `surfaces` each is of.

    surfaces: every thing, completed, in the table's frame. graspable: their numbers that may be grasped and are meant.
    cut_off: numbers of those that the image's edge cuts. others_m (M, 3): what else stands there, in the table's frame.
    through_m (K, 3), through_labels (K,): of the objects, in the camera, where depth was seen through them.
    """

    points_m: NDArray[np.float32]
    weight: NDArray[np.float64]
    labels: NDArray[np.int32]
    surfaces: list[PointCloud]
    graspable: list[int]
    cut_off: NDArray[np.int32]
    others_m: NDArray[np.float64]
    T_camera_table: Matrix
    note: str
    through_m: NDArray[np.float64]
    through_labels: NDArray[np.int32]

    def unseen(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Points (K, 3) in the camera where objects are that nobody saw, one a voxel, and which of `surfaces` (K,) each
        is of: what was added to them, and what depth went through."""
        added = [apply(self.T_camera_table, surface.points_m[surface.seen == 0]) for surface in self.surfaces]
        labels = np.repeat(np.arange(len(added), dtype=np.int32), [len(points) for points in added])
        points, labels = np.concatenate([self.through_m, *added]), np.concatenate([self.through_labels, labels])
        kept = thin(points, UNSEEN_VOXEL_M, np.minimum(labels, 63))
        return points[kept].astype(np.float32), labels[kept]


def completed_objects(given: DetectorInput) -> CompletedObjects | None:
    """What stands on the table, or None where nothing does.

    Raises:
        PerceptionError: no finite depth in the region.
    """
    points, weight, labels, backs = find_objects(given)
    if not (labels >= 0).any():
        return None
    # Doubtful depth is worked with: the probability of success is what it lowers.
    note = note_of_unsure(weight, labels)
    kept, loose = labels >= 0, points[labels < 0]
    points, weight, labels, backs = points[kept], np.maximum(weight[kept], LEAST_WEIGHT), labels[kept], backs[kept]
    is_told = may_be_grasped(labels, given)
    told, numbers = np.unique(labels, return_inverse=True)
    labels = numbers.astype(np.int32)
    T_camera_table = table_frame(given.plane)
    space = FreeSpace.of(given.depth_m, given.intrinsics, T_camera_table)
    known = None if given.normals is None else normals_at(points, given.normals, given.intrinsics)
    surface = observed_surface(points, weight, T_camera_table, known)
    # What is beyond the image's edge, nobody knows.
    pixels = given.intrinsics.project(points)
    far_edge = np.array([given.intrinsics.width - 1, given.intrinsics.height - 1])
    is_cut = np.isin(labels, labels[((pixels < EDGE_PX) | (pixels > far_edge - EDGE_PX)).any(1)])
    if given.objects is None or not given.objects.count:
        surfaces, labels = explain(surface, labels, is_cut, space)
        may = np.arange(len(surfaces))
    else:
        may = np.unique(labels[is_told])
        backs = apply(invert(T_camera_table), backs)
        surfaces = [complete_object(surface[labels == k], backs[labels == k], space) for k in range(labels.max() + 1)]
        for k in set(range(len(surfaces))) - set(may.tolist()):
            surfaces[k] = _without_completion_behind(surfaces[k], given.objects, given, T_camera_table)
    meant = set(given.steering.meant(points, labels, given.intrinsics).tolist())
    graspable = [
        k for k in may.tolist() if k in meant and np.ptp(surfaces[k].points_m[:, :2], axis=0).max() < MAX_EXTENT_M
    ]
    # What is too small to be grasped may still be hit.
    others = apply(invert(T_camera_table), np.concatenate([bystanders(given), loose]))
    cut_off = np.unique(labels[is_cut])
    cloud = points.astype(np.float32)
    through = _seen_through(given, told)
    return CompletedObjects(cloud, weight, labels, surfaces, graspable, cut_off, others, T_camera_table, note, *through)


def _without_completion_behind(
    surface: PointCloud, objects: ObjectMap, given: DetectorInput, T_camera_table: Matrix
) -> PointCloud:
    """What nobody told apart, without what was added to it in or behind the front of an object that somebody did: a
    shadow that a network sees stand reached through the can that throws it. The planner's hidden space is there, where
    hidden space counts as occupied."""
    points_m = apply(T_camera_table, surface.points_m)
    size = np.array([given.intrinsics.width, given.intrinsics.height])
    pixels = given.intrinsics.project(points_m).round().astype(int)
    is_seen = (points_m[:, 2] > 0) & (pixels >= 0).all(axis=1) & (pixels < size).all(axis=1)
    u, v = np.where(is_seen[:, None], pixels, 0).T
    front_m = given.depth_m[v, u]
    is_behind = is_seen & objects.mask[v, u] & (front_m > 0) & (points_m[:, 2] >= front_m)
    return surface[(surface.seen > 0) | ~is_behind]


def _seen_through(given: DetectorInput, told: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Camera points (K, 3) where rays well within an object's outline saw only the table or nothing: the object stands
    there too, from where it was seen nearest by on, as deep as it is wide; and which (K,) of the objects `told` each is
    of."""
    objects = given.objects
    if objects is None or not objects.count:
        return np.zeros((0, 3)), np.zeros(0, np.int32)
    rays, is_known = given.intrinsics.rays().astype(float), np.isfinite(given.depth_m) & (given.depth_m > 0)
    stands = is_known & (given.plane.height(rays * np.where(is_known, given.depth_m, 1.0)[..., None]) > LEAST_HEIGHT_M)
    through = binary_erosion(objects.mask, iterations=RIM_WIDTH_PX) & ~stands
    points, owners = [np.zeros((0, 3))], [np.zeros(0, np.int32)]
    for number in np.flatnonzero(np.isin(told, objects.ids[through] - 1)).tolist():
        own = objects.ids == told[number] + 1
        nearest = distance_transform_edt(~(own & stands), return_distances=False, return_indices=True)
        front_m = given.depth_m[tuple(nearest)][own & through].astype(float)
        width_m = np.ptp(np.flatnonzero(own.any(axis=0))) / given.intrinsics.fx * np.median(front_m)
        deep_m = front_m[:, None] + np.arange(0.0, width_m + UNSEEN_VOXEL_M, UNSEEN_VOXEL_M)
        filled = (rays[own & through][:, None] * deep_m[..., None]).reshape(-1, 3)
        filled = filled[given.plane.height(filled) > 0]
        points.append(filled[thin(filled, UNSEEN_VOXEL_M)])
        owners.append(np.full(len(points[-1]), number, np.int32))
    return np.concatenate(points), np.concatenate(owners)
