"""A disk that takes nothing ends every command with 1, the name of what was not written, and what to do."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from core.image_file import write_image
from hardware.cameras.frame_folder import write_frame_folder
from tests.support.drawn_cell import CELL, draw_frame


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frame folder, and an image with its depth beside it."""
    folder = tmp_path_factory.mktemp("scene")
    frame = draw_frame(CELL, CELL.camera.T_world_camera)
    write_frame_folder(folder / "frames", [frame])
    write_image(folder / "color.png", frame.color)
    depth_m = np.full(frame.color.shape[:2], 0.6, np.float32)
    depth_m[150:250, 280:360] = 0.52
    np.save(folder / "depth.npy", depth_m)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "run --surface diffuse --yes --headless",
        "dry-run {scene}/frames --estimator raw",
        "dry-run {scene}/frames --estimator raw --out {full}/report",
        "record --camera {scene}/frames --out {full}/out.db3",
        "record --camera {scene}/frames --out {full}/out",
        "grasps --rgb {scene}/color.png --depth {scene}/depth.npy --intrinsics 615,615,320,240 --out {full}/out.npy",
        "tag-sheet --out {full}/tags.pdf",
        "trials list",
        "trials summary",
    ],
)
def test_a_disk_that_takes_nothing_is_named(
    command: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"
    full.write_text("a file, in which no folder can be made")
    monkeypatch.setenv("VITRO_HOME", str(full))
    done = CliRunner().invoke(app, command.format(scene=scene, full=full).split())
    assert done.exit_code == 1, done.output
    assert str(full) in done.stderr and "cannot be" in done.stderr and "→" in done.stderr


def test_a_doctor_without_a_place_to_write_finds_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").write_text("a file")
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "full"))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1 and "✗ disk" in done.stdout and "cannot be written" in done.stdout
