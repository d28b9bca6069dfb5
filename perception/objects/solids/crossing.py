"""Rays of a picture through a solid: where they enter it and where they leave it."""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Rays are followed in such steps [m].
MARCH_M = 0.002
#: Of where rays meet the table, a thing's foot is in the nearest so many percent.
LOWER = 30
#: Rays that fall less than this share of their length hardly meet the table.
LEAST_SLANT = 0.05


def cross(its: Mask, depth_m: NDArray[np.float64], inside: Mask) -> tuple[Map, Map, Mask, NDArray[np.intp]]:
    """Of the N rays of a mask (H, W), at depths (N, K) [m] inside a solid or not (N, K).

    Returns:
        front_m, back_m (H, W) [m]: where they enter and where they leave it for good, NaN where they do not meet it;
        met (N,) whether they do, and first (N,) at which depth.
    """
    met: Mask = np.asarray(inside.any(axis=1))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    front_m, back_m = (np.full(its.shape, np.nan, np.float32) for _ in range(2))
    for map_, index in ((front_m, first), (back_m, last)):
        map_[its] = np.where(met, np.take_along_axis(depth_m, index[:, None], axis=1)[:, 0], np.nan)
    return front_m, back_m, met, first


def find_foot(table_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], Mask]:
    """Of where the rays of a mask meet the table (N, 2) [m], under the camera: the direction away from it (2,), and
    which (N,) of them are so near that its foot is there."""
    middle = table_m.mean(axis=0)
    away = middle / max(float(np.linalg.norm(middle)), 1e-9)
    away_m = table_m @ away
    return away, away_m <= np.percentile(away_m, LOWER)
