"""A lab's own estimator is a file outside the project, named on the command line wherever an estimator is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from core.errors import ConfigurationError, PerceptionError, VitroError
from hardware.cameras.clips.clip import ClipFrame
from hardware.cameras.frame_folder import write_frame_folder
from perception.estimators.registry import find_estimator, find_estimators, open_estimator
from perception.table.locate import locate_table
from tests.support.dataset_samples import write_transphy3d
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.paths import ROOT

OWN = ROOT / "examples" / "own_estimator.py"
HEAD = "import numpy as np\nimport torch\nfrom perception.estimators.specification import EstimatorSpecification\n"


def own(folder: Path, body: str, more: str = "", gives: str = "disparity", name: str = "own") -> str:
    """A file whose model's answer is `body`, of `color`."""
    file = folder / f"{name}.py"
    file.write_text(
        f"{HEAD}class Own:\n    def estimate(self, seen):\n        color = seen[-1].color\n        {body}\n"
        f"ESTIMATOR = EstimatorSpecification('{name}', 'a test', '{gives}', load=lambda options: Own(){more})\n"
    )
    return str(file)


def run(*arguments: object) -> dict:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def frame():
    frame = draw_frame(CELL)
    frame.depth_m[100:120, 200:240] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(frame, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "frames"
    write_frame_folder(folder, [frame] * 2)
    return folder


def test_the_example_works_through_a_clip_in_metres_with_the_table_in_the_holes(frame, folder, tmp_path) -> None:
    summary = run("depth", folder, "--out", tmp_path, "--estimator", OWN)
    assert (summary["estimator"], summary["kind"], summary["frames"]) == ("filled-holes", "metric", 2)
    depth_m = np.load(tmp_path / "depth_m.npy")[0]
    table_m = locate_table(frame, CELL).plane.depth(frame.intrinsics.rays())
    hole = np.s_[100:120, 200:240]
    np.testing.assert_allclose(depth_m[hole], table_m[hole], atol=2e-3)
    elsewhere = frame.depth_m > 0
    np.testing.assert_allclose(depth_m[elsewhere], frame.depth_m[elsewhere], atol=2e-4)


def test_the_example_is_benched_beside_vitros_own(tmp_path) -> None:
    root = write_transphy3d(tmp_path / "film", clips=1, frames=1)
    chosen = f"plane,{OWN}"
    result = run("bench", "depth", "--dataset", "transphy3d", "--root", root, "--estimators", chosen, "--out", tmp_path)
    assert list(result["estimators"]) == ["plane", "filled-holes"] and not result["left_out"]


@pytest.mark.slow
def test_an_edited_file_is_other_work(folder, tmp_path) -> None:
    file = own(tmp_path, "return color[..., 0] / np.float32(255)")
    before = find_estimator(file).identity
    assert run("depth", folder, "--out", tmp_path / "out", "--estimator", file)["kind"] == "disparity"
    own(tmp_path, "return 1 - color[..., 0] / np.float32(255)")
    assert find_estimator(file).identity != before
    first = np.load(tmp_path / "out" / "disparity.npy")
    run("depth", folder, "--out", tmp_path / "out", "--estimator", file)
    np.testing.assert_allclose(np.load(tmp_path / "out" / "disparity.npy"), 1 - first, atol=1e-6)


def test_normals_and_clips_of_several_frames_come_from_a_file_too(folder, tmp_path) -> None:
    facing = "return np.broadcast_to(np.float32([0, 0, -1]), color.shape)"
    assert run("normals", folder, "--out", tmp_path / "n", "--estimator", own(tmp_path, facing, gives="normals"))
    counted = own(tmp_path, "return np.full(color.shape[:2], len(seen), np.float32)", ", frames=3")
    estimator, color = open_estimator(counted), np.zeros((4, 6, 3), np.uint8)
    stream = estimator.stream(5, 4, 6)
    told = [stream.push(ClipFrame(color))[0][0, 0] for _ in range(2)]
    later = estimator.stream(5, 4, 6)
    later.restore(stream.state())
    assert told + [later.push(ClipFrame(color))[0][0, 0] for _ in range(3)] == [1, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("body", "more", "message", "remedy"),
    [
        ("return color[..., 0]", "", "a map of uint8", "float32"),
        ("return np.zeros((1, *color.shape[:2]), np.float32)", "", r"shape \(1, 480, 848\)", "squeeze"),
        ("return np.zeros((4, 4), np.float32)", "", r"shape \(4, 4\)", "frame's own size"),
        ("return np.full(color.shape[:2], np.nan)", "", "finite on 0% of it", "has_holes=True"),
        ("return np.full(color.shape[:2], np.inf)", ", has_holes=True", "finite on 0% of it", "infinity"),
        ("return torch.zeros(color.shape[:2], requires_grad=True)", "", "no array of NumPy's", r"\.cpu\(\)"),
        ("return color @ 1", "", r"fails: ValueError in line 7", "Mend .*own.py"),
        ("return None", "", r"a map of shape \(\)", "frame's own size"),
    ],
)
def test_an_answer_that_is_none_is_named_with_its_likeliest_cause(frame, tmp_path, body, more, message, remedy) -> None:
    estimator = open_estimator(own(tmp_path, body, more))
    with pytest.raises(PerceptionError, match=message) as caught:
        estimator.estimate([frame], None)
    with pytest.raises(PerceptionError, match=message):
        estimator.stream(1, 480, 848).push(ClipFrame(frame.color))
    assert re.search(remedy, caught.value.remedy)


def test_files_without_a_usable_estimator_are_wrong_usage(tmp_path) -> None:
    files = {
        "missing.py": (None, "no file"),
        "empty.py": ("", "defines no ESTIMATOR"),
        "other.py": ("ESTIMATOR = 3", "has a int as its ESTIMATOR"),
        "broken.py": ("import nothing_of_this_name", "cannot be run: ModuleNotFoundError in line 1"),
        "typo.py": ("def f(:", "cannot be run: SyntaxError in line 1"),
    }
    for name, (text, message) in files.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(ConfigurationError, match=message) as caught:
            find_estimator(str(tmp_path / name))
        assert name in caught.value.cause
    with pytest.raises(ConfigurationError, match=r"'raw', as one of Vitro's"):
        find_estimator(own(tmp_path, "return color", name="raw"))
    with pytest.raises(ConfigurationError, match="gives normals, no depth"):
        find_estimator(own(tmp_path, "return color", gives="normals"))
    (tmp_path / "b").mkdir()
    with pytest.raises(ConfigurationError, match="called 'own'"):
        find_estimators(f"{own(tmp_path, 'return color')},{own(tmp_path / 'b', 'return color')}")
    idle = tmp_path / "idle.py"
    idle.write_text(f"{HEAD}ESTIMATOR = EstimatorSpecification('idle', 'x', 'depth', load=lambda options: 3)\n")
    with pytest.raises(ConfigurationError, match="neither estimate nor stream"):
        open_estimator(str(idle))


def test_a_cheat_is_named_as_one_and_refused_where_there_is_no_truth(frame, tmp_path) -> None:
    file = own(tmp_path, "return seen[-1].truth_m", ", is_cheat=True, has_holes=True", gives="metric")
    with pytest.raises(VitroError, match="cheat"):
        open_estimator(file)
    assert open_estimator(file, truth=lambda image: image.depth_m).estimate([frame], None).estimator == "own (cheat)"
    honest = own(tmp_path, "return seen[-1].truth_m", ", has_holes=True", gives="metric")
    with pytest.raises(PerceptionError, match=r"shape \(\)"):
        open_estimator(honest, truth=lambda image: image.depth_m).estimate([frame], None)
