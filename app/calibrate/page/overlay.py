"""The camera's picture with what was detected in it: the table's tags, the board's corners and its axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.closed_form import board_pose
from calibration.hand_eye import BoardView
from core.cell_parts import Tag
from core.errors import PerceptionError
from core.image import Intrinsics
from core.transforms import apply
from perception.depth_types import SeenTag
from perception.pictures import Image, draw_tags
from perception.table.tags import detect_tags

_AXES_RGB = ((230, 50, 50), (40, 190, 60), (60, 110, 255))
_CORNER_RGB, _RIM_RGB = (255, 210, 0), (20, 20, 20)
#: Bits below the pixel: what is drawn is where it was measured.
_SHIFT = 4
#: The board enlarged, and how much of it around its corners is shown.
_CLOSE_PX, _MARGIN = (640, 360), 1.5


@dataclass(frozen=True)
class Overlay:
    """whole: the picture (H, W, 3) drawn over; close: the board in it, enlarged, None where none is seen; on_board:
    its tags, None where they cannot be told."""

    whole: Image
    close: Image | None
    on_board: tuple[SeenTag, ...] | None


def board_overlay(color: NDArray[np.uint8], board: Board, tags: Sequence[Tag], intrinsics: Intrinsics) -> Overlay:
    """What is seen of the board and of the table's tags.

    The board's axes: x red, y green, z (out of the paper) blue.
    """
    try:
        seen = detect_tags(color, [*tags, *board.tags])
    except PerceptionError:  # an id twice in the picture: the look itself says so
        return Overlay(color, None, None)
    ids = {tag.id for tag in board.tags}
    on_board = tuple(tag for tag in seen if tag.id in ids)
    whole = draw_tags(color, [tag for tag in seen if tag.id not in ids])
    if not on_board:
        return Overlay(whole, None, ())
    view = _view(on_board, board)
    axes_px = _axes_px(view, board, intrinsics)
    close = _close_up(color, view.corners_px, axes_px)
    _draw(whole, view.corners_px, axes_px)
    return Overlay(whole, close, on_board)


def _view(seen: Sequence[SeenTag], board: Board) -> BoardView:
    board_m = board.corners_m()[[tag.id - board.first_id for tag in seen]].reshape(-1, 3)
    return BoardView(np.zeros(6), board_m, np.concatenate([tag.corners_px for tag in seen]))


def _axes_px(view: BoardView, board: Board, intrinsics: Intrinsics) -> NDArray[np.float64]:
    """(4, 2) the origin and the ends of x, y and z."""
    ends_m = np.vstack([np.zeros(3), 1.5 * board.tag_m * np.eye(3)])
    return intrinsics.project(apply(board_pose(view, intrinsics), ends_m))


def _close_up(color: NDArray[np.uint8], corners_px: NDArray[np.float64], axes_px: NDArray[np.float64]) -> Image:
    import cv2

    low, high = corners_px.min(axis=0), corners_px.max(axis=0)
    scale = float(min(np.array(_CLOSE_PX) / (_MARGIN * (high - low))))
    shift = np.array(_CLOSE_PX) / 2 - scale * (low + high) / 2
    placed = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    close = np.asarray(cv2.warpAffine(color, placed, _CLOSE_PX, flags=cv2.INTER_CUBIC), np.uint8)
    _draw(close, scale * corners_px + shift, scale * axes_px + shift)
    return close


def _draw(image: Image, corners_px: NDArray[np.float64], axes_px: NDArray[np.float64]) -> None:
    import cv2

    thick, radius = max(2, round(image.shape[1] / 240)), max(2, round(image.shape[1] / 320))
    origin, *ends = map(_fixed_point, axes_px)
    for end, rgb in zip(ends, _AXES_RGB, strict=True):
        cv2.line(image, origin, end, rgb, thick, cv2.LINE_AA, shift=_SHIFT)
    for corner in map(_fixed_point, corners_px):
        cv2.circle(image, corner, (radius + 1) << _SHIFT, _RIM_RGB, -1, cv2.LINE_AA, shift=_SHIFT)
        cv2.circle(image, corner, radius << _SHIFT, _CORNER_RGB, -1, cv2.LINE_AA, shift=_SHIFT)


def _fixed_point(pixel: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.rint(pixel * (1 << _SHIFT)).astype(int)
    return int(x), int(y)
