"""Grasps as graspnetAPI and AnyGrasp write them: rows of 17 floats in the camera frame.

Row: score, width, height, depth, R (9, row-major), t (3), object id. Columns of R: approach x,
closing y, z = x cross y. t lies on the object; the fingertips reach t + depth * x. SI units.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROW = 17
SCORE, WIDTH, HEIGHT, DEPTH = 0, 1, 2, 3
ROTATION = slice(4, 13)
TRANSLATION = slice(13, 16)
OBJECT = 16


@dataclass(frozen=True)
class GraspSet:
    """rows (N, 17) float64 sorted by falling score, and what they were found in.

    cloud_m: (M, 3) object points in the camera frame; labels: (M,) object id of each point.
    """

    rows: NDArray[np.float64]
    cloud_m: NDArray[np.float32]
    labels: NDArray[np.int32]
    detector: str

    def __len__(self) -> int:
        return len(self.rows)


def rotation(row: NDArray) -> NDArray[np.float64]:
    """(3, 3) rotation of one row: columns approach, closing, approach x closing."""
    return np.asarray(row[ROTATION], float).reshape(3, 3)


def T_camera_tcp(row: NDArray) -> NDArray[np.float64]:
    """Pose of the tool centre point, tip of the fingers: z approach, y closing, x = y cross z."""
    approach, closing = rotation(row)[:, 0], rotation(row)[:, 1]
    T = np.eye(4)
    T[:3, :3] = np.column_stack([np.cross(closing, approach), closing, approach])
    T[:3, 3] = row[TRANSLATION] + row[DEPTH] * approach
    return T
