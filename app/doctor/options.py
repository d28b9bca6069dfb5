"""The doctor's command and what it takes."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import CellName, JsonOption, add_command

commands = typer.Typer()


@dataclass(frozen=True)
class DoctorOptions(JsonOption):
    """What this machine can run, and the command that mends what it cannot."""

    cell: CellName = "lab"
    fix: Annotated[bool, typer.Option("--fix", help="Only the commands that mend, one a line; none is run.")] = False


add_command(commands, "doctor", "app.doctor.command:examine", DoctorOptions)
