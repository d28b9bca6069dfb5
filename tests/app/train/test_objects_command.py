"""`python main.py train objects`: from stored scenes to weights that the finder loads, and what is wrong is named."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import app as cli
from perception.objects.model import WEIGHTS, load_finder
from tests.support.scenes.views import drawn_view, write_drawn_views

SMALL = ("--batch", "2", "--scenes", "20", "--device", "cpu", "--json")


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_views(tmp_path_factory.mktemp("data") / "views")


def train(views: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["train", "objects", "--views", str(views), "--out", str(out), *SMALL, *more])


@pytest.mark.slow
def test_a_run_leaves_weights_log_curve_and_picture_and_tells_its_scores(views: Path, tmp_path: Path) -> None:
    done = train(views, tmp_path / "run", "--steps", "2")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["steps"] == 2 and told["scenes"] == 20 and 0 <= told["iou"] <= 1
    assert {"log.csv", "loss.png", "validation.png", "state.pt", WEIGHTS.name} <= {
        file.name for file in (tmp_path / "run").iterdir()
    }
    view = drawn_view()
    load_finder(tmp_path / "run" / WEIGHTS.name).predict(view.color, view.intrinsics, view.table)


@pytest.mark.slow
def test_a_damaged_scene_is_named_with_what_to_do(tmp_path: Path) -> None:
    views = write_drawn_views(tmp_path / "views", scenes=2)
    (views / "0-00000.npz").write_bytes(b"half a")
    done = train(views, tmp_path / "run", "--steps", "2")
    assert done.exit_code == 1
    assert "0-00000.npz is damaged" in done.stderr and "→" in done.stderr


def test_weights_to_begin_from_that_are_not_there_are_named(views: Path, tmp_path: Path) -> None:
    done = train(views, tmp_path / "run", "--init", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "no weights at" in done.stderr
