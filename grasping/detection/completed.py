"""The things on a table as closed surfaces, seen and completed: what detectors that need whole objects look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, apply, invert
from grasping.detection.confidence import note_of_unsure
from grasping.detection.detector import DetectorInput
from grasping.detection.point_cloud import FreeSpace, PointCloud, normals_at, observed_surface
from grasping.detection.segmentation import bystanders, explain, table_frame
from grasping.detection.whole_objects import complete_object, find_objects, may_be_grasped

#: What comes this near to the image's edge [px] is cut off by it.
EDGE_PX = 4
#: What was seen at all, however doubtful, is told by this from what was completed.
LEAST_WEIGHT = 0.02
#: What is wider is a wall or a person, and an obstacle only [m].
MAX_EXTENT_M = 0.40


@dataclass(frozen=True)
class CompletedObjects:
    """points_m (N, 3) as seen, in the camera, weight (N,) their confidence, labels (N,) which of `surfaces` each is of.

    surfaces: every thing, completed, in the table's frame. graspable: their numbers that may be grasped and are meant.
    cut_off: numbers of those that the image's edge cuts. others_m (M, 3): what else stands there, in the table's frame.
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
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int32)
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
    meant = set(given.steering.meant(points, labels, given.intrinsics).tolist())
    graspable = [
        k for k in may.tolist() if k in meant and np.ptp(surfaces[k].points_m[:, :2], axis=0).max() < MAX_EXTENT_M
    ]
    # What is too small to be grasped may still be hit.
    others = apply(invert(T_camera_table), np.concatenate([bystanders(given), loose]))
    cut_off = np.unique(labels[is_cut])
    cloud = points.astype(np.float32)
    return CompletedObjects(cloud, weight, labels, surfaces, graspable, cut_off, others, T_camera_table, note)
