"""Real arms move only in a cell that was measured and looks as it was; printed tags have the size they claim."""

import re
from math import nan, radians
from pathlib import Path

import numpy as np
import pytest

from calibration.cell_check import check_cell
from calibration.sheets.page import PX_PER_MM
from calibration.sheets.tag_sheet import RULER_MM, tag_pages, write_tag_sheet
from core.cell import Cell, load_cell
from core.cell_parts import Tag
from core.errors import CalibrationError, StorageError
from perception.table.camera_shift import CameraShift
from perception.table.tags import detect_tags
from tests.support.paths import CELLS

SIM = load_cell(CELLS / "sim.yaml")
SERIAL = SIM.camera.serial
UNDATED = ("long ago", "", "yesterday by KL", "2999-01-01, tape", "2026-13-45", "1/2/2026")
UNMEASURED = SIM.model_copy(update={"calibrated": None})


def with_camera(**changes: float) -> Cell:
    return SIM.model_copy(update={"camera": SIM.camera.model_copy(update=changes)})


def moved(x_m: float, turn_rad: float = 0.0) -> CameraShift:
    return CameraShift(np.array([x_m, 0.0, 0.0]), np.array([0.0, turn_rad, 0.0]))


def test_a_measured_cell_seen_as_it_was_measured_may_be_moved_in() -> None:
    check_cell(SIM, SERIAL, moved(0.004, radians(0.5)), real=True)


@pytest.mark.parametrize(
    ("cell", "serial", "shift", "says"),
    [
        (UNMEASURED, SERIAL, moved(0.0), "not calibrated"),
        (SIM, "123456", moved(0.0), f"measured with camera {SERIAL}, this is 123456"),
        *(
            (SIM.model_copy(update={"calibrated": said}), SERIAL, moved(0.0), "when it was measured")
            for said in UNDATED
        ),
        (SIM, SERIAL, None, "No tag"),
        (SIM, SERIAL, moved(0.06), r"The camera has moved, .*60 mm \(60 to its right\)"),
        (SIM, SERIAL, moved(0.0, radians(-6.0)), r"6\.0° \(6\.0 to its left\)"),
        (SIM, SERIAL, moved(nan), "nan mm"),
        (with_camera(max_shift_m=0.003), SERIAL, moved(0.004), "4 mm .*3 mm and 5.0° are allowed"),
        (with_camera(max_turn_rad=0.001), SERIAL, moved(0.0, 0.002), "0.1° are allowed"),
    ],
)
def test_a_real_cell_that_contradicts_its_file_is_refused(
    cell: Cell, serial: str, shift: CameraShift | None, says: str
) -> None:
    with pytest.raises(CalibrationError, match=says) as caught:
        check_cell(cell, serial, shift, real=True)
    assert caught.value.remedy


def test_the_digital_cell_needs_no_measuring_and_may_be_shaken_but_not_moved() -> None:
    strict = with_camera(max_shift_m=0.003, max_turn_rad=0.001)
    check_cell(strict.model_copy(update={"calibrated": None}), "another", moved(0.03, radians(4.0)), real=False)
    with pytest.raises(CalibrationError, match="The camera has moved"):
        check_cell(strict, SERIAL, moved(0.06), real=False)


def cell_with(*tags: Tag) -> Cell:
    return SIM.model_copy(update={"tags": tags})


MIXED = cell_with(
    *(Tag(id=k, size_m=size, position_m=(0, 0)) for k, size in enumerate((0.08, 0.04, 0.123, 0.0405, 0.16, 0.08)))
)


@pytest.mark.parametrize("cell", [SIM, MIXED], ids=["sim", "mixed sizes"])
def test_every_tag_is_printed_once_at_its_size_and_upright(cell: Cell) -> None:
    sizes_mm, seen = {tag.id: tag.size_m * 1000 for tag in cell.tags}, []
    for page in tag_pages(cell):
        image = np.asarray(page.convert("L"))
        for tag in detect_tags(image, cell.tags):
            lower_left, lower_right, upper_right, _ = tag.corners_px
            width_mm = np.linalg.norm(lower_right - lower_left) / PX_PER_MM
            height_mm = np.linalg.norm(upper_right - lower_right) / PX_PER_MM
            assert [width_mm, height_mm] == pytest.approx([sizes_mm[tag.id]] * 2, abs=0.1)
            assert upper_right[1] < lower_right[1] and lower_left[0] < lower_right[0]
            seen.append(tag.id)
    assert sorted(seen) == sorted(sizes_mm)


def test_the_ruler_is_as_long_as_it_says() -> None:
    _, top, length = RULER_MM
    row = np.asarray(tag_pages(SIM)[0].convert("L"))[round(top * PX_PER_MM)]
    black = np.flatnonzero(row == 0)
    assert (black[-1] - black[0]) / PX_PER_MM == pytest.approx(length, abs=0.15)


def test_the_pdf_has_a4_pages(tmp_path: Path) -> None:
    write_tag_sheet(SIM, tmp_path / "new" / "tags.pdf")
    data = (tmp_path / "new" / "tags.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    assert len(boxes) == len(tag_pages(SIM)) == 2
    for box in boxes:
        assert [float(side) / 72 * 25.4 for side in box] == pytest.approx([210.0, 297.0], abs=0.1)


@pytest.mark.parametrize(
    ("cell", "says"),
    [(cell_with(), "names no tags"), (cell_with(Tag(id=0, size_m=0.2, position_m=(0, 0))), "does not fit")],
)
def test_what_cannot_be_printed_is_said(cell: Cell, says: str, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=says):
        write_tag_sheet(cell, tmp_path / "tags.pdf")
    assert not (tmp_path / "tags.pdf").exists()


def test_a_sheet_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_tag_sheet(SIM, tmp_path)
