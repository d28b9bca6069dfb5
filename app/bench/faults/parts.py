"""Vitro's own oracle, detector and planner as a lab's own parts, which can be broken in the middle of a trial.

Loaded as `--estimator parts.py` is: from its file.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.bench.faults.script import broken
from grasping.detection import antipodal
from grasping.detection.detector import Detector, DetectorInput
from grasping.grasp_set import GraspSet
from grasping.planning import motions
from perception.estimators import oracle
from perception.estimators.specification import Observation


class _Estimator:
    def estimate(self, seen: Sequence[Observation]) -> Any:
        return broken("estimator", lambda: oracle.Oracle().estimate(seen))


class _Detector:
    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def detect(self, given: DetectorInput) -> GraspSet:
        return broken("detector", lambda: self._detector.detect(given))


def _plan_motions(*given: Any) -> Any:
    return broken("planner", lambda: motions.PLANNER.plan_motions(*given))


ESTIMATOR = replace(oracle.ESTIMATOR, name="scripted", load=lambda options: _Estimator())
DETECTOR = replace(
    antipodal.DETECTOR, name="scripted", load=lambda opening: _Detector(antipodal.DETECTOR.load(opening))
)
PLANNER = replace(motions.PLANNER, name="scripted", plan_motions=_plan_motions)
