"""What a training run is told: the paper's numbers where nothing else is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ConfigurationError
from perception.learning.datasets.base import KINDS

#: Frames of a training clip: 4N + 1, N uniform in 0..5 (the paper's numbers).
LONGEST = 21
#: Pixels that one token stands for on either side, as in inference.
MULTIPLE = 16


class TrainingSettings(BaseModel):
    """A DKT training run. Sizes in pixels (width, height), lengths in frames.

    data, validation: `kind=ROOT`. weights: the base's folder; base `tiny`: a small random model instead.
    weighting `plain`: every noise level counts alike (the paper's loss); `released`: the bell over the
    levels that the released `training_loss` multiplies with. precision: None is bf16 where CUDA is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: tuple[str, ...] = Field(min_length=1)
    validation: tuple[str, ...] = ()
    weights: Path | None = None
    base: Literal["tiny"] | None = None
    init_lora: Path | None = None
    steps: int = Field(70_000, ge=1)
    batch: int = Field(8, ge=1)
    size: tuple[int, int] = (832, 480)
    longest: int = Field(LONGEST, ge=1)
    learning_rate: float = Field(1e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    rank: int = Field(32, ge=1)
    weighting: Literal["plain", "released"] = "plain"
    seed: int = Field(0, ge=0)
    gradient_checkpointing: bool | None = None
    precision: Literal["float32", "bfloat16"] | None = None
    deterministic: bool = False
    device: Literal["auto", "cpu"] = "auto"
    workers: int | None = Field(None, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    keep: int = Field(3, ge=1)
    validate_every: int = Field(1000, ge=0)
    validation_clips: int = Field(2, ge=1)
    validation_steps: int = Field(5, ge=1)

    @field_validator("data", "validation")
    @classmethod
    def _are_kinds_and_roots(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            kind, _, root = entry.partition("=")
            if kind not in KINDS or not root:
                raise ValueError(f"{entry!r} is not KIND=FOLDER with one of {', '.join(KINDS)}")
        return value

    @field_validator("size")
    @classmethod
    def _is_a_multiple(cls, value: tuple[int, int]) -> tuple[int, int]:
        if any(side < MULTIPLE or side % MULTIPLE for side in value):
            nearest = "x".join(str(max(1, round(side / MULTIPLE)) * MULTIPLE) for side in value)
            raise ValueError(f"{value[0]}x{value[1]} is not in multiples of {MULTIPLE} (try {nearest})")
        return value

    @field_validator("longest")
    @classmethod
    def _is_whole_latents(cls, value: int) -> int:
        if value % 4 != 1:
            raise ValueError(f"{value} is not 4N + 1 (try {value - (value - 1) % 4})")
        return value

    @model_validator(mode="after")
    def _has_one_base(self) -> "TrainingSettings":
        if (self.weights is None) == (self.base is None):
            raise ValueError("say what is trained: weights (a folder) or base tiny, not both")
        return self


#: What makes a small random model a matter of minutes on a CPU; given values go before.
TINY_DEFAULTS: dict[str, Any] = {
    "steps": 60,
    "batch": 2,
    "size": (208, 112),
    "longest": 5,
    "learning_rate": 1e-3,
    "rank": 8,
    "checkpoint_every": 20,
    "validate_every": 30,
    "validation_clips": 1,
}


def read_settings(config: Path | None, given: Mapping[str, Any]) -> TrainingSettings:
    """The settings of a YAML file, where there is one, and of what was given (None: not given), which goes before.

    Raises:
        ConfigurationError: no such file, no YAML, or a setting that is unknown or makes no sense; all are named.
    """
    values = (_read(config) if config is not None else {}) | {k: v for k, v in given.items() if v is not None}
    if values.get("base") == "tiny":
        values = TINY_DEFAULTS | values
    try:
        return TrainingSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            f"The training settings{f' of {config}' if config else ''} cannot be used: "
            f"{'; '.join(map(_told, error.errors()))}.",
            "Mend them; perception/learning/training/settings.py lists all with their defaults, "
            "docs/training.md explains them.",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).", "Name a YAML with --config.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}", "Mend the line it names.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no settings.", "Write lines such as: learning_rate: 1.0e-5")
    return content


def _told(error: Mapping[str, Any]) -> str:
    what = error["msg"].removeprefix("Value error, ")
    field = ".".join(map(str, error["loc"]))
    return f"{field}: {what}" if field else what
