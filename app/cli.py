"""The commands and their options; the bodies live in `app/<subject>/` and load when called."""

from collections.abc import Sequence

import typer

from app.bench.cli import benches
from app.calibrate.cli import room as calibrate
from app.clips.cli import clips
from app.doctor.cli import room as doctor
from app.refine.cli import refining
from app.run.cli import room as run
from app.synth.cli import synthesis
from app.train.cli import trains
from app.trials.cli import room as trials
from app.weights.command import weights_app

app = typer.Typer(
    name="vitro",
    help="Lets a robot pick up what depth cameras cannot see.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.add_typer(run)
app.add_typer(doctor)
app.add_typer(calibrate)
app.add_typer(trials, name="trials")
app.add_typer(weights_app, name="weights")
app.add_typer(benches, name="bench")
app.add_typer(trains, name="train")
app.add_typer(clips)
app.add_typer(refining)
app.add_typer(synthesis)


def main(arguments: Sequence[str]) -> None:
    """Runs one command and exits with its code; options without a command mean `run`."""
    arguments = list(arguments)
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("--help", "-h"):
        arguments.insert(0, "run")
    app(arguments, prog_name="main.py")
