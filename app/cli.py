"""The rooms of commands; a room's options are in its `cli.py`, what its commands do loads when one is called."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from app.calibrate.cli import room as calibrate
from app.clips.cli import clips
from app.doctor.cli import room as doctor
from app.refine.cli import refining
from app.run.cli import room as run
from app.synth.cli import synthesis

#: Commands that follow another word: where they are, and what they are for.
GROUPS = {
    "trials": ("app.trials.cli:room", "The log of trials."),
    "weights": ("app.weights.command:weights_app", "The models' weights: fetched once, checked, found again."),
    "bench": ("app.bench.cli:benches", "Slow proofs, with the results kept in docs/."),
    "train": ("app.train.cli:trains", "Training of models, and going on with it."),
}

app = typer.Typer(
    name="vitro",
    help="Lets a robot pick up what depth cameras cannot see.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


class Group(TyperGroup):
    """Imports its commands when one is asked for: some bring the heavy imports of their settings along."""

    place = ""

    @property
    def commands(self) -> Any:
        module, _, room = self.place.partition(":")
        return typer.main.get_group(getattr(import_module(module), room)).commands

    @commands.setter
    def commands(self, none: Any) -> None:
        """Typer gives it the commands that it has by now: none."""


for room in (run, doctor, calibrate, clips, refining, synthesis):
    app.add_typer(room)
for name, (place, purpose) in GROUPS.items():
    group = type("Group", (Group,), {"place": place})
    app.add_typer(typer.Typer(), name=name, help=purpose, no_args_is_help=True, cls=group)


def main(arguments: Sequence[str]) -> None:
    """Runs one command and exits with its code; options without a command mean `run`."""
    arguments = list(arguments)
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("--help", "-h"):
        arguments.insert(0, "run")
    app(arguments, prog_name="main.py")
