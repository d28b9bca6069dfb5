"""AnyGrasp through its SDK (`gsnet`), where its owner has installed and licensed it.

The SDK is closed: CUDA only, with a licence bound to the machine. Two of its APIs exist: a class
(`gsnet.AnyGrasp`), and from mid 2026 a factory (`gsnet.create_detector`). Both take float32 points
in the camera frame [m] and return graspnetAPI's GraspGroup, or None for no grasps.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from grasping.detection.confidence import known_features, note_of_empty, note_of_unsure
from grasping.detection.detector import DetectorInput, DetectorSpecification
from grasping.detection.steering import Steering
from grasping.detection.whole_objects import find_objects, may_be_grasped
from grasping.grasp_set import (
    OBJECT,
    WIDTH,
    GraspSet,
    check_rows,
    empty_grasps,
    fingertips,
    local_maxima,
)

NAME = "anygrasp"
#: Where the checkpoint file is.
CHECKPOINT_VARIABLE = "ANYGRASP_CHECKPOINT"
#: The SDK opens no wider.
SDK_MAX_OPENING_M = 0.10
#: A grasp belongs to the object whose nearest point is within this of its fingertips.
OWNER_M = 0.03
_INSTALL = "Ask for a licence at github.com/graspnet/anygrasp_sdk and install its `gsnet`, or use --detector antipodal."


class AnyGraspDetector:
    """Feeds AnyGrasp the points above the table and keeps what it finds on them."""

    def __init__(self, max_opening_m: float) -> None:
        """Loads the SDK, the licence and the checkpoint.

        Raises:
            ConfigurationError: no SDK, no CUDA, no checkpoint, or a licence that it refuses.
        """
        try:
            sdk = importlib.import_module("gsnet")
        except (ImportError, OSError) as error:
            raise ConfigurationError(f"AnyGrasp cannot be loaded ({error}).", _INSTALL) from error
        import torch

        if not torch.cuda.is_available():
            raise ConfigurationError(
                "AnyGrasp needs a CUDA GPU and this machine has none.", "Use --detector antipodal."
            )
        checkpoint = os.environ.get(CHECKPOINT_VARIABLE, "")
        if not Path(checkpoint).is_file():
            raise ConfigurationError(
                f"AnyGrasp's checkpoint is not at '{checkpoint}'.",
                f"Set {CHECKPOINT_VARIABLE} to the .tar file that came with the licence.",
            )
        self._find = _load(sdk, checkpoint, min(max_opening_m, SDK_MAX_OPENING_M))
        self._max_opening_m = max_opening_m

    def detect(self, given: DetectorInput) -> GraspSet:
        """Its network takes points alone, so normals go unused; it finds its own way past an object's back."""
        points, weight, labels, _ = find_objects(given)
        kept, note = labels >= 0, note_of_unsure(weight, labels)
        cloud, labels = points[kept].astype(np.float32), labels[kept]
        if not len(cloud):
            return empty_grasps(NAME, note_of_empty(given.region, given.confidence))
        meant = given.steering.meant(cloud, labels, given.intrinsics)
        if not len(meant):
            return empty_grasps(NAME, given.steering.note_of_none, cloud, labels)
        group = self._find(cloud, np.isin(labels, meant), given.steering)
        if group is None or len(group) == 0:
            return empty_grasps(NAME, "AnyGrasp found none on the points above the table", cloud, labels)
        rows = check_rows(group, "AnyGrasp's grasps")
        distance = np.linalg.norm(fingertips(rows)[:, None] - cloud[None], axis=2)
        owner = distance.argmin(1)
        rows[:, OBJECT] = labels[owner]
        usable = may_be_grasped(labels[owner], given) & np.isin(labels[owner], meant)
        usable &= (distance.min(1) < OWNER_M) & (rows[:, WIDTH] <= self._max_opening_m)
        rows, sureness = rows[usable], weight[kept][owner[usable]]
        rows, within = given.steering.steered(rows)
        best = local_maxima(rows, given.spacing)
        why = "AnyGrasp's are all too wide for this gripper or far from every object"
        note = note if len(best) else given.steering.note_of_cone if len(within) < len(sureness) else why
        features = known_features(rows[best], sureness[within][best], given.plane, self._max_opening_m)
        return GraspSet(rows[best], cloud, labels, NAME, note, features)


DETECTOR = DetectorSpecification(
    NAME, "AnyGrasp through its SDK", AnyGraspDetector, needs="CUDA, gsnet and its licence, a checkpoint"
)


def _load(sdk: Any, checkpoint: str, max_opening_m: float) -> Callable[[NDArray, NDArray, Steering], Any]:
    """A function from points (N, 3), which of them are meant (N,) and from where to a GraspGroup or None, whichever API
    the SDK has."""
    settings = {
        "checkpoint_path": checkpoint,
        "max_gripper_width": max_opening_m,
        "gripper_height": 0.03,
        "top_down_grasp": False,
        "debug": False,
    }
    try:
        if hasattr(sdk, "create_detector"):
            steered = sdk.create_detector(SimpleNamespace(**settings))
            if steered is None:
                raise RuntimeError("it gives no detector: the licence is not of this machine, or ended")
            return lambda points, is_meant, steering: steered.get_grasp(points, _options(is_meant, steering))
        detector = sdk.AnyGrasp(SimpleNamespace(**settings))
        detector.load_net()
    except Exception as error:  # the SDK raises what it likes, licence failures included
        raise ConfigurationError(f"AnyGrasp does not start ({error}).", _INSTALL) from error

    def find(points: NDArray, is_meant: NDArray, steering: Steering) -> Any:
        meant = points[is_meant]
        limits = np.stack([meant.min(0) - 0.01, meant.max(0) + 0.01], 1).ravel().tolist()
        answer = detector.get_grasp(points, np.zeros_like(points), lims=limits)
        return answer[0] if isinstance(answer, tuple) else answer

    return find


def _options(is_meant: NDArray[np.bool_], steering: Steering) -> dict[str, Any]:
    """What the factory's detectors take: a mask of points, a direction in camera axes, and how far from it [rad]."""
    return {
        "dense_grasp": False,
        "collision_detection": True,
        "region_steering": None if steering.mask is None else is_meant,
        "approach_steering": None if steering.approach is None else steering.approach.astype(np.float32),
        "approach_thresh": steering.cone_rad,
    }
