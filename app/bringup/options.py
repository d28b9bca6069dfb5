"""The command `bringup`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import ArmsName, CameraName, CellName, add_command

commands = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class BringupOptions:
    """Lead a new cell to its first grasp, step by step; goes on where it was left."""

    cell: CellName = ""
    camera: CameraName = "auto"
    arms: ArmsName = "auto"
    again: Annotated[str, typer.Option(metavar="STEP", help="Repeat this step and those after it.")] = ""


add_command(commands, "bringup", "app.bringup.command:bring_up", BringupOptions)
