"""What may stand hidden behind what a camera saw: the space in the shadow of every object, down to the table."""

import numpy as np
from numpy.typing import NDArray

from core.transforms import apply, invert
from grasping.grasp_set import GraspSet
from perception.depth_types import TableView

#: Shadows are points so far apart [m].
SPACING_M = 0.01
#: Nothing is hidden farther behind an object [m]: rays that hardly fall meet the table beyond any arm's reach.
_FARTHEST_M = 1.0


def hidden_behind(grasps: GraspSet, view: TableView) -> dict[int, NDArray[np.float64]]:
    """By object, points (N, 3), world, of the space that it hid from the camera: along each ray from where that met it
    on to the table. Only what was seen hides anything.
    """
    T_world_camera = invert(view.T_camera_world)
    points_m = apply(T_world_camera, grasps.cloud_m.astype(float))
    good = np.isfinite(points_m).all(axis=1) & (points_m[:, 2] > SPACING_M) & (grasps.labels >= 0)
    labels = np.unique(grasps.labels[good])
    return {int(k): _shadow(points_m[good & (grasps.labels == k)], T_world_camera[:3, 3]) for k in labels}


def _shadow(points_m: NDArray, eye_m: NDArray) -> NDArray[np.float64]:
    _, keep = np.unique(np.floor(points_m / SPACING_M).astype(int), axis=0, return_index=True)
    points = points_m[keep]
    ways = (points - eye_m) / np.linalg.norm(points - eye_m, axis=1, keepdims=True)
    # A ray that does not fall, as of a camera below an object's top, meets no table.
    reach_m = np.where(ways[:, 2] < 0.0, points[:, 2] / np.maximum(-ways[:, 2], 1e-9), 0.0).clip(max=_FARTHEST_M)
    steps = np.arange(SPACING_M, max(float(reach_m.max(initial=0.0)), SPACING_M), SPACING_M)
    ray, step = np.nonzero(steps < reach_m[:, None])
    shadow = points[ray] + steps[step, None] * ways[ray]
    _, keep = np.unique(np.floor(shadow / SPACING_M).astype(int), axis=0, return_index=True)
    return shadow[keep]
