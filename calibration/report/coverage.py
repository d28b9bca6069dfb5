"""How far views of a board are spread over the picture, over its tilt and its distance, and what is wanted still."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.closed_form import board_pose
from calibration.hand_eye import BoardView
from core.image import Intrinsics
from core.transforms import Matrix

#: The fields that the picture is divided into.
COLUMNS, ROWS = 8, 6
#: What twenty proposed views surpass in the digital cell, both arms: share of fields with a corner in them; ranges that
#: the board leaned over about each axis of the picture, and was turned over in its plane [deg]; farthest over nearest.
PICTURE, TILT_DEG, TURN_DEG, DEPTH_RATIO = 0.6, 60.0, 60.0, 1.6
_PLACES = (
    *("upper left", "upper edge", "upper right"),
    *("left edge", "middle", "right edge"),
    *("lower left", "lower edge", "lower right"),
)
_MOST_NAMED = 3


@dataclass(frozen=True)
class SeenBoard:
    """number: from 1, as findings name it. corners_px (K, 2): where corners were seen; T_camera_board: the board's pose
    by this view alone."""

    number: int
    corners_px: NDArray[np.float64]
    T_camera_board: Matrix

    @property
    def is_dropped(self) -> bool:
        """Whether the solution was found without it."""
        return False

    @property
    def lean_deg(self) -> NDArray[np.float64]:
        """(2,) how far it leans from facing the camera, to the right and down in the picture."""
        facing = -self.T_camera_board[2, 2]
        way = self.T_camera_board[:2, 2] / max(float(np.linalg.norm(self.T_camera_board[:2, 2])), 1e-9)
        return float(np.rad2deg(np.arccos(np.clip(facing, -1, 1)))) * way


def seen_boards(views: Sequence[BoardView], intrinsics: Intrinsics) -> list[SeenBoard]:
    """Of the board in its stated size."""
    return [
        SeenBoard(number, view.corners_px, board_pose(view, intrinsics)) for number, view in enumerate(views, start=1)
    ]


@dataclass(frozen=True)
class ViewCoverage:
    """fields (ROWS, COLUMNS): how many views have a corner in each. tilt_deg: ranges of the lean about the picture's
    vertical and horizontal; turn_deg: of the turn in its plane; nearest_m, farthest_m: 0 without a view."""

    fields: NDArray[np.int_]
    tilt_deg: tuple[float, float]
    turn_deg: float
    nearest_m: float
    farthest_m: float

    @property
    def covered(self) -> float:
        """Share of the picture's fields."""
        return float(np.mean(self.fields > 0))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Views that would spread them further; empty where they are spread enough."""
        return tuple(_missing_views(self))


def coverage_of(boards: Sequence[SeenBoard], intrinsics: Intrinsics) -> ViewCoverage:
    fields = np.zeros((ROWS, COLUMNS), int)
    if not boards:
        return ViewCoverage(fields, (0.0, 0.0), 0.0, 0.0, 0.0)
    for board in boards:
        place = np.floor(board.corners_px / [intrinsics.width, intrinsics.height] * [COLUMNS, ROWS]).astype(int)
        columns, rows = np.unique(np.clip(place, 0, [COLUMNS - 1, ROWS - 1]), axis=0).T
        fields[rows, columns] += 1
    right, down = np.ptp([board.lean_deg for board in boards], axis=0)
    depths_m = [float(board.T_camera_board[2, 3]) for board in boards]
    turns = [float(np.arctan2(*board.T_camera_board[1::-1, 0])) for board in boards]
    return ViewCoverage(fields, (float(right), float(down)), _range_deg(turns), min(depths_m), max(depths_m))


def _range_deg(angles_rad: Sequence[float]) -> float:
    """The smallest arc that holds all of them."""
    around = np.sort(np.rad2deg(angles_rad) % 360.0)
    gaps = np.diff(np.append(around, around[0] + 360.0))
    return 360.0 - float(gaps.max())


def _missing_views(coverage: ViewCoverage) -> Iterator[str]:
    if not coverage.fields.any():
        yield "The first view: the board facing the camera, in the middle of its picture."
        return
    if coverage.covered < PICTURE:
        yield f"The board nearer to the {_emptiest(coverage.fields)} of the picture ({coverage.covered:.0%} covered)."
    for axis, range_deg in zip(("vertical", "horizontal"), coverage.tilt_deg, strict=True):
        if range_deg < TILT_DEG:
            yield f"The board tilted further about the picture's {axis} ({range_deg:.0f}° of {TILT_DEG:.0f}°)."
    if coverage.turn_deg < TURN_DEG:
        yield f"The board turned further in its own plane ({coverage.turn_deg:.0f}° of {TURN_DEG:.0f}°)."
    if coverage.farthest_m < DEPTH_RATIO * coverage.nearest_m:
        yield (
            f"The board nearer than {coverage.farthest_m / DEPTH_RATIO:.2f} m, or farther than "
            f"{coverage.nearest_m * DEPTH_RATIO:.2f} m (all views: {coverage.nearest_m:.2f}–{coverage.farthest_m:.2f})."
        )


def _emptiest(fields: NDArray[np.int_]) -> str:
    """Those ninths of the picture that fewest views reach, in words."""
    ninths = [np.mean(part > 0) for rows in np.array_split(fields, 3) for part in np.array_split(rows, 3, axis=1)]
    least = [name for name, share in zip(_PLACES, ninths, strict=True) if share == min(ninths)]
    return ", ".join(least[:_MOST_NAMED])


def turned_deg(boards: Sequence[SeenBoard]) -> NDArray[np.float64]:
    """(3,) over how far the board was turned about the camera's x, y and z, of its poses' mean."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix([board.T_camera_board[:3, :3] for board in boards])
    return np.rad2deg(np.ptp((turns * turns.mean().inv()).as_rotvec(), axis=0))
