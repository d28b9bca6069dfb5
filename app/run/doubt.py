"""How unsure an estimator is of what stands on the table: for the console, the log and the pictures."""

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from grasping.detection.doubt import is_unsure
from perception.depth_types import RelativeDepth, TableView
from perception.objects.masks import object_region

#: What stands higher than this above the table is counted [m].
STANDS_M = 0.01


def unsure_share(relative: RelativeDepth, view: TableView, cell: Cell, intrinsics: Intrinsics) -> float | None:
    """The share of the workspace's standing pixels that are unsure; None where that is not told, or nothing stands."""
    if relative.confidence is None or relative.kind != "metric":
        return None
    standing = _standing(relative.values, view, cell, intrinsics)
    return float(is_unsure(relative.confidence)[standing].mean()) if standing.any() else None


def _standing(depth_m: NDArray[np.float32], view: TableView, cell: Cell, intrinsics: Intrinsics) -> NDArray[np.bool_]:
    """(H, W) what may be an object: in the workspace, off the tags and the bin, above the table."""
    height_m = view.plane.height(intrinsics.rays() * depth_m[..., None])
    return object_region(view, cell, intrinsics, {}, depth_m) & (height_m > STANDS_M)
