"""Grasps as graspnetAPI and AnyGrasp write them: rows of 17 floats in the camera frame.

Row: score, width, height, depth, R (9, row-major), t (3), object id. Columns of R: approach x,
closing y, z = x cross y. t lies on the object; the fingertips reach t + depth * x. SI units.
"""

from dataclasses import dataclass
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

#: graspnetAPI's non-maximum suppression, which AnyGrasp applies too.
NMS_DISTANCE_M = 0.03
NMS_ANGLE_RAD = np.deg2rad(30.0)


@dataclass(frozen=True)
class GraspSet:
    """rows (N, 17) float64 sorted by falling score, and what they were found in.

    cloud_m: (M, 3) object points in the camera frame; labels: (M,) object id of each point.
    note: why there are no rows, as words that end a sentence; empty where there are some.
    """

    rows: NDArray[np.float64]
    cloud_m: NDArray[np.float32]
    labels: NDArray[np.int32]
    detector: str
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)


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


def suppress(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-maximum suppression: of rows nearer than both limits, the best score stays, sorted by it.

    A grasp turned by 180 degrees about its approach is the same grasp of a two-finger gripper.
    """
    rows = rows[np.argsort(-rows[:, SCORE], kind="stable")]
    R = rows[:, ROTATION].reshape(-1, 3, 3)
    t = fingertips(rows)
    alive = np.ones(len(rows), bool)
    kept = []
    for i in range(len(rows)):
        if not alive[i]:
            continue
        kept.append(i)
        along = np.einsum("ij,nij->nj", R[i], R)
        trace = along[:, 0] + np.abs(along[:, 1] + along[:, 2])
        close = np.linalg.norm(t - t[i], axis=1) < NMS_DISTANCE_M
        alive &= ~(close & (np.arccos(np.clip((trace - 1) / 2, -1, 1)) < NMS_ANGLE_RAD))
    return rows[kept]
