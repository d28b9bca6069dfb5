"""How likely a grasp is to succeed: a logistic model of a few features that a detector knows of it.

Every feature is a share 0..1 of what would be best, so that more of any never lowers the probability, and the
weakest can be named. The coefficients are `success.json` beside this file, fitted by `bench calibrate` to trials.
"""

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, PlanningError
from core.text_file import read_json
from grasping.grasp_set import FEATURES, SCORE, GraspSet

#: What people are told is missing, by feature.
WORDS = {
    "score": "a good fit of the fingers to its shape",
    "confidence": "sureness of its depth",
    "margin": "room between the open fingers",
    "seen": "a surface that was seen, not guessed",
    "insertion": "room to go in deep",
    "height": "height above the table",
    "clearance": "distance to its neighbours",
}
COEFFICIENTS = Path(__file__).with_name("success.json")


@dataclass(frozen=True)
class SuccessModel:
    """P = 1 / (1 + exp(-bias - weights . features)).

    weights and typical (F,) in the order of `FEATURES`; typical: what stands for a feature that is not known (NaN).
    source: what it was fitted to, in words.
    """

    bias: float
    weights: tuple[float, ...]
    typical: tuple[float, ...]
    source: str = ""

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) of features (N, F), NaN where unknown."""
        return 1 / (1 + np.exp(-self.bias - self._fill_unknown(features) @ np.array(self.weights)))

    def weakest(self, features: NDArray[np.float64]) -> str:
        """The feature (of F) that costs the most against its best."""
        return FEATURES[int((np.array(self.weights) * (1 - self._fill_unknown(features))).argmax())]

    def rank(self, grasps: GraspSet) -> GraspSet:
        """The grasps with their probability as score, best first."""
        if not len(grasps):
            return grasps
        features = grasps.features_or_unknown
        rows = grasps.rows.copy()
        rows[:, SCORE] = self.probability(features)
        best_first = np.argsort(-rows[:, SCORE], kind="stable")
        return replace(grasps, rows=rows[best_first], features=features[best_first])

    def bold_enough(self, grasps: GraspSet, boldness: float) -> GraspSet:
        """Of ranked grasps, one at least, those that are expected to succeed with 1 - boldness or more.

        Raises:
            PlanningError: none is likely enough, and what the likeliest lacks.
        """
        tried = grasps[grasps.rows[:, SCORE] >= 1 - boldness]
        if not len(tried):
            lacks = WORDS[self.weakest(grasps.features_or_unknown[0])]
            raise PlanningError(
                f"No grasp was found that is likely enough: the best of {len(grasps)} is expected to succeed in "
                f"{grasps.rows[0, SCORE]:.0%}; above all it lacks {lacks}.",
                f"Raise --boldness ({boldness:g} tries {1 - boldness:.0%} and more), move the object or the light, or "
                "try another --estimator.",
            )
        return tried

    def write(self, path: Path) -> None:
        """Raises OSError."""
        facts = asdict(self) | {name: dict(zip(FEATURES, getattr(self, name), strict=True)) for name in _BY_FEATURE}
        path.write_text(json.dumps(facts, indent=2) + "\n")

    def _fill_unknown(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isfinite(features), features, np.array(self.typical))


_BY_FEATURE = ("weights", "typical")


@cache
def load_success_model(path: Path = COEFFICIENTS) -> SuccessModel:
    """The model of a file that `SuccessModel.write` wrote.

    Raises:
        ConfigurationError: it is not there, or holds something else.
    """
    try:
        facts = read_json(path)
        lists = {name: tuple(float(facts[name][feature]) for feature in FEATURES) for name in _BY_FEATURE}
        return SuccessModel(float(facts["bias"]), source=str(facts["source"]), **lists)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no coefficients of grasp success ({error!r}).", "Fit them: python main.py bench calibrate"
        ) from error
