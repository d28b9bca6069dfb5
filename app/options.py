"""What the commands share: how they end, and the options that many of them take."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from core.errors import ConfigurationError, VitroError

P = ParamSpec("P")


def exits(command: Callable[P, int]) -> Callable[P, None]:
    """Turns a command's end into an exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

    @wraps(command)
    def run_to_exit(*args: P.args, **kwargs: P.kwargs) -> None:
        from app.console import Console

        try:
            code = command(*args, **kwargs)
        except ConfigurationError as error:
            Console(as_json=True).error(error)
            code = 2
        except VitroError as error:
            Console(as_json=True).error(error)
            code = 1
        except ModuleNotFoundError as error:
            Console(as_json=True).error(_not_installed(error))
            code = 1
        except KeyboardInterrupt:
            Console(as_json=True).say("Stopped.")
            code = 130
        raise typer.Exit(code)

    return run_to_exit


def _not_installed(error: ModuleNotFoundError) -> VitroError:
    package = (error.name or "").partition(".")[0]
    if (Path(__file__).parents[1] / package).is_dir():
        raise error  # a module of ours: a defect, not a set-up that was left out
    return ConfigurationError(
        f"This command needs {package}, which is not installed for {sys.executable}.",
        "Run ./setup.sh once; python3 main.py then finds the environment that it made.",
    )


Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")]
CellName = Annotated[str, typer.Option("--cell", help="A cell by name (app/cells/NAME.yaml) or a YAML file.")]
