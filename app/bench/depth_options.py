"""What `bench depth` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from perception.estimators.specification import EstimatorSpecification


@dataclass(frozen=True)
class BenchDepthOptions:
    """What was asked for; None: the model's own weights, all clips, all of their frames, a folder of the data
    set's name."""

    kind: str
    root: Path
    estimators: tuple[EstimatorSpecification, ...]
    weights: Path | None
    clips: int | None
    frames: int | None
    out: Path | None
    seed: int
    cell: str


def demand_one_model(estimators: Sequence[EstimatorSpecification], weights: Path | None) -> None:
    """Raises a ConfigurationError where weights are given and there is not one model that they can be of."""
    models = [estimator.name for estimator in estimators if estimator.has_weights]
    if weights is not None and len(models) != 1:
        raise ConfigurationError(
            f"--weights are of one model, and --estimators names {', '.join(models) or 'none'}.",
            "Measure one model with weights of its own at a time; plane, raw, oracle and depth may stand beside it.",
        )
