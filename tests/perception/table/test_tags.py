"""Tags are found where they are, and doubtful ones are refused by name."""

import re
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.cell_parts import Tag
from core.errors import CalibrationError, PerceptionError
from core.transforms import apply, invert, look_at, rotation_angle, transform
from perception.table.camera_shift import camera_shift
from perception.table.locate import locate_table
from perception.table.tags import MIN_IMAGE_PX, detect_tags, tag_corners_m
from tests.support.drawn_cell import CELL, draw_frame, intrinsics_of, table_plane, with_tags

_ORIGIN = np.zeros(3)


def _changed(index: int, **changes: object) -> Cell:
    """The cell as it really lies, one tag unlike its file."""
    return with_tags(CELL, tuple(t.model_copy(update=changes) if i == index else t for i, t in enumerate(CELL.tags)))


def _only(*ids: int) -> Cell:
    return with_tags(CELL, tuple(tag for tag in CELL.tags if tag.id in ids))


@pytest.fixture(scope="module")
def frame():
    return draw_frame(CELL)


def test_every_corner_is_where_its_tag_is_projected_to(frame) -> None:
    T_camera_world = invert(CELL.camera.T_world_camera)
    seen = detect_tags(frame.color, CELL.tags)
    assert [tag.id for tag in seen] == [tag.id for tag in CELL.tags]
    for found, tag in zip(seen, CELL.tags, strict=True):
        corners = apply(T_camera_world @ tag.T_world_tag, tag_corners_m(tag.size_m))
        error_px = np.linalg.norm(found.corners_px - frame.intrinsics.project(corners), axis=1)
        assert error_px.max() < 0.35  # half a pixel off in both directions would be 0.71


def test_corners_run_with_the_print_as_x_right_and_y_up() -> None:
    lower_left, lower_right, upper_right, upper_left = tag_corners_m(0.1)
    np.testing.assert_allclose(lower_right - lower_left, [0.1, 0, 0])
    np.testing.assert_allclose(upper_left - lower_left, [0, 0.1, 0])
    np.testing.assert_allclose(upper_right - upper_left, [0.1, 0, 0])


@pytest.mark.parametrize("yaw_rad", [0.0, 0.7, np.pi / 2, np.pi, -2.3])
def test_a_tag_that_lies_turned_gives_the_same_table(yaw_rad: float) -> None:
    cell = with_tags(CELL, tuple(tag.model_copy(update={"yaw_rad": yaw_rad}) for tag in CELL.tags))
    view = locate_table(draw_frame(cell), cell)
    error = view.T_camera_world @ cell.camera.T_world_camera
    assert np.linalg.norm(error[:3, 3]) < 1e-3
    assert rotation_angle(error[:3, :3], np.eye(3)) < np.deg2rad(0.1)


def test_the_table_is_solved_to_a_fraction_of_a_millimetre(frame) -> None:
    view = locate_table(frame, CELL)
    true = table_plane(invert(CELL.camera.T_world_camera)).depth(frame.intrinsics.rays())
    assert view.source == "tags" and view.residual_px < 0.3
    assert np.nanmax(np.abs(view.plane.depth(frame.intrinsics.rays()) - true)[100:]) < 5e-4
    assert view.plane.height(_ORIGIN) > 0  # the normal points to the camera's side


def test_a_moved_camera_is_measured(frame) -> None:
    assert camera_shift(locate_table(frame, CELL), CELL).distance_m < 1e-3
    moved = look_at(np.add(CELL.camera.position_m, [0.0, 0.03, 0.0]), np.add(CELL.camera.target_m, [0.0, 0.03, 0.0]))
    shift = camera_shift(locate_table(draw_frame(CELL, moved), CELL), CELL)
    assert shift.distance_m == pytest.approx(0.03, abs=1e-3)
    assert shift.turn_rad == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize(
    ("moved_m", "turned_deg", "said"),
    [
        ((0.05, 0, 0), (0, 0, 0), r"50 mm \(50 to its right\)"),
        ((-0.05, 0, 0), (0, 0, 0), r"50 mm \(50 to its left\)"),
        ((0, -0.04, 0), (0, 0, 0), r"40 mm \(40 up\)"),
        ((0, 0, 0.04), (0, 0, 0), r"40 mm \(40 nearer\)"),
        ((0.03, 0.04, -0.002), (0, 0, 0), r"50 mm \(30 to its right, 40 down\)"),
        ((0, 0, 0), (2, 0, 0), r"2.0° \(2.0 up\)"),
        ((0, 0, 0), (0, -3, 0), r"3.0° \(3.0 to its left\)"),
        ((0, 0, 0), (0, 0, 4), r"4.0° \(4.0 clockwise\)"),
    ],
)
def test_which_way_the_camera_went_is_said_as_who_stands_behind_it_sees_it(moved_m, turned_deg, said: str) -> None:
    turn = Rotation.from_euler("xyz", turned_deg, degrees=True).as_matrix()
    T_world_camera = CELL.camera.T_world_camera @ transform(turn, moved_m)
    assert re.search(said, str(camera_shift(locate_table(draw_frame(CELL, T_world_camera), CELL), CELL)))


def test_turned_to_its_right_a_camera_sees_the_table_farther_left() -> None:
    """And turned up, farther down: the words are true of the picture."""
    k = draw_frame(CELL).intrinsics
    for euler, axis in ((("y", 3.0), 0), (("x", 3.0), 1)):
        turned = CELL.camera.T_world_camera @ transform(Rotation.from_euler(*euler, degrees=True).as_matrix())
        before, after = (k.project(invert(T)[None, :3, 3])[0] for T in (CELL.camera.T_world_camera, turned))
        assert (after - before)[axis] * (-1 if axis == 0 else 1) > 10


@pytest.mark.parametrize("index", range(len(CELL.tags)))
def test_a_tag_of_the_wrong_size_is_named_with_both_sizes(index: int) -> None:
    with pytest.raises(CalibrationError, match=rf"Tag {index} measures 6[01] mm, the cell file says 80 mm"):
        locate_table(draw_frame(_changed(index, size_m=0.061)), CELL)


def test_a_moved_tag_is_named_with_its_distance() -> None:
    with pytest.raises(CalibrationError, match=r"Tag 2 lies 1[3-7] mm from where the cell file has it"):
        locate_table(draw_frame(_changed(2, position_m=(0.015, 0.36))), CELL)


@pytest.mark.parametrize(
    ("at_m", "way"), [((0.015, 0.36), "down"), ((-0.015, 0.36), "up"), ((0.0, 0.375), "right"), ((0.0, 0.345), "left")]
)
def test_a_moved_tag_is_said_to_have_gone_the_way_it_went_in_the_picture(at_m: tuple[float, float], way: str) -> None:
    """The camera faces the arms: what comes nearer goes down in its picture, the arms' left (+y) is on its right."""
    with pytest.raises(CalibrationError, match=rf"Tag 2 lies .* \(1\d {way}\) in the picture"):
        locate_table(draw_frame(_changed(2, position_m=at_m)), CELL)


def test_two_moved_tags_are_both_named_where_the_camera_is_known() -> None:
    tags = (
        *_changed(2, position_m=(0.03, 0.36)).tags[:5],
        CELL.tags[5].model_copy(update={"position_m": (-0.22, -0.43)}),
    )
    with pytest.raises(CalibrationError, match=r"contradict one another: tag 2 lies .* tag 5 lies [^;]*$"):
        locate_table(draw_frame(with_tags(CELL, tags)), CELL)


def test_a_tag_laid_upside_down_is_refused() -> None:
    with pytest.raises(CalibrationError, match="Tag 4 is turned"):
        locate_table(draw_frame(_changed(4, yaw_rad=np.pi)), CELL)


def test_two_tags_that_contradict_one_another_are_both_suspect() -> None:
    with pytest.raises(CalibrationError, match="contradict one another"):
        locate_table(draw_frame(with_tags(CELL, _changed(3, size_m=0.061).tags[2:4])), CELL)


def test_one_tag_gives_no_table() -> None:
    lone = draw_frame(_only(0))
    with pytest.raises(PerceptionError, match="only tag 0"):
        locate_table(lone, CELL)


def test_tags_that_leave_the_tables_tilt_open_are_refused() -> None:
    side_by_side = (
        Tag(id=0, size_m=0.03, position_m=(0.22, 0.05)),
        Tag(id=1, size_m=0.03, position_m=(0.22, -0.05)),
    )
    cell = with_tags(CELL, side_by_side)
    with pytest.raises(PerceptionError, match="only to"):
        locate_table(draw_frame(cell), cell)


def test_a_second_print_of_one_tag_is_refused() -> None:
    twin = CELL.tags[0].model_copy(update={"position_m": (0.1, 0.0)})
    with pytest.raises(PerceptionError, match="Tag 0 is seen more than once"):
        detect_tags(draw_frame(with_tags(CELL, (*CELL.tags, twin))).color, CELL.tags)


def test_tags_of_other_cells_are_ignored() -> None:
    strangers = with_tags(CELL, tuple(tag.model_copy(update={"id": tag.id + 100}) for tag in CELL.tags))
    assert detect_tags(draw_frame(strangers).color, CELL.tags) == ()


def test_a_tag_too_small_to_measure_is_not_seen() -> None:
    small = with_tags(CELL, (Tag(id=7, size_m=0.012, position_m=(0.0, 0.0)),))
    assert detect_tags(draw_frame(small, noise=0.0).color, small.tags) == ()


def test_a_mirror_image_is_no_tag(frame) -> None:
    assert detect_tags(np.ascontiguousarray(frame.color[:, ::-1]), CELL.tags) == ()


def test_tags_are_found_in_dusk_and_not_in_noise(frame) -> None:
    rng = np.random.default_rng(3)
    dusk = np.clip(frame.color * 0.15 + rng.normal(0, 1.5, frame.color.shape), 0, 255).astype(np.uint8)
    assert len(detect_tags(dusk, CELL.tags)) == len(CELL.tags)
    every_id = [Tag(id=i, size_m=0.08, position_m=(0.0, 0.0)) for i in range(587)]
    noise = rng.integers(0, 256, (480, 848, 3)).astype(np.uint8)
    assert detect_tags(noise, every_id) == ()


@pytest.mark.parametrize("shape", [(1, 1), (4, 9), (7, 7), (MIN_IMAGE_PX - 1, 500), (MIN_IMAGE_PX, MIN_IMAGE_PX)])
def test_tiny_images_hold_no_tag_and_crash_nothing(shape: tuple[int, int]) -> None:
    assert detect_tags(np.zeros((*shape, 3), np.uint8), CELL.tags) == ()


def test_many_threads_share_the_detector(frame) -> None:
    small = cv2.resize(frame.color, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(detect_tags(small, CELL.tags)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [len(CELL.tags)] * 6


def _without_tags(depth_m: np.ndarray):
    frame = draw_frame(with_tags(CELL, ()))
    return replace(frame, depth_m=depth_m.astype(np.float32))


def test_without_tags_the_sensor_shows_the_table() -> None:
    intrinsics = intrinsics_of(CELL)
    plane = table_plane(invert(CELL.camera.T_world_camera))
    rays, rng = intrinsics.rays(), np.random.default_rng(5)
    true = plane.depth(rays)
    inverse = 1 / true + rng.normal(0, 0.004, true.shape)
    inverse[150:350, 300:500] = 1 / (true[150:350, 300:500] - 0.08)  # something tall in the middle
    inverse[:60] = 1 / 1.6  # a wall behind
    depth_m = 1 / inverse
    depth_m[rng.random(depth_m.shape) < 0.3] = np.nan
    view = locate_table(_without_tags(depth_m), CELL)
    assert view.source == "sensor" and view.tags == ()
    assert np.nanmedian(np.abs(view.plane.depth(rays) - true)) < 1e-3
    T = view.T_camera_world
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(T[:3, 2], view.plane.normal)
    assert abs(view.plane.height(T[:3, 3])) < 1e-9
    to_camera = -T[:3, 3]
    assert to_camera @ T[:3, 0] > 0 and abs(to_camera @ T[:3, 1]) < 0.1


@pytest.mark.parametrize("hole", [np.nan, 0.0])
def test_no_depth_and_no_tags_is_a_failure_with_a_remedy(hole: float) -> None:
    with pytest.raises(PerceptionError, match=r"depth on 0% .*Lay the cell's tags"):
        locate_table(_without_tags(np.full((480, 848), hole)), CELL)


def test_depth_without_a_plane_is_refused() -> None:
    rubble = np.random.default_rng(1).uniform(0.4, 2.0, (480, 848))
    with pytest.raises(PerceptionError, match="No table stands out"):
        locate_table(_without_tags(rubble), CELL)
