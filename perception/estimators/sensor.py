"""The depth sensor's own answer: its depth, the baseline that fails on glass and mirrors, and the normals of it."""

from collections.abc import Sequence

from core.image import known_depth
from perception.estimators.specification import EstimatorSpecification, Map, Observation
from perception.normals import normals_from_depth


class SensorDepth:
    """Depth as it is, holes and lies included."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        depth_m = seen[-1].depth_m
        assert depth_m is not None
        return known_depth(depth_m)


class SensorNormals:
    """For comparison and for opaque scenes, NaN where the sensor saw too little."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        newest = seen[-1]
        assert newest.depth_m is not None and newest.intrinsics is not None
        return normals_from_depth(newest.depth_m, newest.intrinsics)


ESTIMATOR = EstimatorSpecification(
    "raw",
    "the sensor's depth as it is: the baseline that fails on glass and mirrors",
    "metric",
    load=lambda options: SensorDepth(),
    needs_depth=True,
    has_holes=True,
    is_sensor=True,
    is_crisp=True,
)
NORMALS = EstimatorSpecification(
    "depth",
    "those of the sensor's depth, where the frames have one",
    "normals",
    load=lambda options: SensorNormals(),
    needs_depth=True,
    has_holes=True,
)
