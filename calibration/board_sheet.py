"""The board that an arm holds, as one page true to scale: to print, glue to a stiff plate with its tab, and measure."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from calibration.board import Board
from calibration.poses import TAB_M
from core.errors import CalibrationError
from core.files import writing

Paper = Literal["a4", "letter"]

DPI = 300
PX_PER_MM = DPI / 25.4
PAPER_MM: dict[Paper, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
#: Upper edge of the board on the page; the tab below it; the ruler's left end, distance from the foot, and length.
_TOP_MM, _TAB_MM = 45.0, (25.0, TAB_M * 1000)
RULER_MM = (20.0, 16.0, 100.0)
_TEXT_MM = 3.4


def write_board_sheet(board: Board, path: Path, paper: Paper = "a4") -> None:
    """Writes the page as a PDF.

    Raises:
        CalibrationError: a board that does not fit on the paper.
        StorageError: a file that cannot be written.
    """
    page = board_page(board, paper)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        page.save(path, "PDF", resolution=DPI, title="Vitro calibration board")


def board_page(board: Board, paper: Paper = "a4") -> Image.Image:
    """The page as a black-and-white picture of 300 dots an inch."""
    (width, height), (paper_width, paper_height) = (1000 * np.array(board.size_m), PAPER_MM[paper])
    if width > paper_width - 20 or height + _TAB_MM[1] > paper_height - _TOP_MM - 40:
        raise CalibrationError(f"A board of {width:.0f} x {height:.0f} mm does not fit on {paper}.", "Choose less.")
    page = Image.new("1", (_px(paper_width), _px(paper_height)), 1)
    draw = ImageDraw.Draw(page)
    left = (paper_width - width) / 2
    _draw_tags(page, board, left + width / 2, _TOP_MM + height / 2)
    _draw_outline(draw, left, width, height, paper_width / 2)
    _write(draw, 12.0, 8.0, _instructions(board, paper))
    ruler_left, from_foot, length = RULER_MM
    y = paper_height - from_foot
    draw.line([(_px(ruler_left), _px(y)), (_px(ruler_left + length), _px(y))], fill=0, width=2)
    for tick in range(int(length) // 10 + 1):
        x = _px(ruler_left + tick * 10)
        draw.line([(x, _px(y - (4 if tick % 5 == 0 else 2))), (x, _px(y))], fill=0, width=2)
    _write(draw, ruler_left + length + 5, y - 4, f"{length:.0f} mm between the ends: measure it first")
    return page


def _draw_tags(page: Image.Image, board: Board, middle_x_mm: float, middle_y_mm: float) -> None:
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    side_px = round(board.tag_m * 1000 * PX_PER_MM)
    for tag in board.tags:
        x, y = middle_x_mm + tag.position_m[0] * 1000, middle_y_mm - tag.position_m[1] * 1000
        marker = Image.fromarray(np.asarray(cv2.aruco.generateImageMarker(family, tag.id, side_px)))
        page.paste(marker, (round(x * PX_PER_MM - side_px / 2), round(y * PX_PER_MM - side_px / 2)))


def _draw_outline(draw: ImageDraw.ImageDraw, left: float, width: float, height: float, middle: float) -> None:
    """Where to cut: the plate, and below it the tab for the fingers."""
    tab_width, tab = _TAB_MM
    corners = [
        (left, _TOP_MM),
        (left + width, _TOP_MM),
        (left + width, _TOP_MM + height),
        (middle + tab_width / 2, _TOP_MM + height),
        (middle + tab_width / 2, _TOP_MM + height + tab),
        (middle - tab_width / 2, _TOP_MM + height + tab),
        (middle - tab_width / 2, _TOP_MM + height),
        (left, _TOP_MM + height),
        (left, _TOP_MM),
    ]
    draw.line([(_px(x), _px(y)) for x, y in corners], fill=0, width=2)
    _write(draw, middle - 10, _TOP_MM + height + tab / 2 - 2, "fingers here")


def _instructions(board: Board, paper: Paper) -> str:
    ids = f"{board.tags[0].id} to {board.tags[-1].id}"
    return (
        f"Vitro calibration board: tag36h11, {ids}, black squares of {board.tag_m * 1000:.1f} mm. "
        f"{'A4' if paper == 'a4' else 'Letter'}.\n"
        "Print at 100 %, not fitted to the page. Glue it to a stiff, flat plate of 3 mm and cut along the line.\n"
        "Measure a black square with callipers and state it: python main.py calibrate --tag-mm ...\n"
        "The fingers close on the tab, printed side towards the camera."
    )


def _write(draw: ImageDraw.ImageDraw, x_mm: float, y_mm: float, text: str) -> None:
    draw.multiline_text((_px(x_mm), _px(y_mm)), text, fill=0, font=ImageFont.load_default(_TEXT_MM * PX_PER_MM))


def _px(mm: float) -> int:
    return round(mm * PX_PER_MM)
