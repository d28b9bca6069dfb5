"""Where all tags disagree, one cause is named that explains all of them, with its number; what is right passes."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.cell import Cell
from core.errors import CalibrationError
from perception.table.locate import locate_table
from tests.support.drawn_cell import CELL, draw_frame, with_tags


@pytest.fixture(scope="module")
def frame():
    return draw_frame(CELL)


def _laid(scale: float = 1.0, quarters: int = 0, first_id: int = 0) -> Cell:
    """The cell with all its tags printed and laid otherwise."""
    changes = [
        {"size_m": tag.size_m * scale, "yaw_rad": tag.yaw_rad + quarters * np.pi / 2, "id": tag.id + first_id}
        for tag in CELL.tags
    ]
    tags = (tag.model_copy(update=change) for tag, change in zip(CELL.tags, changes, strict=True))
    return with_tags(CELL, tuple(tags))


LAID = {
    "official images": (_laid(quarters=2), "turned by 180°.*own images"),
    "a quarter": (_laid(quarters=1), "turned by 90°"),
    "fit to page": (_laid(0.94), "printed at 94%"),
    "a little large": (_laid(1.03), "printed at 103%"),
    "border measured": (_laid(0.8), "white border"),
    "inside measured": (_laid(4 / 3), "inside their black border"),
    "official and small": (_laid(0.97, 2), "97.*turned by 180°"),
    "another cell": (_laid(first_id=10), "ids 10, 11, 12, 13, 14, 15"),
}


@pytest.mark.parametrize("case", LAID)
def test_one_cause_is_named_of_all_tags(case: str) -> None:
    laid, told = LAID[case]
    with pytest.raises(CalibrationError, match=told):
        locate_table(draw_frame(laid), CELL)


def _moved(cell: Cell, moves: dict[int, tuple[float, float]]) -> Cell:
    """The cell with these tags laid so far from where they were [m]."""
    places = {tag.id: tuple(np.add(tag.position_m, moves.get(tag.id, (0.0, 0.0)))) for tag in cell.tags}
    return with_tags(cell, tuple(tag.model_copy(update={"position_m": places[tag.id]}) for tag in cell.tags))


@pytest.mark.parametrize("scale", [0.8, 0.94, 0.97, 1.25])
@pytest.mark.parametrize(("id_", "move_m"), [(0, (0.03, 0.0)), (2, (0.0, -0.04)), (5, (0.02, 0.02))])
def test_one_tag_laid_elsewhere_is_told_beside_the_size_of_all(
    scale: float, id_: int, move_m: tuple[float, float]
) -> None:
    with pytest.raises(CalibrationError) as caught:
        locate_table(draw_frame(_moved(_laid(scale), {id_: move_m})), CELL)
    told = re.match(rf"All tags measure (\d+\.\d)%.* Besides, tag {id_} lies (\d+) mm from", caught.value.cause)
    assert told is not None, caught.value.cause
    assert float(told[1]) == pytest.approx(100 * scale, abs=1.0)
    assert float(told[2]) == pytest.approx(1000 * np.hypot(*move_m), abs=3.0)
    assert f"tag {id_}" in caught.value.remedy and "size_m times" in caught.value.remedy


def test_of_tags_of_the_right_size_none_is_told_to_be_of_another() -> None:
    for moves in ({1: (0.03, 0.0)}, {1: (0.03, 0.0), 4: (0.0, 0.04)}):
        with pytest.raises(CalibrationError) as caught:
            locate_table(draw_frame(_moved(CELL, moves)), CELL)
        assert "All tags" not in caught.value.cause


@pytest.mark.parametrize("family", ["25h9", "16h5", "36h10"])
def test_another_family_is_named(family: str, monkeypatch) -> None:
    monkeypatch.setattr(cv2.aruco, "DICT_APRILTAG_36h11", getattr(cv2.aruco, f"DICT_APRILTAG_{family}"))
    other = draw_frame(CELL)
    monkeypatch.undo()
    with pytest.raises(CalibrationError, match=f"tag{family}"):
        locate_table(other, CELL)


def test_a_mirrored_picture_is_named(frame) -> None:
    with pytest.raises(CalibrationError, match="left and right swapped"):
        locate_table(replace(frame, color=np.ascontiguousarray(frame.color[:, ::-1])), CELL)


LENSES = {
    "order": (lambda k: replace(k, fy=k.cx, cx=k.fy), "order is fx, cx, fy, cy"),
    "a larger picture's": (lambda k: k.resized(1272, 720), "are of 1272x720; for 848x480 they are 610.0, 610.0"),
    "a smaller picture's": (lambda k: k.resized(424, 240), "are of 424x240"),
    "cropped": (lambda k: replace(k, cx=k.cx + 104), r"centre at 42\d, 2.* 104 px away"),
    "centre 10 px off": (lambda k: replace(k, cy=k.cy + 10), "centre at"),
    "focal length 1 % off": (lambda k: replace(k, fx=k.fx * 0.985, fy=k.fy * 0.985), "focal length of 6[01]"),
    "focal length half": (lambda k: replace(k, fx=k.fx / 2, fy=k.fy / 2), r"2\.0\d\d times|1\.99\d times|2\.000 times"),
    "fy another's": (lambda k: replace(k, fy=k.fy * 0.9), "with fy as the other"),
}


@pytest.mark.parametrize("case", LENSES)
def test_wrong_intrinsics_are_named_with_their_number(frame, case: str) -> None:
    spoil, told = LENSES[case]
    wrong = spoil(frame.intrinsics)
    size = {"width": frame.intrinsics.width, "height": frame.intrinsics.height}
    with pytest.raises(CalibrationError, match=told):
        locate_table(replace(frame, intrinsics=replace(wrong, **size)), CELL)


@pytest.mark.parametrize("k1", [-0.25, -0.1, 0.1])
def test_a_lens_that_bends_is_named_with_its_number(frame, k1: float) -> None:
    bent, k = np.array([k1, 0, 0, 0]), frame.intrinsics
    grid = np.stack(np.meshgrid(np.arange(k.width), np.arange(k.height)), -1).reshape(-1, 1, 2).astype(float)
    straight = cv2.undistortPoints(grid, k.matrix, bent, P=k.matrix).reshape(k.height, k.width, 2).astype(np.float32)
    color = cv2.remap(frame.color, straight[..., 0], straight[..., 1], cv2.INTER_LINEAR)
    with pytest.raises(
        CalibrationError, match=rf"k1 of {k1:.1f}\d.* not undistorted" if k1 != -0.25 else r"k1 of -0\.2"
    ):
        locate_table(replace(frame, color=color), CELL)


def test_right_crops_and_sizes_are_not_refused(frame) -> None:
    k = frame.intrinsics
    for left, right, top in ((0, 700, 0), (150, 848, 0), (60, 800, 40)):
        window = (slice(top, None), slice(left, right))
        own = replace(k, width=right - left, height=k.height - top, cx=k.cx - left, cy=k.cy - top)
        cropped = replace(frame, color=frame.color[window], depth_m=frame.depth_m[window], intrinsics=own)
        assert locate_table(cropped, CELL).residual_px < 0.3
    for width, height in ((640, 480), (1280, 720), (640, 360)):
        color, depth_m = (
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in (frame.color, frame.depth_m)
        )
        resized = replace(frame, color=color, depth_m=depth_m, intrinsics=k.resized(width, height))
        assert locate_table(resized, CELL).residual_px < 0.4
