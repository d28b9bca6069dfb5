"""The commands that work through clips: `depth` and `normals`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.options import CellName, Json, exits
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from perception.estimators.options import EstimatorOptions

clips = typer.Typer()


class Dtype(StrEnum):
    """In what numbers a model computes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Mode(StrEnum):
    """How a model computes."""

    EXACT = "exact"
    FAST = "fast"


Source = Annotated[Path, typer.Argument(help="A video, a folder of images, a frame folder, a .bag or a .db3.")]
Out = Annotated[Path, typer.Option(help="The folder for the results; a run that was cut off goes on there.")]
Weights = Annotated[
    Path | None, typer.Option(help="The model's folder; default: what `weights fetch` stored.", show_default=False)
]
Size = Annotated[
    str, typer.Option(help="WIDTHxHEIGHT in pixels that the model works at, as 832x480.", show_default=False)
]
Steps = Annotated[int | None, typer.Option(min=1, help="Denoising steps.", show_default=False)]
Window = Annotated[
    int | None, typer.Option(min=1, help="Length of its windows, in its own frames (DKT: latents).", show_default=False)
]
Stride = Annotated[int | None, typer.Option(min=1, help="From one window's start to the next.", show_default=False)]
Numbers = Annotated[Dtype | None, typer.Option("--dtype", help="What it computes in.", show_default=False)]
HowExact = Annotated[
    Mode | None, typer.Option("--mode", help="As released, or to a stated tolerance.", show_default=False)
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start anew, whatever is there already.")]


@clips.command()
@exits
def depth(
    source: Source,
    out: Out,
    estimator: Annotated[
        str, typer.Option(help="auto, vitro-s, dkt-1.3b, dkt-14b, dkt (any --weights), raw, ...")
    ] = "auto",
    weights: Weights = None,
    size: Size = "",
    steps: Steps = None,
    window: Window = None,
    stride: Stride = None,
    dtype: Numbers = None,
    mode: HowExact = None,
    device: Device = "auto",
    cell: CellName = "sim",
    fresh: Fresh = False,
    as_json: Json = False,
) -> int:
    """The depth of a clip of any length, in metres where the cell's tags or table are seen."""
    from app.clips.clip_run import ClipRequest
    from app.clips.depth import estimate_depth

    settings = settings_of(weights, size, steps, window, stride, dtype, mode, device)
    return estimate_depth(ClipRequest(source, out, estimator, settings, fresh), cell, as_json)


@clips.command()
@exits
def normals(
    source: Source,
    out: Out,
    estimator: Annotated[
        str, typer.Option(help="dkt-normal-14b, dkt-normal (any --weights), or depth: of the frames' own depth.")
    ] = "dkt-normal-14b",
    weights: Weights = None,
    size: Size = "",
    steps: Steps = None,
    window: Window = None,
    stride: Stride = None,
    dtype: Numbers = None,
    mode: HowExact = None,
    device: Device = "auto",
    fresh: Fresh = False,
    as_json: Json = False,
) -> int:
    """The surface normals of a clip of any length, as unit vectors in the camera's axes."""
    from app.clips.clip_run import ClipRequest
    from app.clips.normals import estimate_normals

    settings = settings_of(weights, size, steps, window, stride, dtype, mode, device)
    return estimate_normals(ClipRequest(source, out, estimator, settings, fresh), as_json)


def parse_size(text: str, option: str = "--size") -> tuple[int, int] | None:
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


def settings_of(
    weights: Path | None,
    size: str,
    steps: int | None,
    window: int | None,
    stride: int | None,
    dtype: Dtype | None,
    mode: Mode | None,
    device: str,
) -> "EstimatorOptions":
    from perception.estimators.options import EstimatorOptions

    return EstimatorOptions(
        weights,
        parse_size(size),
        steps,
        window,
        stride,
        None if dtype is None else dtype.value,
        None if mode is None else mode.value,
        device,
    )
