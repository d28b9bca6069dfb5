"""A page to print, drawn in millimetres from its upper left corner, and pages as one PDF."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.files import writing

DPI = 300
PX_PER_MM = DPI / 25.4
A4_MM, LETTER_MM = (210.0, 297.0), (215.9, 279.4)
_TEXT_MM, _LINE_PX = 3.4, 2


class Page:
    """image: black and white, 300 dots an inch."""

    def __init__(self, size_mm: tuple[float, float]) -> None:
        self.image = Image.new("1", (_px(size_mm[0]), _px(size_mm[1])), 1)
        self._draw = ImageDraw.Draw(self.image)

    def line(self, *points_mm: tuple[float, float]) -> None:
        self._draw.line(_all_px(points_mm), fill=0, width=_LINE_PX)

    def polygon(self, *points_mm: tuple[float, float]) -> None:
        self._draw.polygon(_all_px(points_mm), fill=0)

    def write(self, x_mm: float, y_mm: float, text: str) -> None:
        font = ImageFont.load_default(_TEXT_MM * PX_PER_MM)
        self._draw.multiline_text((_px(x_mm), _px(y_mm)), text, fill=0, font=font)

    def tag(self, id_: int, size_m: float, left_mm: float, top_mm: float) -> None:
        """The black square of a tag36h11, upright as OpenCV draws it."""
        family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
        marker = cv2.aruco.generateImageMarker(family, id_, tag_px(size_m))
        self.image.paste(Image.fromarray(np.asarray(marker)), (_px(left_mm), _px(top_mm)))

    def ruler(self, left_mm: float, y_mm: float, length_mm: float) -> None:
        """Ticks every centimetre, and what to do with it."""
        self.line((left_mm, y_mm), (left_mm + length_mm, y_mm))
        for tick in range(int(length_mm) // 10 + 1):
            x_mm = left_mm + tick * 10
            self.line((x_mm, y_mm - (4 if tick % 5 == 0 else 2)), (x_mm, y_mm))
        self.write(left_mm + length_mm + 5, y_mm - 4, f"{length_mm:.0f} mm between the ends: measure it first")


def write_pdf(path: Path, pages: Sequence[Image.Image], title: str) -> None:
    """Writes pages true to scale.

    Raises:
        StorageError: a file that cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        pages[0].save(path, "PDF", resolution=DPI, save_all=True, append_images=pages[1:], title=title)


def tag_px(size_m: float) -> int:
    """A tag's side [px] as it is printed."""
    return _px(size_m * 1000)


def _all_px(points_mm: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    return [(_px(x), _px(y)) for x, y in points_mm]


def _px(mm: float) -> int:
    return round(mm * PX_PER_MM)
