"""What stands around or is held, as the upright boxes that a gate's world is made of."""

from collections.abc import Iterable
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from perception.row_keys import row_keys

#: Points of one such square of the ground [m] become upright boxes that just hold them.
_COLUMN_M = 0.006
#: Gaps in height below this are closed [m]; boxes are at least this thick.
_GAP_M, _THIN_M = 0.02, 0.002
#: What stands below an object's points is taken to be points so far apart [m].
_BELOW_M = 0.01


def upright_boxes(
    points_m: NDArray, to_ground: bool = False, column_m: float = _COLUMN_M, gap_m: float = _GAP_M
) -> list[tuple[NDArray, NDArray]]:
    """Boxes (center, half sizes) that hold points (M, 3), column by column; down to z = 0 on request."""
    if not len(points_m):
        return []
    cell = np.floor(points_m[:, :2] / column_m).astype(int)
    order = np.lexsort((points_m[:, 2], cell[:, 1], cell[:, 0]))
    points, cell = points_m[order], cell[order]
    breaks = (np.diff(cell, axis=0) != 0).any(axis=1) | ((np.diff(points[:, 2]) > gap_m) & (not to_ground))
    first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    low, high = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
    if to_ground:
        low[:, 2] = np.minimum(low[:, 2], 0.0)
    return list(zip((low + high) / 2, np.maximum((high - low) / 2, _THIN_M / 2), strict=True))


def standing(points_m: NDArray) -> NDArray[np.float64]:
    """Points (M, 3) of a thing on the table, and (K, 3) of what nobody saw below them: it stands on something."""
    if not len(points_m):
        return points_m
    cells = np.round(points_m[:, :2] / _BELOW_M).astype(int)
    _, first = np.unique(row_keys(cells), return_index=True)
    spots = points_m[first, :2]
    x, y, z = points_m[np.argsort(points_m[:, 0])].T
    begins, ends = np.searchsorted(x, spots[:, 0] - _BELOW_M), np.searchsorted(x, spots[:, 0] + _BELOW_M, "right")
    added: list[list[float]] = []
    for (x_m, y_m), begin, end in zip(spots.tolist(), begins.tolist(), ends.tolist(), strict=True):
        near = np.hypot(x[begin:end] - x_m, y[begin:end] - y_m) < _BELOW_M
        added += [[x_m, y_m, z_m] for z_m in np.arange(0.0, z[begin:end][near].min(), _BELOW_M)]
    return np.concatenate([points_m, np.reshape(added, (-1, 3))])


def add_boxes(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    boxes: Iterable[tuple[Any, Any]],
    contype: int,
    conaffinity: int,
    margin_m: float,
) -> None:
    """Puts boxes (center, half sizes) onto a body, without mass."""
    kind = spec.add_default(f"boxes of {body.name}", spec.default)
    kind.geom.type, kind.geom.mass = mujoco.mjtGeom.mjGEOM_BOX, 0.0
    kind.geom.contype, kind.geom.conaffinity, kind.geom.margin = contype, conaffinity, margin_m
    for center, half in boxes:
        geom = body.add_geom(kind)
        geom.pos, geom.size = center, half  # as arguments they take twice as long
