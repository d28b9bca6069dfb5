"""`python main.py doctor`."""

from dataclasses import dataclass

import typer

from app.options import JsonOption, add_command

room = typer.Typer()


@dataclass(frozen=True)
class DoctorOptions(JsonOption):
    pass


def doctor(options: DoctorOptions) -> int:
    """What this machine can run, and the command that mends what it cannot."""
    from app.doctor.command import examine

    return examine(options.as_json)


add_command(room, "doctor", doctor, DoctorOptions)
