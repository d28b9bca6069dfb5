"""The CPU detector: antipodal grasps on mirror-completed clouds (numpy and scipy only)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.transforms import Matrix, apply
from grasping.detection.completed import LEAST_WEIGHT, completed_objects
from grasping.detection.confidence import note_of_empty
from grasping.detection.detector import DetectorInput, DetectorSpecification
from grasping.detection.gripper import PRE_OPEN_MARGINS_M
from grasping.detection.point_cloud import PointCloud, facing, thin
from grasping.detection.proposals import MAX_DEPTH_M, Fit, Proposals, clear_of_table, holds, insert, propose, recentre
from grasping.grasp_set import FEATURES, OBJECT, ROW, SCORE, GraspSet, empty_grasps, local_maxima

NAME = "antipodal"
#: So many grasps at most, the closer they may be the more.
MAX_ROWS = 200
#: Proposals whose collisions are checked per frame, shared by the objects in it.
BUDGET, LEAST_BUDGET = 2400, 300
#: What is within this of an object may be hit by the gripper that takes it.
GRIPPER_REACH_M = 0.20
#: What the image's edge cuts off has grasps that count for less.
CUT_OFF_FACTOR = 0.1
FINGER_HEIGHT_M = 0.02
#: So many seen points tell how sure the depth is at a grasp: a patch of two to three centimetres.
NEAREST_SEEN = 48


@dataclass(frozen=True)
class AntipodalDetector:
    """Finds grasps for a parallel gripper that opens to `max_opening_m`."""

    max_opening_m: float
    seed: int = 0

    def detect(self, given: DetectorInput) -> GraspSet:
        found = completed_objects(given)
        if found is None:
            return empty_grasps(NAME, note_of_empty(given.region, given.confidence))
        if not found.graspable:
            note = given.steering.note_of_none or found.note or "what stands there is too large to be grasped"
            return empty_grasps(NAME, note, found.points_m, found.labels)
        each = [self._grasps_on(k, found.surfaces, found.others_m, found.T_camera_table) for k in found.graspable]
        rows = np.concatenate([np.zeros((0, ROW)), *(rows for rows, _ in each)])
        features = np.concatenate([np.zeros((0, len(FEATURES))), *(features for _, features in each)])
        of_cut_off = np.isin(rows[:, OBJECT], found.cut_off)
        rows[of_cut_off, SCORE] *= CUT_OFF_FACTOR
        features[of_cut_off, 0] = np.maximum(features[of_cut_off, 0] + np.log10(CUT_OFF_FACTOR) / 3, 0)
        rows, kept = given.steering.steered(rows)
        features = features[kept]
        best = local_maxima(rows, given.spacing)[: round(MAX_ROWS / given.spacing)]
        why = "every grasp is too wide for the gripper or collides"
        note = found.note if len(best) else given.steering.note_of_cone if len(kept) < len(of_cut_off) else why
        return GraspSet(rows[best], found.points_m, found.labels, NAME, note, features[best], *found.unseen())

    def _grasps_on(
        self, k: int, objects: list[PointCloud], others_m: NDArray, T_camera_table: Matrix
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows (N, 17) on one object and their features (N, F), the fingers opened as wide as there is room for."""
        target = objects[k]
        low, high = target.points_m.min(0) - GRIPPER_REACH_M, target.points_m.max(0) + GRIPPER_REACH_M
        points = np.concatenate([thing.points_m for thing in objects if thing is not target] + [others_m])
        points = points[((points > low) & (points < high)).all(1)]
        points = points[thin(points, 0.006)]
        # Without normals and unseen: to be kept clear of, of no worth as a contact.
        obstacles = PointCloud(points, np.zeros_like(points), np.zeros(len(points)))
        obstacles = target[thin(target.points_m, 0.004, facing(target.normals))] + obstacles
        for margin_m in PRE_OPEN_MARGINS_M:
            rng = np.random.default_rng((self.seed, k))
            proposals, fit = self._fit_proposals(
                target, obstacles, margin_m, max(LEAST_BUDGET, BUDGET // len(objects)), rng
            )
            good = holds(fit)
            if good.any():
                scores, sureness = _score(proposals, fit, target, self.max_opening_m), _sureness(proposals, target)
                rows = _rows(proposals, fit, scores * sureness, k, T_camera_table)
                features = _features(proposals, fit, scores, sureness, points, self.max_opening_m)
                return rows[good], features[good]
        return np.zeros((0, ROW)), np.zeros((0, len(FEATURES)))

    def _fit_proposals(
        self, target: PointCloud, obstacles: PointCloud, margin_m: float, budget: int, rng: np.random.Generator
    ) -> tuple[Proposals, Fit]:
        """Proposals on one object, midway between their contacts, and how they fit there."""
        top_m = float(target.points_m[:, 2].max())
        proposals = clear_of_table(propose(target, self.max_opening_m, margin_m, budget, rng), top_m)
        if len(proposals) > budget:
            proposals = proposals[rng.choice(len(proposals), budget, replace=False)]
        proposals = recentre(proposals, insert(proposals, obstacles), self.max_opening_m, margin_m)
        return proposals, insert(proposals, obstacles)


DETECTOR = DetectorSpecification(
    NAME, "opposite sides of what is seen, its hidden side completed; on the CPU", AntipodalDetector
)


def _rows(proposals: Proposals, fit: Fit, scores: NDArray, k: int, T_camera_table: Matrix) -> NDArray[np.float64]:
    """GraspNet rows in the camera frame."""
    rows = np.zeros((len(proposals), ROW))
    y, z = proposals.R[:, :, 1], proposals.R[:, :, 2]
    R = np.stack([z, y, np.cross(z, y)], axis=2)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = scores, fit.width_m, FINGER_HEIGHT_M, fit.depth_m
    rows[:, 4:13] = (T_camera_table[:3, :3] @ R).reshape(-1, 9)
    rows[:, 13:16] = apply(T_camera_table, proposals.center_m)
    rows[:, 16] = k
    return rows


def _sureness(proposals: Proposals, surface: PointCloud) -> NDArray[np.float64]:
    """(B,) mean confidence of what was seen nearest to each grasp: 1 for an estimator that tells none."""
    seen = surface.seen > 0
    if not seen.any():
        return np.ones(len(proposals))
    count = min(NEAREST_SEEN, int(seen.sum()))
    nearest = cKDTree(surface.points_m[seen]).query(proposals.center_m, k=[*range(1, count + 1)])[1]
    return surface.seen[seen][nearest].mean(1)


def _features(
    proposals: Proposals, fit: Fit, scores: NDArray, sureness: NDArray, others_m: NDArray, max_opening_m: float
) -> NDArray[np.float64]:
    """(B, F) in the order of `FEATURES`, of proposals whose `fit` is final; others_m: points of other things."""
    tips = proposals.center_m + fit.depth_m[:, None] * proposals.R[:, :, 2]
    away_m = np.full(len(tips), np.inf)
    fits = np.isfinite(tips).all(1)
    if len(others_m):
        away_m[fits] = cKDTree(others_m).query(tips[fits])[0] - fit.width_m[fits] / 2
    shares = (
        1 + np.log10(np.maximum(scores, 1e-3)) / 3,
        sureness,
        (max_opening_m - fit.width_m) / 0.03,
        fit.seen.max(1) / np.maximum(sureness, LEAST_WEIGHT),
        fit.depth_m / MAX_DEPTH_M,
        tips[:, 2] / 0.10,
        away_m / 0.05,
    )
    return np.clip(np.stack(shares, axis=1), 0, 1)


def _score(proposals: Proposals, fit: Fit, surface: PointCloud, max_opening_m: float) -> NDArray[np.float64]:
    """(B,) scores 0..1 of the shape of proposals whose `fit` is final, on one object's completed surface."""
    # Off to the side an object swings out of the fingers; above or below it hangs or stands.
    arm = proposals.center_m - surface.points_m.mean(0)
    sideways = arm - np.einsum("bi,bi->b", arm, proposals.R[:, :, 1])[:, None] * proposals.R[:, :, 1]
    horizontal = np.linalg.norm(sideways[:, :2], axis=1)
    terms = (
        _term(fit.alignment.min(1), 0.80, 0.98),  # slips: outside a friction cone of 0.5 at 0.89
        _term(fit.counts.min(1), 0, 8),  # touches an edge or a stray point
        0.6 + 0.4 * fit.seen.max(1),  # rests on guesses only
        np.exp(-((horizontal / 0.05) ** 2) - (sideways[:, 2] / 0.15) ** 2),  # swings
        _term(max_opening_m - fit.width_m, 0.002, 0.020),  # no room for an error of depth
        _term(fit.depth_m, -0.005, 0.015),  # holds by the very tips
        np.exp(-((fit.offset_m / 0.015) ** 2)),  # turns between pads that do not face each other
        _term(fit.width_m, -0.004, 0.016),  # pinches a rim whose thickness is not known
    )
    return np.prod(terms, axis=0)


def _term(value: NDArray, worst: float, best: float) -> NDArray:
    """0.05 at `worst` and below, 1 at `best` and above, straight between."""
    return np.clip((value - worst) / (best - worst), 0.05, 1.0)
