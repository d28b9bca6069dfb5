"""Commands made from frozen dataclasses: an option is declared once, as a field of its command's options.

A field's annotation says how it is given, its default what holds where it is not (one without a word on that is no
option):

    @dataclass(frozen=True)
    class RecordOptions(JsonOption):
        '''Record any camera to a file.'''

        out: Annotated[Path, typer.Option(help="The recording to write.")]
        frames: Annotated[int, typer.Option(min=1, help="How many frames to record.")] = 3

    add_command(app, "record", "app.recordings.record:record_camera", RecordOptions)

Fields inherited from a base are options of every command that has it; those that several share are here.
"""

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from app.paths import cell_file, demand_file, expand_home
from core.errors import ConfigurationError, VitroError, did_you_mean
from core.plugins import is_plugin
from core.size import Size, parse_size
from perception.estimators.options import EstimatorOptions

Options = TypeVar("Options")
CameraName = Annotated[str, typer.Option(help="auto, sim, d435 or d435:SERIAL.")]
ArmsName = Annotated[str, typer.Option(help="auto, sim or piper.")]
Yes = Annotated[bool, typer.Option("--yes", help="Approve every motion that the gate passes.")]
PageHost = Annotated[str, typer.Option(help="Where the page listens; beyond this machine it asks for a token.")]

#: The largest number that an option takes: seeds of every library are of 32 bits, and scenes count on from theirs.
LARGEST = 2**31 - 1
#: In what numbers a model computes.
Dtype = Literal["float32", "bfloat16"]
Weights = Annotated[
    Path | None, typer.Option(help="The model's folder; default: what `weights fetch` stored.", show_default=False)
]


@dataclass(frozen=True)
class Check:
    """In a field's annotation: what raises for a value that cannot be right, before the command's imports take seconds.

    Not asked about a value that is empty.
    """

    look: Callable[[Any], object]


def demand_part(choice: str) -> None:
    """Raises ConfigurationError for a file of a lab's own that is not there."""
    if is_plugin(choice):
        demand_file(expand_home(Path(choice)), "Check the path; docs/estimators.md shows such a file.")


CellName = Annotated[str, Check(cell_file), typer.Option(help="A cell by name (app/cells/NAME.yaml) or a YAML file.")]


@dataclass(frozen=True, kw_only=True)
class JsonOption:
    """What every command that has a result takes."""

    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class CellOption:
    """What every command that needs a cell's geometry takes."""

    cell: CellName = "sim"


@dataclass(frozen=True)
class Parser:
    """In a field's annotation: the option is text, "" where it is left out, which `parse` turns into the field's value.

    What it raises is told as any failure of the command.
    """

    parse: Callable[[str], Any]


@dataclass(frozen=True, kw_only=True)
class FreshOption:
    """What every command takes that goes on with what it finds."""

    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew, whatever is there already.")] = False


@dataclass(frozen=True, kw_only=True)
class ModelOptions(EstimatorOptions):
    """What every command takes that runs a learned model; the defaults are those of `EstimatorOptions`."""

    weights: Weights
    size: Annotated[
        Size | None,
        Parser(parse_size),
        typer.Option(help="WIDTHxHEIGHT in pixels that the model works at, as 832x480.", show_default=False),
    ]
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps.", show_default=False)]
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Length of its windows, in its own frames (DKT: latents).", show_default=False),
    ]
    stride: Annotated[int | None, typer.Option(min=1, help="From one window's start to the next.", show_default=False)]
    dtype: Annotated[Dtype | None, typer.Option(help="What it computes in.", show_default=False)]
    mode: Annotated[
        Literal["exact", "fast"] | None,
        typer.Option(help="As released, or to a stated tolerance.", show_default=False),
    ]
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]

    @property
    def settings(self) -> EstimatorOptions:
        """What of them the model itself takes."""
        return EstimatorOptions(**{field.name: getattr(self, field.name) for field in fields(EstimatorOptions)})


def names_in(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    """The names in a comma-separated list, each once.

    Raises:
        ConfigurationError: none, or one that is not among the choices.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    wrong = [name for name in names if name not in choices]
    if wrong or not names:
        raise ConfigurationError(
            f"There is no {wrong[0]!r}.{did_you_mean(wrong[0], choices)}" if wrong else f"{text!r} names none.",
            f"Choose some of: {', '.join(choices)}.",
        )
    return names


#: What click says of a word that no argument takes; who forgot an option's dashes is told of it.
_EXTRA = re.compile(r"unexpected extra argument\S* \(([^\s)]+)")


class OptionsCommand(TyperCommand):
    """Tells which choice was meant by one that there is not, in words that are none of pydantic's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asked = list(args)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            if isinstance(error, typer.BadParameter):
                error.message = _in_plain_words(error)
                given, _, choices = error.message.partition(" is not one of ")
                error.message += did_you_mean(given.strip("'"), re.findall("'(.+?)'", choices))
            elif extra := _EXTRA.search(error.message):
                options = [option for parameter in self.params for option in parameter.opts if option.startswith("--")]
                error.message += did_you_mean(f"--{extra[1]}", options)
            if "--json" in asked:
                _tell_wrong_usage(error, ctx.command_path)
            raise


def _in_plain_words(error: typer.BadParameter) -> str:
    """What pydantic, by which typer parses, says of a value."""
    from pydantic import ValidationError

    from core.text_file import field_problems

    if not isinstance(error.__cause__, ValidationError):
        return error.message
    return next(what for _, what in field_problems(error.__cause__.errors()))


def _tell_wrong_usage(error: typer.TyperException, command: str) -> None:
    from app.console import CommandResult

    with CommandResult(as_json=True) as result:
        result.fail("UsageError", error.format_message(), f"See {command} --help.", error.exit_code)


def add_command(app: typer.Typer, name: str, run: Callable[[Options], int] | str, options: type[Options]) -> None:
    """Adds the command `name`: its options are the fields of `options`, its help is the docstring of that class.

    The command exits with what `run` returns: 0 done, 1 failed; 2 after a ConfigurationError (wrong usage, as of a
    choice or a file that there is not), 1 after any other VitroError, 130 after Ctrl-C.

    Args:
        run: what takes the options; "module:function": it is imported no sooner than the command is called.
    """
    hints = get_type_hints(options, include_extras=True)
    marks = [(name, part) for name, hint in hints.items() for part in get_args(hint)]
    parsers = {name: part for name, part in marks if isinstance(part, Parser)}
    checks = {name: part for name, part in marks if isinstance(part, Check)}

    def invoke(**given: Any) -> None:
        def work() -> int:
            paths = {name: expand_home(value) for name, value in given.items() if isinstance(value, Path)}
            values = given | paths
            for name, value in values.items():
                _demand_number(name, value)
                if name in checks and value not in (None, ""):
                    checks[name].look(value)
            parsed = {name: parser.parse(values[name]) for name, parser in parsers.items()}
            command: Callable[[Options], int] = resolve_name(run) if isinstance(run, str) else run
            return command(options(**values | parsed))

        raise typer.Exit(exit_code(work, given.get("as_json", False)))

    for option in parsers:
        hints[option] = Annotated[str, *get_args(hints[option])[1:]]
    invoke.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default="" if field.name in parsers else _default(field),
                annotation=hints[field.name],
            )
            for field in _in_order(options)
            if get_origin(hints[field.name]) is Annotated
        ]
    )
    invoke.__annotations__ = hints
    app.command(name, cls=OptionsCommand, help=inspect.getdoc(options))(invoke)


def _demand_number(name: str, value: object) -> None:
    """Refuses what no seed, count or measure is, for whatever takes the option: 1e19 and NaN pass typer's limits."""
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise ConfigurationError(f"--{name.replace('_', '-')} {value} is no usable number.", f"At most {LARGEST:,}.")


def _in_order(options: type) -> list[Field[Any]]:
    """A command's own options first, then those it shares."""
    own = list(inspect.get_annotations(options))
    return sorted(fields(options), key=lambda field: own.index(field.name) if field.name in own else len(own))


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else inspect.Parameter.empty


def exit_code(run: Callable[[], int], as_json: bool = False) -> int:
    """Of a command: 0 done, 1 failed, 2 wrong usage, 130 interrupted; its error is told.

    as_json: its result, or how it failed, is written as one JSON object.
    """
    from app.console import CommandResult, Console

    with CommandResult(as_json) as result:
        try:
            code = run()
            if code:
                result.value["exit_code"] = code
            return code
        except VitroError as error:
            failure, code = error, 2 if isinstance(error, ConfigurationError) else 1
        except ModuleNotFoundError as error:
            failure, code = _not_installed(error), 1
        except (Exception, KeyboardInterrupt) as error:
            if not _is_interrupt(error):
                raise
            Console(as_json=True).say("Stopped.")
            result.fail("KeyboardInterrupt", "Stopped.", "", 130)
            return 130
        Console(as_json=True).error(failure)
        result.fail(type(failure).__name__, failure.cause, failure.remedy, code)
        return code


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether it came of Ctrl-C: a library that was just being loaded makes an ImportError of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _not_installed(error: ModuleNotFoundError) -> VitroError:
    package = (error.name or "").partition(".")[0]
    if (Path(__file__).parents[1] / package).is_dir():
        raise error  # a module of ours: a defect, not a set-up that was left out
    return ConfigurationError(
        f"This command needs {package}, which is not installed for {sys.executable}.",
        "Run ./setup.sh once; python3 main.py then finds the environment that it made.",
    )
