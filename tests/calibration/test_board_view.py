"""What pictures of the board give, and what is refused in words."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.paths import CELLS
from calibration.board import Board
from calibration.board_view import board_view, mean_tags
from calibration.result import FoundError
from core.cell import load_cell
from core.errors import PerceptionError
from core.transforms import Matrix, invert, look_at
from hardware.simulation.drawn_camera import draw_tags
from hardware.simulation.sim_camera import cell_intrinsics
from perception.table.tags import detect_tags

CELL = load_cell(CELLS / "sim.yaml")
BOARD, JOINTS = Board(), np.zeros(6)
#: The camera before the board, 0.45 m away and aslant.
T_BOARD_CAMERA = look_at((0.12, -0.15, 0.40), (0.0, 0.0, 0.0), up=(0.0, 1.0, 0.0))


def picture(T_board_camera: Matrix = T_BOARD_CAMERA, turned_rad: float = 0.0, seed: int = 0) -> NDArray[np.uint8]:
    tags = tuple(tag.model_copy(update={"yaw_rad": turned_rad}) for tag in BOARD.tags)
    return draw_tags(CELL.model_copy(update={"tags": tags}), T_board_camera, seed=seed)


def test_the_corners_of_the_board_are_where_they_project_to() -> None:
    view = board_view([picture(seed=0), picture(seed=1)], JOINTS, BOARD)
    T = invert(T_BOARD_CAMERA)
    expected = cell_intrinsics(CELL).project(view.board_m @ T[:3, :3].T + T[:3, 3])
    assert len(view.board_m) == 24
    assert np.abs(view.corners_px - expected).max() < 0.4


def test_a_board_that_is_not_there_half_hidden_or_moving_is_refused_by_its_name() -> None:
    blank = np.full((480, 848, 3), 120, np.uint8)
    with pytest.raises(PerceptionError, match="not seen"):
        board_view([blank, blank], JOINTS, BOARD)
    hidden = picture()
    hidden[:, 424:] = 120
    with pytest.raises(PerceptionError, match="half hidden"):
        board_view([hidden, hidden], JOINTS, BOARD)
    later = T_BOARD_CAMERA.copy()
    later[0, 3] += 0.004
    with pytest.raises(PerceptionError, match="moves"):
        board_view([picture(), picture(later)], JOINTS, BOARD)


def test_tags_from_the_official_images_are_named_as_turned() -> None:
    with pytest.raises(FoundError, match="turned by 180°"):
        board_view([picture(turned_rad=np.pi)] * 2, JOINTS, BOARD)


def test_a_bent_board_is_refused() -> None:
    flat = picture()
    v, u = np.mgrid[:480, :848].astype(np.float32)
    bent = cv2.remap(flat, u, v + 6 * np.sin(u / 60, dtype=np.float32), cv2.INTER_LINEAR)
    with pytest.raises(PerceptionError, match="flat board"):
        board_view([bent, bent], JOINTS, BOARD)


def test_the_tables_tags_are_the_median_of_pictures_so_that_one_wrong_one_does_nothing() -> None:
    tags = detect_tags(draw_tags(CELL, CELL.camera.T_world_camera), CELL.tags)
    wrong = tuple(tag.__class__(tag.id, tag.size_m, tag.corners_px + 30.0, tag.margin) for tag in tags)
    for seen, tag in zip(mean_tags([tags, tags, wrong]), tags, strict=True):
        np.testing.assert_allclose(seen.corners_px, tag.corners_px)
    assert mean_tags([tags, (), ()]) == ()
