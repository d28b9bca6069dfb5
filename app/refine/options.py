"""`refine`: a larger model looks again."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from app.options import FreshOption, JsonOption, ModelOptions, add_command
from core.errors import ConfigurationError
from perception.estimators.options import EstimatorOptions

commands = typer.Typer()

#: `--against`: nothing; where it is left out, what a trial's own estimator said.
NOTHING, LOGGED = "none", ""


@dataclass(frozen=True, kw_only=True)
class RefineOptions(JsonOption, FreshOption, ModelOptions):
    """Let a larger model look at a recording, or at logged trials, and show where it disagrees."""

    recording: Annotated[
        Path | None, typer.Argument(help="A .bag, a .db3, a frame folder, a video.", show_default=False)
    ] = None
    trials: Annotated[bool, typer.Option("--trials", help="Logged trials instead of a recording.")] = False
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest trials.", show_default=False)] = None
    id: Annotated[int | None, typer.Option(min=1, help="Only this trial.", show_default=False)] = None
    out: Annotated[Path | None, typer.Option(help="Folder for a recording's results; default runs/refined/<name>.")] = (
        None
    )
    estimator: Annotated[str, typer.Option(help="The model that looks again.")] = "dkt-14b"
    against: Annotated[
        str,
        typer.Option(
            help="What it is compared with: another estimator, or none. Default: dkt-1.3b for a recording, for a "
            "trial what its own estimator said.",
            show_default=False,
        ),
    ] = LOGGED
    against_weights: Annotated[
        Path | None, typer.Option(help="The folder of the model compared with.", show_default=False)
    ] = None
    offload: Annotated[
        bool | None,
        typer.Option(
            "--offload/--no-offload",
            help="Keep the blocks in RAM; default: where they do not fit into the GPU's memory.",
            show_default=False,
        ),
    ] = None
    cell: Annotated[str, typer.Option(help="A cell by name or a YAML file; default: each trial's own.")] = ""

    @property
    def against_settings(self) -> EstimatorOptions:
        """A model of the larger one's family runs as that does, from its own weights; any other as by itself."""
        from perception.estimators.registry import find_estimator

        family = find_estimator(self.against).family
        if family and family == find_estimator(self.estimator).family:
            return replace(self.settings, weights=self.against_weights, offload=None)
        return EstimatorOptions(weights=self.against_weights, device=self.device)

    def __post_init__(self) -> None:
        """Raises a ConfigurationError where options contradict each other."""
        if (self.recording is None) != self.trials:
            raise ConfigurationError(
                "Refine either a recording or logged trials.", "python main.py refine RECORDING, or refine --trials"
            )
        if self.recording is not None and (self.last is not None or self.id is not None):
            raise ConfigurationError("--last and --id choose among logged trials.", "Add --trials, or leave them out.")
        if self.trials and self.out is not None:
            raise ConfigurationError("Trials are refined where they lie.", "Leave out --out.")
        if self.last is not None and self.id is not None:
            raise ConfigurationError("--last and --id both choose trials.", "Give one of them.")


add_command(commands, "refine", "app.refine.trials:refine", RefineOptions)
