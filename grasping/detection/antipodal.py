"""The CPU detector: antipodal grasps on mirror-completed clouds (numpy and scipy only)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix, apply, invert
from grasping.detection.candidates import Candidates, propose
from grasping.detection.doubt import note_of_empty, sift, sure_depth
from grasping.detection.insertion import Fit, clear_of_table, holds, insert, recentred
from grasping.detection.objects import explain
from grasping.detection.scoring import score
from grasping.detection.segmentation import (
    Surface,
    bystanders,
    clusters,
    facing,
    normals_at,
    object_points,
    observed_surface,
    table_frame,
    thin,
)
from grasping.detection.view import View
from grasping.grasp_set import OBJECT, ROW, SCORE, GraspSet, empty_grasps, suppress
from perception.depth_types import Plane

NAME = "antipodal"
MAX_ROWS = 200
#: Candidates whose collisions are checked per frame, shared by the objects in it.
BUDGET, LEAST_BUDGET = 2400, 300
MAX_EXTENT_M = 0.40
#: What comes this near to the image's edge is cut off by it, and its grasps count for less.
EDGE_PX, CUT_OFF_FACTOR = 4, 0.1
FINGER_HEIGHT_M = 0.02


@dataclass(frozen=True)
class AntipodalDetector:
    """Finds grasps for a parallel gripper that opens to `max_opening_m`."""

    max_opening_m: float
    seed: int = 0

    @property
    def name(self) -> str:
        return NAME

    def detect(
        self,
        depth_m: NDArray[np.float32],
        intrinsics: Intrinsics,
        plane: Plane,
        region: NDArray[np.bool_],
        confidence: NDArray[np.float32] | None = None,
        normals: NDArray[np.float32] | None = None,
    ) -> GraspSet:
        """See `GraspDetector.detect`. The same input gives the same grasps."""
        points, weight = object_points(depth_m, intrinsics, plane, region, confidence)
        labels = clusters(points) if len(points) else np.zeros(0, np.int32)
        if not (labels >= 0).any():
            return empty_grasps(NAME, note_of_empty(region, confidence))
        doubt = sift(weight, labels)
        points, weight, labels, unsure = points[doubt.kept], weight[doubt.kept], labels[doubt.kept], points[~doubt.kept]
        if not len(points):
            return empty_grasps(NAME, doubt.note)
        labels = np.unique(labels, return_inverse=True)[1].astype(np.int32)
        cloud = points.astype(np.float32)
        T_camera_table = table_frame(plane)
        view = View.of(sure_depth(depth_m, confidence), intrinsics, T_camera_table)
        known = None if normals is None else normals_at(points, normals, intrinsics)
        surface = observed_surface(points, weight, T_camera_table, known)
        cut_off = _cut_off(points, labels, intrinsics)
        objects, labels = explain(surface, labels, cut_off, view)
        # What is unsure is not grasped, and may still be hit.
        others = np.concatenate([bystanders(depth_m, intrinsics, plane, region), unsure])
        others = apply(invert(T_camera_table), others)
        each = [
            self._grasps_on(k, objects, others, T_camera_table) for k in range(len(objects)) if _is_thing(objects[k])
        ]
        rows = np.concatenate([np.zeros((0, ROW)), *each])
        rows[np.isin(rows[:, OBJECT], labels[cut_off]), SCORE] *= CUT_OFF_FACTOR
        found = suppress(rows)[:MAX_ROWS]
        note = doubt.note if len(found) else "every grasp is too wide for the gripper or collides"
        return GraspSet(found, cloud, labels, NAME, note)

    def _grasps_on(
        self, k: int, objects: list[Surface], others_m: NDArray, T_camera_table: Matrix
    ) -> NDArray[np.float64]:
        target = objects[k]
        rng = np.random.default_rng((self.seed, k))
        budget = max(LEAST_BUDGET, BUDGET // len(objects))
        candidates = clear_of_table(propose(target, self.max_opening_m, budget, rng))
        if len(candidates) > budget:
            candidates = candidates[rng.choice(len(candidates), budget, replace=False)]
        if not len(candidates):
            return np.zeros((0, ROW))
        obstacles = _near(target, objects, others_m)
        candidates = recentred(candidates, insert(candidates, obstacles), self.max_opening_m)
        if not len(candidates):
            return np.zeros((0, ROW))
        fit = insert(candidates, obstacles)
        scores = score(candidates, fit, target, self.max_opening_m)
        return _rows(candidates, fit, scores, k, T_camera_table)[holds(fit)]


def _cut_off(points_camera: NDArray, labels: NDArray, intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """(N,) True on clusters that the image's edge cuts: what is beyond it, nobody knows."""
    pixels = intrinsics.project(points_camera)
    far_edge = np.array([intrinsics.width - 1, intrinsics.height - 1])
    on_edge = ((pixels < EDGE_PX) | (pixels > far_edge - EDGE_PX)).any(1)
    return np.isin(labels, labels[on_edge])


def _is_thing(surface: Surface) -> bool:
    """Whether it is small enough to be picked up: walls and people are obstacles only."""
    return float(np.ptp(surface.points_m[:, :2], axis=0).max()) < MAX_EXTENT_M


def _near(target: Surface, objects: list[Surface], others_m: NDArray, reach_m: float = 0.20) -> Surface:
    """Everything within the gripper's reach of the target, thinned for collision checks."""
    low, high = target.points_m.min(0) - reach_m, target.points_m.max(0) + reach_m
    points = np.concatenate([thing.points_m for thing in objects if thing is not target] + [others_m])
    points = points[((points > low) & (points < high)).all(1)]
    points = points[thin(points, 0.006)]
    # Without normals and unseen: to be kept clear of, of no worth as a contact.
    obstacles = Surface(points, np.zeros_like(points), np.zeros(len(points)))
    return target[thin(target.points_m, 0.004, facing(target.normals))] + obstacles


def _rows(candidates: Candidates, fit: Fit, scores: NDArray, k: int, T_camera_table: Matrix) -> NDArray[np.float64]:
    """GraspNet rows in the camera frame."""
    rows = np.zeros((len(candidates), ROW))
    y, z = candidates.R[:, :, 1], candidates.R[:, :, 2]
    R = np.stack([z, y, np.cross(z, y)], axis=2)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = scores, fit.width_m, FINGER_HEIGHT_M, fit.depth_m
    rows[:, 4:13] = (T_camera_table[:3, :3] @ R).reshape(-1, 9)
    rows[:, 13:16] = apply(T_camera_table, candidates.center_m)
    rows[:, 16] = k
    return rows
