"""Grasps as graspnetAPI and AnyGrasp write them: rows of 17 floats in the camera frame.

Row: score, width, height, depth, R (9, row-major), t (3), object id. Columns of R: approach x,
closing y, z = x cross y. t lies on the object; the fingertips reach t + depth * x. SI units.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.files import writing

ROW = 17
SCORE, WIDTH, HEIGHT, DEPTH = 0, 1, 2, 3
ROTATION = slice(4, 13)
TRANSLATION = slice(13, 16)
OBJECT = 16

#: What a detector may know of a grasp beyond its row, each 0..1 and the more the better: its score as the logarithm
#: of it (0 is 1/1000) with the confidence left out; mean confidence of the depth under the fingers; room left of the
#: stroke (1: 3 cm); share of the contacts that was seen, not completed; insertion (1: 25 mm); height of the tips over
#: the table (1: 10 cm); their distance to other things (1: 5 cm).
FEATURES = ("score", "confidence", "margin", "seen", "insertion", "height", "clearance")

#: graspnetAPI's non-maximum suppression, which AnyGrasp applies too.
NMS_DISTANCE_M = 0.03
NMS_ANGLE_RAD = np.deg2rad(30.0)


@dataclass(frozen=True)
class GraspSet:
    """rows (N, 17) float64 sorted by falling score, and what they were found in.

    cloud_m: (M, 3) object points as seen, in the camera frame; labels: (M,) object id of each point.
    completed_m, completed_labels: the same of what no camera sees of these objects, their backs and undersides.
    note: why there are no rows, or what is doubtful about them, as words that end a sentence. features (N, F): of
    the rows, in the order of `FEATURES`, NaN where unknown; None: of all.
    """

    rows: NDArray[np.float64]
    cloud_m: NDArray[np.float32]
    labels: NDArray[np.int32]
    detector: str
    note: str = ""
    features: NDArray[np.float64] | None = None
    completed_m: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    completed_labels: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: NDArray) -> "GraspSet":
        """Some of the grasps, in the same surroundings."""
        features = None if self.features is None else self.features[index]
        return replace(self, rows=self.rows[index], features=features)

    def without(self, objects: Collection[int]) -> "GraspSet":
        """The grasps and points of all other objects."""
        some, seen = np.flatnonzero(~np.isin(self.rows[:, OBJECT], list(objects))), ~np.isin(self.labels, list(objects))
        unseen = ~np.isin(self.completed_labels, list(objects))
        return replace(
            self[some],
            cloud_m=self.cloud_m[seen],
            labels=self.labels[seen],
            completed_m=self.completed_m[unseen],
            completed_labels=self.completed_labels[unseen],
        )

    @property
    def features_or_unknown(self) -> NDArray[np.float64]:
        """(N, F), NaN where unknown."""
        return np.full((len(self), len(FEATURES)), np.nan) if self.features is None else self.features


def empty_grasps(detector: str, note: str, cloud_m: NDArray | None = None, labels: NDArray | None = None) -> GraspSet:
    """No grasps, and the reason."""
    cloud = np.zeros((0, 3), np.float32) if cloud_m is None else cloud_m
    return GraspSet(
        np.zeros((0, ROW)), cloud, np.zeros(len(cloud), np.int32) if labels is None else labels, detector, note
    )


def rotation(row: NDArray) -> NDArray[np.float64]:
    """(3, 3) rotation of one row: columns approach, closing, approach x closing."""
    return np.asarray(row[ROTATION], float).reshape(3, 3)


def fingertips(rows: NDArray) -> NDArray[np.float64]:
    """(N, 3) where the fingertips of rows (N, 17) come to rest: t + depth * approach."""
    approach = rows[:, ROTATION].reshape(-1, 3, 3)[:, :, 0]
    return rows[:, TRANSLATION] + rows[:, DEPTH, None] * approach


def T_camera_tcp(row: NDArray) -> NDArray[np.float64]:
    """Pose of the tool centre point, tip of the fingers: z approach, y closing, x = y cross z."""
    approach, closing = rotation(row)[:, 0], rotation(row)[:, 1]
    T = np.eye(4)
    T[:3, :3] = np.column_stack([np.cross(closing, approach), closing, approach])
    T[:3, 3] = row[TRANSLATION] + row[DEPTH] * approach
    return T


def check_rows(rows: Any, source: str = "The grasps") -> NDArray[np.float64]:
    """Rows (N, 17) as float64, or why they are none.

    Accepts anything array-like and graspnetAPI's `GraspGroup` and `Grasp` (their array is
    `grasp_group_array` / `grasp_array`).

    Raises:
        PerceptionError: another shape, a value that is not finite, or an R that is no rotation.
    """
    for attribute in ("grasp_group_array", "grasp_array"):
        rows = getattr(rows, attribute, rows)
    try:
        rows = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PerceptionError(f"{source} are not numbers: {error}.", _REMEDY) from error
    rows = rows[None] if rows.shape == (ROW,) else rows.reshape(-1, ROW) if rows.size == 0 else rows
    if rows.ndim != 2 or rows.shape[1] != ROW:
        raise PerceptionError(f"{source} have the shape {rows.shape}, not (N, {ROW}).", _REMEDY)
    if not np.isfinite(rows).all():
        raise PerceptionError(f"{source} hold values that are not finite.", _REMEDY)
    R = rows[:, ROTATION].reshape(-1, 3, 3)
    skewed = np.abs(R @ R.transpose(0, 2, 1) - np.eye(3)).max((1, 2), initial=0) > 1e-3
    bad = np.flatnonzero(skewed | (np.linalg.det(R) < 0.5))
    if len(bad):
        raise PerceptionError(f"{source} hold no rotation in columns 4 to 12 (first in row {bad[0]}).", _REMEDY)
    return rows


_REMEDY = "Write N x 17 GraspNet rows: score, width, height, depth, R (9), t (3), object id."


def write_grasps(path: Path, rows: NDArray) -> None:
    """Saves rows as an N x 17 float64 `.npy` that graspnetAPI's `GraspGroup().from_npy` reads.

    Raises:
        PerceptionError: rows that are no grasps.
        StorageError: a path that cannot be written.
    """
    with writing(path), path.open("wb") as file:
        np.save(file, check_rows(rows))


def local_maxima(rows: NDArray[np.float64], spacing: float) -> NDArray[np.intp]:
    """Non-maximum suppression: indices by falling score; of rows nearer than both limits, the best score stays.

    A grasp turned by 180 degrees about its approach is the same grasp of a two-finger gripper. spacing: share of
    graspnetAPI's limits.
    """
    order = np.argsort(-rows[:, SCORE], kind="stable")
    rows = rows[order]
    R = rows[:, ROTATION].reshape(-1, 3, 3)
    t = fingertips(rows)
    alive = np.ones(len(rows), bool)
    kept: list[int] = []
    for i in range(len(rows)):
        if not alive[i]:
            continue
        kept.append(i)
        close = np.linalg.norm(t - t[i], axis=1) < spacing * NMS_DISTANCE_M
        alive &= ~(close & (turn_between(R, R[i]) < spacing * NMS_ANGLE_RAD))
    return order[kept]


def turn_between(R: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (N,) [rad] between grasps' rotations (N, 3, 3) and another (3, 3), whichever finger is which."""
    along = np.einsum("ij,nij->nj", other, R)
    trace = along[:, 0] + np.abs(along[:, 1] + along[:, 2])
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))
