"""The depth estimators by name. A new one is a line in `ESTIMATORS` and a factory below it."""

from collections.abc import Callable

from numpy.typing import NDArray

from errors import ConfigurationError
from perception.estimators.base import DepthEstimator

Truth = Callable[[int], NDArray] | None


def create_estimator(name: str, truth: Truth = None) -> DepthEstimator:
    """Builds the estimator called `name`; truth is the world's, None on real cameras and recordings.

    Raises:
        ConfigurationError: no such estimator, or one that needs a truth that there is not.
    """
    if name not in _FACTORIES:
        raise ConfigurationError(f"There is no estimator '{name}'.", f"Choose one of: {', '.join(ESTIMATORS)}.")
    return _FACTORIES[name](truth)


def _raw(truth: Truth) -> DepthEstimator:
    from perception.estimators.raw import RawEstimator

    return RawEstimator()


def _oracle(truth: Truth) -> DepthEstimator:
    from perception.estimators.oracle import OracleEstimator

    if truth is None:
        raise ConfigurationError(
            "The oracle is a cheat that reads the simulator's truth, and a real camera or a recording has none.",
            "Choose another estimator, or --camera sim.",
        )
    return OracleEstimator(truth)


#: What people may choose, in a line each.
ESTIMATORS: dict[str, str] = {
    "raw": "the sensor's depth as it is: the baseline that fails on glass and mirrors",
    "oracle": "the simulator's truth (a cheat, digital cell only): what perfect depth would give",
}

_FACTORIES: dict[str, Callable[[Truth], DepthEstimator]] = {"raw": _raw, "oracle": _oracle}
