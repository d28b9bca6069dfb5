"""The depth estimators by name. A new one is a line in `ESTIMATORS` and a factory below it."""

from collections.abc import Callable

from numpy.typing import NDArray

from errors import ConfigurationError
from perception.estimators.base import ClipEstimator, DepthEstimator, NormalEstimator
from perception.estimators.options import EstimatorOptions, refuse_unknown

Truth = Callable[[int], NDArray] | None

DEFAULTS = EstimatorOptions()


def create_estimator(name: str, truth: Truth = None, options: EstimatorOptions = DEFAULTS) -> DepthEstimator:
    """Builds the estimator called `name`; truth is the world's, None on real cameras and recordings.

    Raises:
        ConfigurationError: no such estimator, or one that needs a truth that there is not.
    """
    if name not in _FACTORIES:
        raise ConfigurationError(f"There is no estimator '{name}'.", f"Choose one of: {', '.join(ESTIMATORS)}.")
    return _FACTORIES[name](truth, options)


def _raw(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
    from perception.estimators.raw import RawEstimator

    return RawEstimator()


def _oracle(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
    from perception.estimators.oracle import OracleEstimator

    if truth is None:
        raise ConfigurationError(
            "The oracle is a cheat that reads the simulator's truth, and a real camera or a recording has none.",
            "Choose another estimator, or --camera sim.",
        )
    return OracleEstimator(truth)


def _raw_clip(options: EstimatorOptions) -> ClipEstimator:
    from perception.estimators.raw import RawClipEstimator

    refuse_unknown("raw", options)
    return RawClipEstimator()


#: What people may choose, in a line each.
ESTIMATORS: dict[str, str] = {
    "raw": "the sensor's depth as it is: the baseline that fails on glass and mirrors",
    "oracle": "the simulator's truth (a cheat, digital cell only): what perfect depth would give",
}

_FACTORIES: dict[str, Callable[[Truth, EstimatorOptions], DepthEstimator]] = {"raw": _raw, "oracle": _oracle}

#: Those that work through clips (`python main.py depth`), with what they are in a line.
CLIP_ESTIMATORS: dict[str, str] = {"raw": "the sensor's depth as it is, where the frames have one"}

_CLIP_FACTORIES: dict[str, Callable[[EstimatorOptions], ClipEstimator]] = {"raw": _raw_clip}


def create_clip_estimator(name: str, options: EstimatorOptions = DEFAULTS) -> ClipEstimator:
    """Builds the clip estimator called `name`.

    Raises:
        ConfigurationError: no such estimator, or options that it does not know.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    if name not in _CLIP_FACTORIES:
        raise ConfigurationError(
            f"There is no clip estimator '{name}'.", f"Choose one of: {', '.join(CLIP_ESTIMATORS)}."
        )
    return _CLIP_FACTORIES[name](options)


#: Those that give surface normals (`python main.py normals`), with what they are in a line.
NORMAL_ESTIMATORS: dict[str, str] = {}

_NORMAL_FACTORIES: dict[str, Callable[[EstimatorOptions], NormalEstimator]] = {}


def create_normal_estimator(name: str, options: EstimatorOptions = DEFAULTS) -> NormalEstimator:
    """Builds the normal estimator called `name`.

    Raises:
        ConfigurationError: no such estimator, or options that it does not know.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    if name not in _NORMAL_FACTORIES:
        raise ConfigurationError(
            f"There is no normal estimator '{name}'.", f"Choose one of: {', '.join(NORMAL_ESTIMATORS)}."
        )
    return _NORMAL_FACTORIES[name](options)
