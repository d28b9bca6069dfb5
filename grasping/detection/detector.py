"""What a grasp detector says of itself, what it is shown, and what its author writes: one small class."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import Intrinsics
from grasping.detection.steering import Steering
from grasping.grasp_set import GraspSet
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap

#: Grasps kept apart as graspnetAPI does leave fewer than twenty on half of all bottles, too few to choose from.
SPACING = 0.7


@dataclass(frozen=True)
class DetectorInput:
    """A table in metric depth: depth_m (H, W) [m] with NaN holes, in the camera of `intrinsics`.

    plane: the table. region (H, W): False on what is not to be grasped (bin, tags, arms, off the table).
    confidence (H, W): the probability, 0..1, that a pixel's depth is right (a grasp's chance falls
    with it); None: nobody knows. normals (H, W, 3) in camera axes: used where finite instead of the depth's.
    objects: those on the table, where somebody told them apart already; depth_m is crisp at their outlines then.
    steering: which of them are meant, and from where to come. spacing: how unlike each other grasps are, as a share of
    graspnetAPI's distance and angle; the smaller, the more there are.
    """

    depth_m: NDArray[np.float32]
    intrinsics: Intrinsics
    plane: Plane
    region: NDArray[np.bool_]
    confidence: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    objects: ObjectMap | None = None
    steering: Steering = field(default_factory=Steering)
    spacing: float = SPACING

    def __post_init__(self) -> None:
        """Raises PerceptionError where the images are not of one size."""
        shape = (self.intrinsics.height, self.intrinsics.width)
        if self.objects is not None and self.objects.ids.shape != shape:
            raise PerceptionError(
                f"The objects are told for a picture of {self.objects.ids.shape}, the intrinsics are for {shape}.",
                "Tell objects apart in the very picture that depth is of.",
            )
        for name in ("depth_m", "region", "confidence", "normals"):
            image, expected = getattr(self, name), (*shape, 3) if name == "normals" else shape
            if image is not None and image.shape != expected:
                what = "The normals are" if name == "normals" else f"The {name.removesuffix('_m')} image is"
                raise PerceptionError(
                    f"{what} {image.shape}, the intrinsics are for {expected}.",
                    "Give images of one size, aligned to colour, with the intrinsics of that size.",
                )
        if self.steering.mask is not None and self.steering.mask.shape != shape:
            raise PerceptionError(
                f"The mask is {self.steering.mask.shape}, the intrinsics are for {shape}.",
                "Draw the mask on the very picture that depth is of.",
            )


class Detector(Protocol):
    """Metric depth in, grasps out."""

    def detect(self, given: DetectorInput, /) -> GraspSet:
        """Grasps of what stands on the table, best first, in the camera frame.

        A table with nothing on it, or nothing that the estimator is sure of, gives an empty set whose
        `note` says so.

        Raises:
            PerceptionError: depth without one finite pixel in the region.
        """
        ...


@dataclass(frozen=True)
class DetectorSpecification:
    """One detector: `DETECTOR` in its own file.

    name: what people type, what logs show. description: one line for people. needs: what a machine must have for
    it, '' if nothing. load: makes it ready for a gripper that opens so far [m]; what takes long to import is
    imported there.
    """

    name: str
    description: str
    load: Callable[[float], Detector]
    needs: str = ""
