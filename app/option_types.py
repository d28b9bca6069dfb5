"""Options that several commands share: of what type they are, and what a learned model takes."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.options import Parser
from core.errors import ConfigurationError
from perception.estimators.options import EstimatorOptions

#: In what numbers a model computes.
Dtype = Literal["float32", "bfloat16"]
Weights = Annotated[
    Path | None, typer.Option(help="The model's folder; default: what `weights fetch` stored.", show_default=False)
]
Size = tuple[int, int]


def parse_size(text: str, option: str = "--size") -> Size | None:
    """(width, height) of `WIDTHxHEIGHT`, None of nothing; option: what messages call it.

    Raises:
        ConfigurationError: anything else.
    """
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigurationError(f"{option} {text!r} is not WIDTHxHEIGHT.", f"For example: {option} 832x480")
    return int(parts[0]), int(parts[1])


@dataclass(frozen=True, kw_only=True)
class ModelOptions(EstimatorOptions):
    """What every command takes that runs a learned model; the defaults are those of `EstimatorOptions`."""

    weights: Weights
    size: Annotated[
        Size | None,
        Parser(parse_size),
        typer.Option(help="WIDTHxHEIGHT in pixels that the model works at, as 832x480.", show_default=False),
    ]
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps.", show_default=False)]
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Length of its windows, in its own frames (DKT: latents).", show_default=False),
    ]
    stride: Annotated[int | None, typer.Option(min=1, help="From one window's start to the next.", show_default=False)]
    dtype: Annotated[Dtype | None, typer.Option(help="What it computes in.", show_default=False)]
    mode: Annotated[
        Literal["exact", "fast"] | None,
        typer.Option(help="As released, or to a stated tolerance.", show_default=False),
    ]
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]

    @property
    def settings(self) -> EstimatorOptions:
        """What of them the model itself takes."""
        return EstimatorOptions(**{field.name: getattr(self, field.name) for field in fields(EstimatorOptions)})


@dataclass(frozen=True, kw_only=True)
class FreshOption:
    """What every command takes that goes on with what it finds."""

    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, whatever is there already.")] = False
