"""What finds grasps, by name: our own CPU detector, and AnyGrasp where its owner installed it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from core.image import Intrinsics
from grasping.grasp_set import GraspSet
from perception.depth_types import Plane


class GraspDetector(Protocol):
    """Metric depth in, grasps out."""

    @property
    def name(self) -> str: ...

    def detect(
        self,
        depth_m: NDArray[np.float32],
        intrinsics: Intrinsics,
        plane: Plane,
        region: NDArray[np.bool_],
        confidence: NDArray[np.float32] | None = None,
        normals: NDArray[np.float32] | None = None,
    ) -> GraspSet:
        """Grasps of what stands on the table, best first, in the camera frame.

        depth_m (H, W) metres with NaN holes; plane is the table; region (H, W) is False on what is
        not to be grasped (bin, tags, arms, off the table); confidence (H, W), 0..1, is the
        probability that a pixel's depth is right (`detection.doubt` says what is left alone for it);
        normals (H, W, 3) in camera axes are used where finite instead of those of the depth.
        A table with nothing on it, or nothing that the estimator is sure of, gives an empty set whose
        `note` says so.

        Raises:
            PerceptionError: shapes that differ, or depth without one finite pixel in the region.
        """
        ...


def _antipodal(max_opening_m: float) -> GraspDetector:
    from grasping.detection.antipodal import AntipodalDetector

    return AntipodalDetector(max_opening_m)


def _anygrasp(max_opening_m: float) -> GraspDetector:
    from grasping.detection.anygrasp import AnyGraspDetector

    return AnyGraspDetector(max_opening_m)


DETECTORS: dict[str, Callable[[float], GraspDetector]] = {"antipodal": _antipodal, "anygrasp": _anygrasp}


def create_detector(name: str, max_opening_m: float = 0.07) -> GraspDetector:
    """The detector called `name`, for a gripper that opens to `max_opening_m`.

    Raises:
        ConfigurationError: an unknown name, a gripper that cannot open, or a detector that this
            machine cannot run.
    """
    if name not in DETECTORS:
        raise ConfigurationError(f"There is no detector '{name}'.", f"Choose one of: {', '.join(DETECTORS)}.")
    if not 0.02 <= max_opening_m <= 0.20:
        raise ConfigurationError(
            f"A gripper that opens to {max_opening_m:g} m cannot be planned for.",
            "Set gripper_stroke_m in the cell file (PiPER: 0.07, or 0.10 for the V2 gripper).",
        )
    return DETECTORS[name](max_opening_m)
