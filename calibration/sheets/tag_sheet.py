"""The cell's tags as A4 pages, true to scale, to print, measure and glue to the table."""

from math import degrees
from pathlib import Path

from PIL import Image

from calibration.sheets.page import A4_MM, Page, write_pdf
from core.cell import Cell
from core.cell_parts import PAPER_RATIO, Tag
from core.errors import CalibrationError

_SIDE_MM, _TOP_MM, _BOTTOM_MM = 4.0, 22.0, 272.0
_LABEL_MM = 9.0
RULER_MM = (20.0, 284.0, 100.0)  # left end, height on the page, length


def write_tag_sheet(cell: Cell, path: Path) -> None:
    """Writes the pages as one PDF.

    Raises:
        CalibrationError: a cell without tags, or a tag that does not fit on A4.
        StorageError: a file that cannot be written.
    """
    write_pdf(path, tag_pages(cell), f"Vitro tags: {cell.name}")


def tag_pages(cell: Cell) -> list[Image.Image]:
    """The A4 pages as black-and-white pictures of 300 dots an inch, upright tags as OpenCV draws them."""
    places = _arrange(cell)
    total = places[-1][0] + 1
    pages = [_blank_page(cell, number, total) for number in range(total)]
    for tag, (number, left_mm, top_mm) in zip(cell.tags, places, strict=True):
        _draw_tag(pages[number], tag, left_mm, top_mm)
    return [page.image for page in pages]


def _arrange(cell: Cell) -> list[tuple[int, float, float]]:
    """(page, left, top) [mm] of every tag with its white border, filled in rows."""
    if not cell.tags:
        raise CalibrationError(f"The cell {cell.name!r} names no tags.", "List them under 'tags:' in its YAML.")
    places: list[tuple[int, float, float]] = []
    page, left, top, row_height = 0, _SIDE_MM, _TOP_MM, 0.0
    for tag in cell.tags:
        box = _box_mm(tag)
        if box > A4_MM[0] - 2 * _SIDE_MM:
            raise CalibrationError(
                f"Tag {tag.id} of {tag.size_m * 1000:.0f} mm does not fit on an A4 page with its white border.",
                "Choose at most 160 mm in the cell's YAML.",
            )
        if left + box > A4_MM[0] - _SIDE_MM:
            left, top, row_height = _SIDE_MM, top + row_height, 0.0
        if top + box + _LABEL_MM > _BOTTOM_MM:
            page, left, top, row_height = page + 1, _SIDE_MM, _TOP_MM, 0.0
        places.append((page, left, top))
        left, row_height = left + box, max(row_height, box + _LABEL_MM)
    return places


def _box_mm(tag: Tag) -> float:
    return tag.size_m * 1000 * PAPER_RATIO


def _draw_tag(page: Page, tag: Tag, left_mm: float, top_mm: float) -> None:
    border_mm = (_box_mm(tag) - tag.size_m * 1000) / 2
    page.tag(tag.id, tag.size_m, left_mm + border_mm, top_mm + border_mm)
    for x, dx in ((left_mm, 2.0), (left_mm + _box_mm(tag), -2.0)):
        for y, dy in ((top_mm, 2.0), (top_mm + _box_mm(tag) + _LABEL_MM, -2.0)):
            page.line((x, y), (x + dx, y))
            page.line((x, y), (x, y + dy))
    x, y = left_mm + border_mm, top_mm + _box_mm(tag) + 1.0
    page.polygon((x, y + 3.5), (x + 1.5, y), (x + 3.0, y + 3.5))
    place = f"x {tag.position_m[0] * 1000:+.0f}  y {tag.position_m[1] * 1000:+.0f} mm"
    page.write(x + 4.5, y, f"tag {tag.id}: {tag.size_m * 1000:.1f} mm\n{place}, turn {degrees(tag.yaw_rad):.0f}°")


def _blank_page(cell: Cell, number: int, total: int) -> Page:
    page = Page(A4_MM)
    page.write(
        12.0,
        8.0,
        f"Vitro cell '{cell.name}': tag36h11, page {number + 1} of {total}. Print at 100 %, not fitted to the page.\n"
        "Measure each black square and write what you measured into the cell's YAML (size_m).\n"
        "x, y: centre of the tag from the table's centre. The arrow is the table's +y, turned to the left by 'turn'.",
    )
    page.ruler(*RULER_MM)
    return page
