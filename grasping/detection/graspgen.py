"""GraspGen (NVIDIA) behind its server, for labs without an AnyGrasp licence: completed objects out, grasps in.

A pose of GraspGen is of its gripper's base: z is the approach, x the closing direction, the fingertips lie on z. As a
GraspNet row its columns are approach, closing, approach x closing:

    R_row = [R[:, 2], R[:, 0], R[:, 1]],   fingertips = t + tip * R[:, 2],   t_row = fingertips - depth * R[:, 2]
"""

import os

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from core.transforms import Matrix, apply
from grasping.detection.completed import CompletedObjects, completed_objects
from grasping.detection.confidence import known_features, note_of_empty
from grasping.detection.detector import DetectorInput, DetectorSpecification
from grasping.detection.graspgen_server import SERVER_VARIABLE, GraspGenServer
from grasping.detection.gripper import PAD_LENGTH_M, TIP
from grasping.detection.point_cloud import thin
from grasping.grasp_set import (
    DEPTH,
    HEIGHT,
    OBJECT,
    ROTATION,
    ROW,
    SCORE,
    TRANSLATION,
    WIDTH,
    GraspSet,
    empty_grasps,
    local_maxima,
)

NAME = "graspgen"
#: How far the fingertips of a gripper of GraspGen are before its base [m], by its name there (config/grippers).
TIPS_M = {"franka_panda": 0.10527, "robotiq_2f_140": 0.1950}
#: The same for another gripper, and which of a GraspGenX server's grippers is asked for.
TIP_VARIABLE, GRIPPER_VARIABLE = "GRASPGEN_TIP_M", "GRASPGEN_GRIPPER"
_DEPTH_M, _FINGER_HEIGHT_M = 0.02, 0.02
#: Points of an object are sent one to such a voxel [m]; fingers must meet so many of them.
_VOXEL_M, _LEAST_POINTS = 0.003, 4
#: What lies so far before the tips [m] is between the fingers as well: depth errs by a centimetre.
_BEYOND_TIPS_M = 0.01


class GraspGenDetector:
    """Sends every object by itself; the scene is for the planner to keep clear of."""

    def __init__(self, max_opening_m: float) -> None:
        """Asks the server which gripper it plans for.

        Raises:
            ConfigurationError: no server, or a gripper whose fingertips nobody told.
        """
        address = os.environ.get(SERVER_VARIABLE, "")
        if not address:
            raise ConfigurationError(
                "--detector graspgen needs a server.", f"Start one and set {SERVER_VARIABLE}=tcp://HOST:PORT."
            )
        self._server, self._max_opening_m = GraspGenServer(address), max_opening_m
        told = self._server.metadata()
        asked = os.environ.get(GRIPPER_VARIABLE, "")
        self._gripper = "" if "gripper_name" in told else asked
        self._tip_m = _tip_of(str(told.get("gripper_name") or asked or told.get("default_gripper") or ""))

    def detect(self, given: DetectorInput) -> GraspSet:
        found = completed_objects(given)
        if found is None:
            return empty_grasps(NAME, note_of_empty(given.region, given.confidence))
        each = [self._grasps_on(k, found) for k in found.graspable]
        rows, within = given.steering.steered(np.concatenate([np.zeros((0, ROW)), *each]))
        best = local_maxima(rows, given.spacing)
        sureness = np.array([found.weight[found.labels == k].mean() for k in rows[best, OBJECT]])
        why = given.steering.note_of_none if not each else ""
        why = why or (given.steering.note_of_cone if len(within) < sum(map(len, each)) else "")
        note = found.note if len(best) else why or "GraspGen's are all too wide for this gripper or beside the object"
        features = known_features(rows[best], sureness, given.plane, self._max_opening_m)
        return GraspSet(rows[best], found.points_m, found.labels, NAME, note, features, *found.unseen())

    def _grasps_on(self, k: int, found: CompletedObjects) -> NDArray[np.float64]:
        """Rows (N, 17) on one object."""
        surface = found.surfaces[k].points_m
        points = apply(found.T_camera_table, surface[thin(surface, _VOXEL_M)])
        poses, confidences = self._server.grasps(points, self._gripper)
        rows = rows_of(poses, confidences, self._tip_m)
        rows[:, OBJECT] = k
        return closed_on(rows, points, self._max_opening_m)


DETECTOR = DetectorSpecification(
    NAME, "GraspGen or GraspGenX through its server", GraspGenDetector, needs=f"a server ({SERVER_VARIABLE})"
)


def rows_of(poses: Matrix, confidences: NDArray, tip_m: float) -> NDArray[np.float64]:
    """Rows (N, 17), their width not yet known, of GraspGen's poses (N, 4, 4) and confidences (N,)."""
    rows = np.zeros((len(poses), ROW))
    approach = poses[:, :3, 2]
    rows[:, SCORE], rows[:, HEIGHT], rows[:, DEPTH] = confidences, _FINGER_HEIGHT_M, _DEPTH_M
    rows[:, ROTATION] = poses[:, :3, [2, 0, 1]].reshape(-1, 9)
    rows[:, TRANSLATION] = poses[:, :3, 3] + (tip_m - _DEPTH_M) * approach
    return rows


def closed_on(rows: NDArray, points_m: NDArray, max_opening_m: float) -> NDArray[np.float64]:
    """Those rows between whose pads points (M, 3) of their object lie, midway between its sides, as wide as it is there
    and no wider than the gripper opens."""
    kept = []
    for row in rows:
        R = row[ROTATION].reshape(3, 3)
        # Approach, closing, across, from the fingertips.
        along, sideways, across = ((points_m - row[TRANSLATION]) @ R - [row[DEPTH], 0.0, 0.0]).T
        between = (np.abs(across) < TIP.half_x_m) & (along > -PAD_LENGTH_M) & (along < _BEYOND_TIPS_M)
        between &= np.abs(sideways) < max_opening_m / 2
        if between.sum() < _LEAST_POINTS:
            continue
        low, high = sideways[between].min(), sideways[between].max()
        middle = row.copy()
        middle[WIDTH] = high - low
        middle[TRANSLATION] += (low + high) / 2 * R[:, 1]
        kept.append(middle)
    return np.array(kept).reshape(-1, ROW)


def _tip_of(gripper: str) -> float:
    """How far a gripper's fingertips are before its base [m].

    Raises:
        ConfigurationError: nobody told.
    """
    if text := os.environ.get(TIP_VARIABLE, ""):
        try:
            tip_m = float(text)
        except ValueError:
            tip_m = float("nan")
        if 0.0 <= tip_m <= 0.5:
            return tip_m
        raise ConfigurationError(f"{TIP_VARIABLE} is {text!r}, no distance in metres.", "For example: 0.105")
    if gripper not in TIPS_M:
        raise ConfigurationError(
            f"The server plans for the gripper {gripper!r}, whose fingertips may be anywhere before its base.",
            f"Set {TIP_VARIABLE} to that distance in metres (known: {', '.join(TIPS_M)}).",
        )
    return TIPS_M[gripper]
