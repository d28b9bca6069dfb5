"""Commands from option classes: an option is declared once, text is parsed once, what is no option is none."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from app.options import CellOption, JsonOption, ModelOptions, Parser, add_command, exit_code
from core.size import Size, parse_size
from perception.estimators.options import EstimatorOptions


@dataclass(frozen=True, kw_only=True)
class LookOptions(JsonOption, CellOption, ModelOptions):
    """What `look` takes."""

    at: Annotated[str, typer.Argument()]
    part: Annotated[Size | None, Parser(lambda text: parse_size(text, "--part")), typer.Option()] = None


def look(*arguments: str) -> tuple[int, list[LookOptions], str]:
    given: list[LookOptions] = []
    app = typer.Typer()

    def run(options: LookOptions) -> int:
        """Looks."""
        given.append(options)
        return 0

    add_command(app, "look", run, LookOptions)
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, given, done.output


def test_defaults_are_those_of_the_classes() -> None:
    code, (options,), _ = look("there")
    assert (code, options) == (0, LookOptions(at="there"))
    assert options.settings == EstimatorOptions()


def test_text_is_parsed_before_the_command_sees_it() -> None:
    code, (options,), _ = look("there", "--part", "4x3", "--size", "832x480", "--steps", "3", "--dtype", "bfloat16")
    assert code == 0 and options.part == (4, 3)
    assert options.settings == EstimatorOptions(size=(832, 480), steps=3, dtype="bfloat16")


@pytest.mark.parametrize("wrong", [("--part", "wide"), ("--dtype", "int8"), ("--steps", "0"), ("--offload",)])
def test_what_cannot_be_parsed_and_what_is_no_option_is_wrong_usage(wrong: tuple[str, ...]) -> None:
    code, given, output = look("there", *wrong)
    assert (code, given) == (2, []) and wrong[0] in output


@pytest.mark.parametrize(("wrong", "meant"), [("bfloat", "bfloat16"), ("int8", None)])
def test_of_a_wrong_choice_all_that_there_are_and_the_likeliest_are_named(wrong: str, meant: str | None) -> None:
    _, _, output = look("there", "--dtype", wrong)
    said = " ".join(output.replace("│", " ").split())
    assert f"'{wrong}' is not one of 'float32', 'bfloat16'." in said and "Value error" not in said
    assert said.count("Did you mean") == (meant is not None) and (meant is None or f"Did you mean {meant!r}?" in said)


def test_a_commands_own_options_come_first() -> None:
    _, _, output = look("--help")
    order = [output.index(name) for name in ("--part", "--weights", "--device", "--cell", "--json")]
    assert order == sorted(order)


def test_ctrl_c_that_a_library_turned_into_an_error_of_its_own_is_ctrl_c_still(capsys) -> None:

    def load() -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    assert exit_code(load) == 130 and "Stopped." in capsys.readouterr().err
    with pytest.raises(ImportError):
        exit_code(lambda: (_ for _ in ()).throw(ImportError("broken")))
