"""The examples of examples/, run on a picture of the digital cell as they say."""

import importlib
import runpy
from pathlib import Path

import pytest

from hardware.cameras.frame_folder import write_frame_folder
from tests.support.paths import ROOT
from tests.support.quick_cell import QuickCell

NUMBERED = sorted(path.stem for path in (ROOT / "examples").glob("[0-9]*.py"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A frame of a quick cell, with one thing on its table."""
    world = QuickCell()
    try:
        world.stage("diffuse", 8, 1)
        folder = tmp_path_factory.mktemp("examples") / "scene"
        write_frame_folder(folder, [world.camera.read()])
    finally:
        world.close()
    return str(folder)


def output(name: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    importlib.import_module(f"examples.{name}").main(*arguments)
    return capsys.readouterr().out


def test_a_table_is_located(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = output("1_locate_a_table", capsys, scene)
    assert said.startswith("6 tags") and "0.00 degrees" not in said


@pytest.mark.parametrize("estimator", ["vitro-s", "raw", str(ROOT / "examples" / "own_estimator.py")])
def test_depth_becomes_metres(scene: str, estimator: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "median error at the table's anchors" in output("2_depth_to_metres", capsys, scene, estimator)


def test_grasps_are_found_and_drawn(scene: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = output("3_grasps_on_a_picture", capsys, scene, str(tmp_path / "grasps.png"))
    assert int(said.split()[0]) > 0 and (tmp_path / "grasps.png").read_bytes().startswith(b"\x89PNG")


def test_a_plan_passes_the_gate(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gate passed: True" in output("4_a_checked_plan", capsys, scene)


def test_a_dry_run_makes_a_plan(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = output("5_a_dry_run", capsys, scene, "raw")
    assert "gate passed: True" in said and "table: tags" in said


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["absent"], 1, "✗ There is no recording absent."),
        ([], 2, "takes recording"),
        (["a", "b", "c"], 2, "3 words were given"),
    ],
)
def test_what_an_example_cannot_do_it_tells_as_main_does(
    name: str, words: list[str], code: int, said: str, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [name, *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"examples.{name}", run_name="__main__")
    told = capsys.readouterr().err
    assert ended.value.code == code and said in told and "→" in told


@pytest.mark.parametrize("name", NUMBERED)
def test_an_example_is_short_and_says_how_it_is_run(name: str) -> None:
    text = (ROOT / "examples" / f"{name}.py").read_text()
    assert 20 <= len(text.splitlines()) <= 41 and f"-m examples.{name}" in text.split('"""')[1]


def test_there_are_five() -> None:
    assert [name[0] for name in NUMBERED] == list("12345")
