"""The board that an arm holds, as one page true to scale: to print, glue to a stiff plate with its tab, and measure."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from calibration.board import Board
from calibration.poses import TAB_M
from calibration.sheets.page import A4_MM, LETTER_MM, PX_PER_MM, Page, tag_px, write_pdf
from core.errors import CalibrationError

Paper = Literal["a4", "letter"]

PAPER_MM: dict[Paper, tuple[float, float]] = {"a4": A4_MM, "letter": LETTER_MM}
#: Upper edge of the board on the page; the tab below it; the ruler's left end, distance from the foot, and length.
_TOP_MM, _TAB_MM = 45.0, (25.0, TAB_M * 1000)
RULER_MM = (20.0, 16.0, 100.0)


def write_board_sheet(board: Board, path: Path, paper: Paper = "a4") -> None:
    """Writes the page as a PDF.

    Raises:
        CalibrationError: a board that does not fit on the paper.
        StorageError: a file that cannot be written.
    """
    write_pdf(path, [board_page(board, paper)], "Vitro calibration board")


def board_page(board: Board, paper: Paper = "a4") -> Image.Image:
    """The page as a black-and-white picture of 300 dots an inch."""
    (width, height), (paper_width, paper_height) = (1000 * np.array(board.size_m), PAPER_MM[paper])
    if width > paper_width - 20 or height + _TAB_MM[1] > paper_height - _TOP_MM - 40:
        raise CalibrationError(f"A board of {width:.0f} x {height:.0f} mm does not fit on {paper}.", "Choose less.")
    page = Page((paper_width, paper_height))
    left = (paper_width - width) / 2
    _draw_tags(page, board, left + width / 2, _TOP_MM + height / 2)
    _draw_outline(page, left, width, height, paper_width / 2)
    page.write(12.0, 8.0, _instructions(board, paper))
    ruler_left, from_foot, length = RULER_MM
    page.ruler(ruler_left, paper_height - from_foot, length)
    return page.image


def _draw_tags(page: Page, board: Board, middle_x_mm: float, middle_y_mm: float) -> None:
    half_mm = tag_px(board.tag_m) / 2 / PX_PER_MM
    for tag in board.tags:
        x, y = middle_x_mm + tag.position_m[0] * 1000, middle_y_mm - tag.position_m[1] * 1000
        page.tag(tag.id, board.tag_m, x - half_mm, y - half_mm)


def _draw_outline(page: Page, left: float, width: float, height: float, middle: float) -> None:
    """Where to cut: the plate, and below it the tab for the fingers."""
    tab_width, tab = _TAB_MM
    bottom = _TOP_MM + height
    page.line(
        (left, _TOP_MM),
        (left + width, _TOP_MM),
        (left + width, bottom),
        (middle + tab_width / 2, bottom),
        (middle + tab_width / 2, bottom + tab),
        (middle - tab_width / 2, bottom + tab),
        (middle - tab_width / 2, bottom),
        (left, bottom),
        (left, _TOP_MM),
    )
    page.write(middle - 10, bottom + tab / 2 - 2, "fingers here")


def _instructions(board: Board, paper: Paper) -> str:
    ids = f"{board.tags[0].id} to {board.tags[-1].id}"
    return (
        f"Vitro calibration board: tag36h11, {ids}, black squares of {board.tag_m * 1000:.1f} mm. "
        f"{'A4' if paper == 'a4' else 'Letter'}.\n"
        "Print at 100 %, not fitted to the page. Glue it to a stiff, flat plate of 3 mm and cut along the line.\n"
        "Measure a black square with callipers and state it: python main.py calibrate --tag-mm ...\n"
        "The fingers close on the tab, printed side towards the camera."
    )
