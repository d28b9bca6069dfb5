"""What `--estimator auto` means on this machine, and why."""

from pathlib import Path

from core.errors import ConfigurationError
from perception.estimators.registry import find_estimator
from perception.estimators.specification import EstimatorSpecification
from perception.weights.models import is_complete

#: The model that the cell is made for.
MODEL = "dkt-1.3b"
#: The small one that needs neither a GPU nor a download, and what is left where its file is missing.
BUNDLED, SENSOR = "vitro-s", "raw"


def choose_estimator(asked: str, weights: Path | None = None) -> tuple[str, str]:
    """The estimator's name and the reason, as shown to the person.

    auto is DKT-1.3B where both its weights and a CUDA device are here, else the bundled vitro-s, and the
    sensor's own depth only where that is missing.

    Raises:
        ConfigurationError: weights of a model that is not named.
    """
    if asked != "auto":
        return asked, "as asked"
    if weights is not None:
        raise ConfigurationError(
            "--weights are of one model, which --estimator auto does not know.",
            "Name it too: --estimator vitro-s for what `train vitro-s` wrote, --estimator dkt for any DKT's; "
            "docs/estimators.md has the others.",
        )
    why, no_bundled = _lacks(find_estimator(MODEL)), _lacks(find_estimator(BUNDLED))
    if not why:
        import torch

        return MODEL, f"auto: its weights and {torch.cuda.get_device_name()} are here"
    if not no_bundled:
        return BUNDLED, f"auto: {why}"
    return SENSOR, f"auto: {why}, {no_bundled}"


def _lacks(estimator: EstimatorSpecification) -> str:
    """What keeps an estimator from running well on this machine; empty: nothing."""
    if estimator.weights is not None and not is_complete(estimator.weights.name):
        return f"no weights of {estimator.name}"
    if estimator.needs_gpu:
        import torch

        if not torch.cuda.is_available():
            return f"no CUDA device for {estimator.name}"
    if estimator.bundled is not None and not has_bundled():
        return f"no file of {estimator.name}"
    return ""


def has_bundled() -> bool:
    """Whether the weights of the bundled model came along with the code."""
    from perception.estimators.vitro_s.model import WEIGHTS

    return WEIGHTS.is_file()
