"""The raw samples of a calibration as the arrays that are stored with it, and back.

    LEFT 0 joints_rad, LEFT 0 board_m, LEFT 0 corners_px    of each view of an arm, as in `BoardView`
    LEFT zero_offset_rad (6,)                               the cell's file had, and `joints_rad` were read with
    LEFT touch (M, 2)                                       a tag's id and the miss above it [mm]
    table ids (T,), corners_m (T, 4, 3), corners_px         the table's tags: in the world, and where they were seen

All but the views are missing from a calibration of a program before these were kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.hand_eye import BoardView
from core.cell import Cell
from perception.depth_types import SeenTag
from perception.table.pose import world_corners

Arrays = Mapping[str, NDArray[Any]]
_ZERO = "zero_offset_rad"


def view_arrays(views: Mapping[str, Sequence[BoardView]]) -> dict[str, NDArray[Any]]:
    """Of the views of each arm, by its name."""
    return {
        f"{arm} {number} {key}": value
        for arm, of_arm in views.items()
        for number, view in enumerate(of_arm)
        for key, value in vars(view).items()
    }


def stored_views(samples: Arrays, arm: str) -> list[BoardView]:
    """As they were given to `view_arrays`."""
    keys, views = BoardView.__dataclass_fields__, list[BoardView]()
    while all(f"{arm} {len(views)} {key}" in samples for key in keys):
        views.append(BoardView(**{key: samples[f"{arm} {len(views)} {key}"] for key in keys}))
    return views


def cell_arrays(cell: Cell, seen: Sequence[SeenTag]) -> dict[str, NDArray[Any]]:
    """Of the cell as its file has it, and of its tags as they were seen."""
    zeros = {f"{arm} {_ZERO}": np.array(mount.zero_offset_rad, float) for arm, mount in cell.arms.items()}
    return zeros | {
        "table ids": np.array([tag.id for tag in seen]),
        "table corners_m": world_corners(tuple(seen), cell).reshape(-1, 4, 3),
        "table corners_px": np.array([tag.corners_px for tag in seen]).reshape(-1, 4, 2),
    }


def touch_arrays(misses_mm: Mapping[str, Mapping[int, float]]) -> dict[str, NDArray[Any]]:
    """Of the miss above each tag, by arm and the tag's id."""
    return {f"{arm} touch": np.array(list(of_arm.items()), float).reshape(-1, 2) for arm, of_arm in misses_mm.items()}


def stored_zeros(samples: Arrays, arm: str) -> NDArray[np.float64]:
    """(6,) zero offsets [rad] that the arm's joints were read with."""
    return np.asarray(samples.get(f"{arm} {_ZERO}", np.zeros(6)), float)


def stored_touch(samples: Arrays, arm: str) -> dict[int, float]:
    """Misses [mm] by tag; empty where none was measured, or told by tag."""
    return {int(tag): float(mm) for tag, mm in samples.get(f"{arm} touch", ())}
