"""The commands that show again what happened: a logged trial, and what its planner saw and did."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.options import CellName, JsonOption, PageHost, add_command
from app.run.options import Boldness, DetectorOption, Objects, Planner, SeedOption
from core.surfaces import Surface

commands = typer.Typer()

Attempt = Annotated[
    int | None, typer.Option(min=1, help="Whose frames; default: the last attempt's.", show_default=False)
]
Headless = Annotated[bool, typer.Option("--headless", help="No page in the browser.")]


@dataclass(frozen=True, kw_only=True)
class StoredTrialOptions(DetectorOption, JsonOption):
    """What every command takes that looks at a trial again."""

    attempt: Attempt = None
    planner: Planner = "ompl"
    boldness: Boldness = 0.9
    cell: CellName = ""
    headless: Headless = False
    page_host: PageHost = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(StoredTrialOptions):
    """Show a trial again, step by step; run other estimators on its frames, beside what happened."""

    trial: Annotated[str, typer.Argument(help="A trial's number in the log, its folder, or its trial.mcap.")]
    estimators: Annotated[
        str, typer.Option(help="Run these on the stored frames: raw,vitro-s,...", show_default=False)
    ] = ""
    out: Annotated[
        Path | None, typer.Option(help="Report folder; default runs/replay/<trial>.", show_default=False)
    ] = None


@dataclass(frozen=True, kw_only=True)
class PlanViewOptions(StoredTrialOptions, SeedOption):
    """Show what the planner saw and did: voxels, spheres, every grasp by what became of it, the tool's path."""

    trial: Annotated[
        str, typer.Argument(help="As of `replay`; left out: a scene of the digital cell.", show_default=False)
    ] = ""
    surface: Annotated[Surface, typer.Option(help="Of the scene in the digital cell.")] = Surface.REFLECTIVE
    objects: Objects = 3
    estimator: Annotated[
        str, typer.Option(help="Default: the trial's own; of a scene, the oracle.", show_default=False)
    ] = ""
    out: Annotated[Path | None, typer.Option(help="Also as a picture, NAME.png.", show_default=False)] = None


add_command(commands, "replay", "app.replay.command:replay_trial", ReplayOptions)
add_command(commands, "plan-view", "app.plan_view.command:view_plan", PlanViewOptions)
