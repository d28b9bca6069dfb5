"""How a learned estimator is set up: where its weights are, on what and how exactly it runs."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from core.errors import ConfigurationError


@dataclass(frozen=True)
class EstimatorOptions:
    """Every field has a default that the estimator chooses; one that it does not know is refused.

    weights: a folder or, where None, what `weights fetch` stored. size: (width, height) [px] it works
    at; its maps come in the frame's own size. steps: denoising steps. window, stride: of its sliding
    windows, in its own frames (DKT: latents). mode: `exact` computes as released, `fast` to a stated
    tolerance. device: `auto` takes CUDA where there is one. offload: weights wait in RAM and come block
    by block; None: where they do not fit into the device's memory.
    """

    weights: Path | None = None
    size: tuple[int, int] | None = None
    steps: int | None = None
    window: int | None = None
    stride: int | None = None
    dtype: Literal["float32", "bfloat16"] | None = None
    mode: Literal["exact", "fast"] | None = None
    device: str = "auto"
    offload: bool | None = None


def refuse_unknown(name: str, options: EstimatorOptions, known: tuple[str, ...] = ()) -> None:
    """Raises a ConfigurationError where a field is set that the estimator `name` does not know; `device` all take."""
    taken = (*known, "device")
    extra = [f.name for f in fields(options) if getattr(options, f.name) != f.default and f.name not in taken]
    if extra:
        raise ConfigurationError(
            f"The estimator '{name}' has no --{extra[0]}.",
            f"It takes: {', '.join(f'--{field}' for field in taken)}.",
        )
