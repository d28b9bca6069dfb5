"""What `--estimator auto` means on this machine, and why."""

from pathlib import Path

from errors import ConfigurationError
from perception.weights.models import is_complete, weights_folder

#: The model that the cell is made for.
MODEL = "dkt-1.3b"


def choose_estimator(asked: str, weights: Path | None = None) -> tuple[str, str]:
    """The estimator's name and the reason, as shown to the person.

    auto is DKT-1.3B where both its weights and a CUDA device are here, else the sensor's own depth.

    Raises:
        ConfigurationError: weights of a model that is not named.
    """
    if asked != "auto":
        return asked, "as asked"
    if weights is not None:
        raise ConfigurationError(
            "--weights are of one model, which --estimator auto does not know.",
            "Name it too: --estimator dkt takes any DKT's weights; docs/estimators.md has the others.",
        )
    if not is_complete(MODEL):
        return "raw", f"auto: the weights of {MODEL} are not in {weights_folder(MODEL)}, so the sensor's own depth"
    import torch

    if not torch.cuda.is_available():
        return "raw", f"auto: {MODEL} has its weights but no CUDA device, so the sensor's own depth"
    return MODEL, f"auto: its weights and {torch.cuda.get_device_name()} are here"
