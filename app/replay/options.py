"""The command that shows a logged trial again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.options import CellName, JsonOption, add_command
from app.run.options import Boldness, DetectorOption

room = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(DetectorOption, JsonOption):
    """Show a trial again, step by step; run other estimators on its frames, beside what happened."""

    trial: Annotated[str, typer.Argument(help="A trial's number in the log, its folder, or its trial.mcap.")]
    estimators: Annotated[
        str, typer.Option(help="Run these on the stored frames: raw,vitro-s,...", show_default=False)
    ] = ""
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Whose frames; default: the last attempt's.", show_default=False)
    ] = None
    planner: Annotated[str, typer.Option(help="What plans motions: ompl, curobo, or a file of your own.")] = "ompl"
    boldness: Boldness = 0.9
    cell: CellName = ""
    out: Annotated[
        Path | None, typer.Option(help="Report folder; default runs/replay/<trial>.", show_default=False)
    ] = None
    headless: Annotated[bool, typer.Option("--headless", help="No page in the browser.")] = False
    page_host: Annotated[str, typer.Option(help="Where the page listens; beyond this machine it asks for a token.")] = (
        "127.0.0.1"
    )


add_command(room, "replay", "app.replay.command:replay_trial", ReplayOptions)
