"""What `bench depth` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from perception.learning.evaluation.subjects import SUBJECTS, UNTRAINED


@dataclass(frozen=True)
class BenchDepthOptions:
    """What was asked for; None: the model's own weights, all clips, all of their frames, a folder of the data
    set's name."""

    kind: str
    root: Path
    estimators: tuple[str, ...]
    weights: Path | None
    clips: int | None
    frames: int | None
    out: Path | None
    seed: int
    cell: str


def parse_estimators(text: str) -> tuple[str, ...]:
    """Names from a comma-separated list.

    Raises:
        ConfigurationError: none, or one that there is not.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in SUBJECTS]
    if not names or unknown:
        raise ConfigurationError(
            f"There is no estimator '{unknown[0]}'." if unknown else "--estimators names none.",
            f"Choose some of: {', '.join(SUBJECTS)}.",
        )
    return names


def demand_one_model(names: Sequence[str], weights: Path | None) -> None:
    """Raises a ConfigurationError where weights are given and there is not one model that they can be of."""
    models = [name for name in names if name not in UNTRAINED]
    if weights is not None and len(models) != 1:
        raise ConfigurationError(
            f"--weights are of one model, and --estimators names {', '.join(models) or 'none'}.",
            "Measure one model with weights of its own at a time; plane, raw, oracle and depth may stand beside it.",
        )
