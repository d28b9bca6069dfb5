"""A view of the board out of pictures taken while the arm rested, or why it is none."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board import Board
from calibration.hand_eye import BoardView
from calibration.result import CalibrationFinding, FoundError
from core.errors import PerceptionError
from perception.depth_types import SeenTag
from perception.table.tags import detect_tags

#: Corners that wander more than this between two pictures [px] belong to a board that moves.
_STILL_PX = 0.6
#: Corners further than this from any flat board [px, root mean square] are blurred, bent or half hidden.
_FLAT_PX = 0.5
#: Tags of the board that must be seen.
_LEAST_TAGS = 4
#: Pictures, of those that there are, that must show a tag of the table.
_LEAST_SEEN = 3


def board_view(colors: Sequence[NDArray[np.uint8]], joints_rad: NDArray[np.float64], board: Board) -> BoardView:
    """The mean of what several pictures (H, W, 3) of one pose show.

    Raises:
        PerceptionError: the board is hidden, moves, or is not seen sharply; another view may do.
        FoundError: it is printed so that no view will do.
    """
    return seen_view([detect_tags(color, board.tags) for color in colors], joints_rad, board)


def seen_view(seen: Sequence[Sequence[SeenTag]], joints_rad: NDArray[np.float64], board: Board) -> BoardView:
    """As `board_view`, of the board's tags in each picture."""
    pictures = [{tag.id: tag.corners_px for tag in tags} for tags in seen]
    ids = sorted(set.intersection(*map(set, pictures)))
    if len(ids) < _LEAST_TAGS:
        why = "not seen" if not any(pictures) else f"half hidden: {len(ids)} of its {len(board.tags)} tags are seen"
        raise PerceptionError(f"The board is {why}.", "Turn its printed side to the camera, and light it evenly.")
    corners = np.array([[picture[id_] for id_ in ids] for picture in pictures])
    wander_px = float(np.abs(corners - corners.mean(axis=0)).max())
    if wander_px > _STILL_PX:
        raise PerceptionError(
            f"The board moves: its corners wander by {wander_px:.1f} px.", "Let the arm come to rest."
        )
    board_m = board.corners_m()[[id_ - board.first_id for id_ in ids]].reshape(-1, 3)
    pixels = corners.mean(axis=0).reshape(-1, 2)
    homography, _ = cv2.findHomography(board_m[:, :2], pixels)
    off_px = cv2.perspectiveTransform(board_m[None, :, :2], homography)[0] - pixels
    off = float(np.sqrt(np.mean(np.sum(off_px**2, axis=1))))
    if off > _FLAT_PX:
        if _is_turned(board_m, pixels):
            cause = (
                "Every tag of the board is turned by 180° in its place, as in tags printed from the official images."
            )
            raise FoundError(
                CalibrationFinding("turned-tags", cause, "Print the board that `calibrate target` writes.", True)
            )
        raise PerceptionError(
            f"The board's corners are {off:.1f} px from any flat board: it is bent, or its picture is blurred.",
            "Glue it to a stiff plate, and add light.",
        )
    return BoardView(joints_rad, board_m, pixels)


def _is_turned(board_m: NDArray[np.float64], pixels: NDArray[np.float64]) -> bool:
    """Whether each tag read upside down would make a flat board."""
    rolled = np.roll(pixels.reshape(-1, 4, 2), 2, axis=1).reshape(-1, 2)
    homography, _ = cv2.findHomography(board_m[:, :2], rolled)
    off = cv2.perspectiveTransform(board_m[None, :, :2], homography)[0] - rolled
    return bool(np.sqrt(np.mean(np.sum(off**2, axis=1))) < _FLAT_PX)


def mean_tags(pictures: Sequence[Sequence[SeenTag]]) -> tuple[SeenTag, ...]:
    """The table's tags as the median of many pictures from one place, those seen often enough."""
    by_id: dict[int, list[SeenTag]] = {}
    for picture in pictures:
        for tag in picture:
            by_id.setdefault(tag.id, []).append(tag)
    return tuple(
        SeenTag(id_, seen[0].size_m, np.median([tag.corners_px for tag in seen], axis=0), seen[0].margin)
        for id_, seen in sorted(by_id.items())
        if len(seen) >= min(_LEAST_SEEN, len(pictures))
    )
