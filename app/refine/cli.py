"""The command that lets a larger model look again: `refine`."""

from pathlib import Path
from typing import Annotated

import typer

from app.clips.cli import Device, Fresh, HowExact, Numbers, Size, Steps, Stride, Weights, Window, settings_of
from app.options import Json, exits
from core.errors import ConfigurationError

refining = typer.Typer()


@refining.command()
@exits
def refine(
    recording: Annotated[
        Path | None, typer.Argument(help="A .bag, a .db3, a frame folder, a video.", show_default=False)
    ] = None,
    trials: Annotated[bool, typer.Option("--trials", help="Logged trials instead of a recording.")] = False,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest trials.", show_default=False)] = None,
    id: Annotated[int | None, typer.Option("--id", min=1, help="Only this trial.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a recording's results; default runs/refined/<name>.")
    ] = None,
    estimator: Annotated[str, typer.Option(help="The model that looks again.")] = "dkt-14b",
    against: Annotated[
        str,
        typer.Option(
            help="What it is compared with: another estimator, or none. Default: dkt-1.3b for a recording, for a "
            "trial what its own estimator said.",
            show_default=False,
        ),
    ] = "",
    weights: Weights = None,
    against_weights: Annotated[
        Path | None, typer.Option(help="The folder of the model compared with.", show_default=False)
    ] = None,
    size: Size = "",
    steps: Steps = None,
    window: Window = None,
    stride: Stride = None,
    dtype: Numbers = None,
    mode: HowExact = None,
    device: Device = "auto",
    offload: Annotated[
        bool | None,
        typer.Option(
            "--offload/--no-offload",
            help="Keep the blocks in RAM; default: where they do not fit into the GPU's memory.",
            show_default=False,
        ),
    ] = None,
    cell: Annotated[str, typer.Option("--cell", help="A cell by name or a YAML file; default: each trial's own.")] = "",
    fresh: Fresh = False,
    as_json: Json = False,
) -> int:
    """Let a larger model look at a recording, or at logged trials, and show where it disagrees."""
    from dataclasses import replace

    from app.refine.command import refine_logged, refine_recording
    from app.refine.log import RefineOptions

    _refuse_contradictions(recording, trials, out, last, id)
    settings = replace(settings_of(weights, size, steps, window, stride, dtype, mode, device), offload=offload)
    options = RefineOptions(estimator, settings, against, against_weights, cell, fresh)
    if recording is not None:
        return refine_recording(options, recording, out, as_json)
    return refine_logged(options, last, id, as_json)


def _refuse_contradictions(
    recording: Path | None, trials: bool, out: Path | None, last: int | None, id: int | None
) -> None:
    if (recording is None) != trials:
        raise ConfigurationError(
            "Refine either a recording or logged trials.", "python main.py refine RECORDING, or refine --trials"
        )
    if recording is not None and (last is not None or id is not None):
        raise ConfigurationError("--last and --id choose among logged trials.", "Add --trials, or leave them out.")
    if trials and out is not None:
        raise ConfigurationError("Trials are refined where they lie.", "Leave out --out.")
    if last is not None and id is not None:
        raise ConfigurationError("--last and --id both choose trials.", "Give one of them.")
