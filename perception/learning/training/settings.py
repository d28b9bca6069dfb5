"""The settings of a DKT's training: the paper's numbers by default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ConfigurationError
from core.text_file import field_problems, read_yaml
from perception.estimators.dkt.sizes import MULTIPLE


class TrainingSettings(BaseModel):
    """A DKT training run. size: (width, height) [px]. What has a description is an option of `train dkt` too.

    weighting `plain`: every noise level counts alike (the paper's loss); `released`: the bell over the
    levels that the released `training_loss` multiplies with. precision: None is bf16 where CUDA is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: tuple[str, ...] = Field(
        min_length=1, description="KIND=FOLDER, repeatable: transphy3d, cleargrasp, dreds, hiss, ..."
    )
    weights: Path | None = Field(None, description="The base's weights folder, as dkt-1.3b's.")
    base: Literal["tiny"] | None = Field(None, description="tiny: a small random model, to try the training itself.")
    validation: tuple[str, ...] = Field(
        (), description="KIND=FOLDER to validate on; default: clips held out of the data."
    )
    init_lora: Path | None = Field(None, description="A LoRA to begin from, as the released one.")
    steps: int = Field(70_000, ge=1, description="Optimizer steps in all; the paper: 70000.")
    batch: int = Field(8, ge=1, description="Clips a step, over all GPUs; the paper: 8.")
    size: tuple[int, int] = Field((832, 480), description="WIDTHxHEIGHT; the paper: 832x480.")
    longest: int = Field(21, ge=1, description="Most frames of a clip, 4N+1; the paper: 21.")
    learning_rate: float = Field(1e-5, gt=0, description="Of AdamW; the paper: 1e-5.")
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    rank: int = Field(32, ge=1, description="Of the LoRA; default 32.")
    weighting: Literal["plain", "released"] = Field("plain", description="Of noise levels; default plain.")
    seed: int = Field(0, ge=0, description="Of everything that is drawn; default 0.")
    gradient_checkpointing: bool | None = Field(None, description="Less memory for time; default on CUDA.")
    precision: Literal["float32", "bfloat16"] | None = Field(
        None, description="Default: bfloat16 on CUDA, else float32."
    )
    deterministic: bool = Field(False, description="On CUDA: only kernels that add in a fixed order.")
    device: Literal["auto", "cpu"] = Field("auto", description="auto or cpu.")
    workers: int | None = Field(None, ge=0, description="Processes that read ahead, a GPU.")
    checkpoint_every: int = Field(500, ge=1, description="In steps; default 500.")
    keep: int = Field(3, ge=1, description="How many checkpoints stay; default 3.")
    validate_every: int = Field(1000, ge=0, description="In steps, 0: never; default 1000.")
    validation_clips: int = Field(2, ge=1)
    validation_steps: int = Field(5, ge=1)

    @field_validator("data", "validation")
    @classmethod
    def _are_kinds_and_roots(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from perception.learning.datasets.base import KINDS

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
        causes = [": ".join(filter(None, (".".join(field), what))) for field, what in field_problems(error.errors())]
        raise ConfigurationError(
            f"The training settings{f' of {config}' if config else ''} cannot be used: {'; '.join(causes)}.",
            "Mend them; perception/learning/training/settings.py lists all with their defaults, "
            "docs/training.md explains them.",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).", "Name a YAML with --config.") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}", "Mend the line it names.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no settings.", "Write lines such as: learning_rate: 1.0e-5")
    return content
