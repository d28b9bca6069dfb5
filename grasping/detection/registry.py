"""The detectors there are. A new one is a file with its specification, and a line in the list below."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ConfigurationError, PerceptionError, did_you_mean
from core.plugins import is_plugin, load_plugin, naming_failures
from grasping.detection import antipodal, anygrasp, graspgen
from grasping.detection.detector import Detector, DetectorInput, DetectorSpecification
from grasping.grasp_set import FEATURES, OBJECT, SCORE, GraspSet, check_rows

#: By name, in the order in which people are told of them.
DETECTORS = {
    specification.name: specification for specification in (antipodal.DETECTOR, anygrasp.DETECTOR, graspgen.DETECTOR)
}


def find_detector(name: str) -> DetectorSpecification:
    """The detector of a name, or of a lab's own file: path/to/file.py, which defines `DETECTOR`.

    Raises:
        ConfigurationError: there is none.
    """
    if is_plugin(name):
        return load_plugin(Path(name), "DETECTOR", DetectorSpecification)
    if name not in DETECTORS:
        raise ConfigurationError(
            f"There is no detector '{name}'.{did_you_mean(name, DETECTORS)}",
            f"Choose one of: {', '.join(DETECTORS)}. Or a file of your own: path/to/file.py",
        )
    return DETECTORS[name]


def create_detector(name: str, max_opening_m: float = 0.07) -> Detector:
    """The detector that `find_detector` knows by `name`, for a gripper that opens to `max_opening_m`.

    Raises:
        ConfigurationError: an unknown name, a gripper that cannot open, or a detector that this
            machine cannot run.
    """
    specification = find_detector(name)
    if not 0.02 <= max_opening_m <= 0.20:
        raise ConfigurationError(
            f"A gripper that opens to {max_opening_m:g} m cannot be planned for.",
            "Set gripper_stroke_m in the cell file (PiPER: 0.07, or 0.10 for the V2 gripper).",
        )
    if not is_plugin(name):
        return specification.load(max_opening_m)
    return _OwnDetector(Path(name).expanduser().resolve(), specification, max_opening_m)


class _OwnDetector:
    """A lab's own: what fails in its file is named with its line, and what it returns is checked."""

    def __init__(self, file: Path, specification: DetectorSpecification, max_opening_m: float) -> None:
        self._file, self._name = file, specification.name
        with naming_failures(file, "loaded"):
            self._detector = specification.load(max_opening_m)

    def detect(self, given: DetectorInput) -> GraspSet:
        with naming_failures(self._file, "run", kind=PerceptionError):
            grasps = self._detector.detect(given)
            if not isinstance(grasps, GraspSet):
                raise TypeError(f"detect returned a {type(grasps).__name__}, not a GraspSet")
            if grasps.cloud_m.shape != (len(grasps.labels), 3):
                raise ValueError(f"cloud_m is {grasps.cloud_m.shape} for {len(grasps.labels)} labels")
            rows = check_rows(grasps.rows, f"{self._name}'s grasps")
            shape = (len(rows), len(FEATURES))
            if grasps.features is not None and grasps.features.shape != shape:
                raise ValueError(f"features is {grasps.features.shape}, not {shape}")
        grasps = replace(grasps, rows=rows, detector=self._name)
        meant = given.steering.meant(grasps.cloud_m.astype(float), grasps.labels, given.intrinsics)
        # Without a mask all are meant, whatever a lab's own detector calls them.
        of_meant = np.isin(rows[:, OBJECT], meant) | (given.steering.mask is None)
        grasps = grasps[np.flatnonzero(of_meant)]
        rows, kept = given.steering.steered(grasps.rows)
        best_first = np.argsort(-rows[:, SCORE], kind="stable")
        return replace(grasps[kept], rows=rows)[best_first]
