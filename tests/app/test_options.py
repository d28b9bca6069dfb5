"""Commands from option classes: an option is declared once, text is parsed once, what is no option is none."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from app.console import Console, tell_result
from app.options import (
    CellOption,
    Check,
    JsonOption,
    ModelOptions,
    Parser,
    add_command,
    demand_part,
    exit_code,
)
from app.paths import CELLS, cell_file, demand_file
from core.cell import load_cell
from core.errors import ConfigurationError, PerceptionError
from core.size import Size, parse_size
from perception.estimators.options import EstimatorOptions


@dataclass(frozen=True, kw_only=True)
class LookOptions(JsonOption, CellOption, ModelOptions):
    """What `look` takes."""

    at: Annotated[str, typer.Argument()]
    part: Annotated[Size | None, Parser(lambda text: parse_size(text, "--part")), typer.Option()] = None
    rgb: Annotated[Path | None, Check(demand_file), typer.Option()] = None
    detector: Annotated[str, Check(demand_part), typer.Option()] = ""


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


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a picture, a cell, a part and a folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.png").touch()
    (tmp_path / "x.py").touch()
    (tmp_path / "x.yaml").write_bytes((CELLS / "lab.yaml").read_bytes())
    (tmp_path / "folder.py").mkdir()
    return tmp_path


def test_what_is_there_at_home_is_what_the_command_reads(at_home: Path) -> None:
    """No shell expands it after --option=."""
    code, (options,), _ = look("there", "--rgb=~/x.png", "--weights=~/new", "--cell=~/x.yaml", "--detector=~/x.py")
    assert (code, options.rgb, options.weights) == (0, at_home / "x.png", at_home / "new")
    assert cell_file(options.cell) == at_home / "x.yaml"
    assert load_cell(cell_file(options.cell)).name == load_cell(cell_file("lab")).name


@pytest.mark.parametrize("option", ["--rgb", "--cell", "--detector"])
@pytest.mark.parametrize("folder", ["~", "~nobody-of-this-name", "."])
def test_what_is_not_there_is_refused_before_the_command_runs(at_home: Path, option: str, folder: str) -> None:
    code, given, output = look("there", f"{option}={folder}/missing.{'yaml' if option == '--cell' else 'py'}")
    assert (code, given) == (2, []) and "There is no" in output and "missing" in output


@pytest.mark.parametrize("option", ["--rgb", "--detector"])
def test_a_folder_is_no_file(at_home: Path, option: str) -> None:
    code, given, output = look("there", f"{option}=~/folder.py")
    assert (code, given) == (2, []) and "is a folder, no file" in " ".join(output.split())


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


ENDINGS = [
    (None, 0),
    (PerceptionError("No tag is seen.", "Uncover one."), 1),
    (ConfigurationError("There is no camera.", "Name one."), 2),
    (KeyboardInterrupt(), 130),
    (ZeroDivisionError("division by zero"), 1),
]


def ends(ending: BaseException | None, results: list[dict[str, Any]], *arguments: str) -> Any:
    """What a command says that gives these results and then ends so."""
    app = typer.Typer()

    def run(options: LookOptions) -> int:
        for result in results:
            Console(options.as_json).result(result)
        if ending is not None:
            raise ending
        return 0

    add_command(app, "look", run, LookOptions)
    return CliRunner().invoke(app, ["there", *arguments])


@pytest.mark.parametrize(("ending", "code"), ENDINGS)
@pytest.mark.parametrize("results", [[], [{"rows": 3}]])
def test_with_json_standard_output_is_one_object_however_the_command_ends(
    ending: BaseException | None, code: int, results: list[dict[str, Any]]
) -> None:
    done = ends(ending, results, "--json")
    assert done.exit_code == code
    told = json.loads(done.stdout or "{}")
    assert told.get("exit_code", 0) == code and ("rows" in told) == bool(results)
    assert ("error" in told) == (ending is not None)
    if isinstance(ending, PerceptionError | ConfigurationError):
        assert told["error"] == {"kind": type(ending).__name__, "cause": ending.cause, "remedy": ending.remedy}
    assert ends(ending, results).stdout == "", "nobody asked for one"


@pytest.mark.parametrize("wrong", [("--part", "wide"), ("--dtype", "int8"), ("--offload",)])
def test_wrong_usage_is_an_object_too(wrong: tuple[str, ...]) -> None:
    done = ends(None, [], "--json", *wrong)
    told = json.loads(done.stdout)
    assert done.exit_code == told["exit_code"] == 2 and wrong[0] in told["error"]["cause"]


def test_an_object_that_a_page_waits_after_is_told_before_and_no_second_one_after(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run() -> int:
        Console(as_json=True).result({"rows": 3})
        tell_result()
        assert json.loads(capsys.readouterr().out) == {"rows": 3}
        raise KeyboardInterrupt

    assert exit_code(run, as_json=True) == 130 and capsys.readouterr().out == ""
