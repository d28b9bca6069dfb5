"""A lab's own detector is a file outside the project, named on the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from core.errors import ConfigurationError, PerceptionError
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.grasp_set import SCORE
from grasping.planning.registry import find_planner
from hardware.cameras.frame_folder import write_frame_folder
from tests.support.paths import ROOT
from tests.support.quick_cell import QuickCell
from tests.support.scenes.tabletop import EVERYWHERE, INTRINSICS, drawn, lay

OWN = ROOT / "examples" / "own_detector.py"
HEAD = "from grasping.detection.detector import DetectorSpecification\nfrom grasping.grasp_set import GraspSet\n"


def own(folder: Path, body: str, load: str = "lambda opening: Own()") -> str:
    """A file whose detector does `body`."""
    file = folder / "own.py"
    file.write_text(
        f"{HEAD}class Own:\n    def detect(self, given):\n        {body}\n"
        f"DETECTOR = DetectorSpecification('own', 'a test', {load})\n"
    )
    return str(file)


def test_the_example_finds_grasps_on_a_picture(tmp_path: Path) -> None:
    scene = lay(drawn("can", seed=1))
    Image.fromarray(np.full((480, 848, 3), 128, np.uint8)).save(tmp_path / "rgb.png")
    np.save(tmp_path / "depth.npy", scene.depth_m)
    files = {"rgb": tmp_path / "rgb.png", "depth": tmp_path / "depth.npy", "out": tmp_path / "grasps.npy"}
    named = [part for key, path in files.items() for part in (f"--{key}", str(path))]
    done = CliRunner().invoke(app, ["grasps", *named, "--intrinsics", "610,610,423.5,239.5", "--detector", str(OWN)])
    assert done.exit_code == 0, done.output
    rows = np.load(tmp_path / "grasps.npy")
    assert rows.shape == (48, 17)
    assert "holds" in [scene.judge(row) for row in rows]


@pytest.mark.slow
def test_grasps_of_a_picture_heed_a_mask_and_a_direction(tmp_path: Path) -> None:
    scene = lay(drawn("can", seed=1))
    Image.fromarray(np.full((480, 848, 3), 128, np.uint8)).save(tmp_path / "rgb.png")
    np.save(tmp_path / "depth.npy", scene.depth_m)
    Image.fromarray(np.full((480, 848), 255, np.uint8)).save(tmp_path / "all.png")
    Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), ((0, 476), (0, 844)))).save(tmp_path / "corner.png")
    Image.fromarray(np.zeros((480, 848), np.uint8)).save(tmp_path / "black.png")
    Image.fromarray(np.full((100, 100), 255, np.uint8)).save(tmp_path / "small.png")
    files = {"rgb": tmp_path / "rgb.png", "depth": tmp_path / "depth.npy", "out": tmp_path / "grasps.npy"}
    named = [part for key, path in files.items() for part in (f"--{key}", str(path))]

    def run(*more: str) -> Any:
        return CliRunner().invoke(app, ["grasps", *named, "--intrinsics", "610,610,423.5,239.5", *more])

    down = (scene.T_world_camera[:3, :3].T @ [0, 0, -1]).round(4)
    asked = run("--mask", str(tmp_path / "all.png"), "--approach", f"{','.join(map(str, down))}:25")
    assert asked.exit_code == 0, asked.output
    approach = np.load(tmp_path / "grasps.npy")[:, 4:13].reshape(-1, 3, 3)[:, :, 0]
    assert (np.arccos(approach @ down / np.linalg.norm(down)) < np.deg2rad(25.1)).all()
    for more, words in (
        (("--mask", str(tmp_path / "corner.png")), "lies in the mask"),
        (("--mask", str(tmp_path / "black.png")), "black all over"),
        (("--mask", str(tmp_path / "small.png")), "is 100x100 pixels"),
        (("--mask", str(tmp_path / "none.png")), "There is no file"),
        (("--approach", "down"), "no direction x,y,z"),
        (("--approach", "0,0,0"), "no direction x,y,z"),
        (("--approach", "0,0,1:200"), "no direction x,y,z"),
    ):
        refused = run(*more)
        assert refused.exit_code in (1, 2) and words in " ".join(refused.output.split()), refused.output


@pytest.mark.slow
def test_the_example_plans_in_a_dry_run(tmp_path: Path) -> None:
    world = QuickCell()
    world.stage("diffuse", 8, 1)
    write_frame_folder(tmp_path / "scene", [world.camera.read()])
    world.close()
    out = tmp_path / "report"
    arguments = ["dry-run", str(tmp_path / "scene"), "--out", str(out), "--estimator", "raw", "--detector", str(OWN)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["grasps"] == 48
    assert json.loads(done.stdout)["detector"] == f"topmost ({OWN})", "the name as well as the file"
    assert json.loads((out / "report.json").read_text())["plan"]["gate"]["passed"]


def test_what_a_detector_returns_is_sorted_and_checked(tmp_path: Path) -> None:
    given = DetectorInput(lay(drawn("can", seed=1)).depth_m, INTRINSICS, lay().plane, EVERYWHERE)
    rows = create_detector("antipodal", 0.1).detect(given).rows
    np.save(tmp_path / "rows.npy", rows[::-1])
    file = str(tmp_path / "rows.npy")
    body = f"import numpy as np; return GraspSet(np.load({file!r}), np.zeros((0, 3)), np.zeros(0), 'x')"
    found = create_detector(own(tmp_path, body)).detect(given)
    assert found.detector == "own" and (np.diff(found.rows[:, SCORE]) <= 0).all() and len(found) == len(rows)
    np.save(tmp_path / "rows.npy", rows * np.nan)
    with pytest.raises(PerceptionError, match="own's grasps"):
        create_detector(own(tmp_path, body)).detect(given)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "NoneType"),
        ("1 / 0", r"ZeroDivisionError in line 5"),
        ("return given.nothing", "AttributeError"),
    ],
)
def test_what_fails_in_a_detector_is_named_with_its_line(tmp_path: Path, body: str, message: str) -> None:
    given = DetectorInput(lay().depth_m, INTRINSICS, lay().plane, EVERYWHERE)
    with pytest.raises(PerceptionError, match=message) as caught:
        create_detector(own(tmp_path, body)).detect(given)
    assert "own.py" in caught.value.cause


def test_files_that_define_no_detector_or_planner_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ConfigurationError, match="DETECTOR"):
        create_detector(str(tmp_path / "empty.py"))
    with pytest.raises(ConfigurationError, match="PLANNER"):
        find_planner(str(tmp_path / "empty.py"))
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        create_detector(own(tmp_path, "return None", load="lambda opening: 1 / 0"))
