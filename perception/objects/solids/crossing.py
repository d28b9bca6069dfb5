"""Rays of a picture through a solid: where they enter it and where they leave it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Depths = NDArray[np.float64]

#: Rays are followed in such steps [m].
MARCH_M = 0.002
#: Of where rays meet the table, a thing's foot is in the nearest so many percent.
LOWER = 30
#: Rays that fall less than this share of their length hardly meet the table.
LEAST_SLANT = 0.05
#: Rays are followed so many at a time: what is known of each step then stays in a processor's cache.
BLOCK = 512


def cross(depth_m: NDArray[np.float64], inside: Mask) -> tuple[Depths, Depths, Mask, NDArray[np.intp]]:
    """Of N rays, at depths (N, K) [m] inside a solid or not (N, K).

    Returns:
        front_m, back_m (N,) [m]: where they enter and where they leave it for good, NaN where they do not meet it;
        met (N,) whether they do, and first (N,) at which depth.
    """
    met: Mask = np.asarray(inside.any(axis=1))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    ends = (np.take_along_axis(depth_m, index[:, None], axis=1)[:, 0] for index in (first, last))
    front_m, back_m = (np.where(met, end, np.nan) for end in ends)
    return front_m, back_m, met, first


def cross_all(
    its: Mask, rays: NDArray[np.float64], follow: Callable[[NDArray[np.float64]], tuple[Depths, Depths, Mask]]
) -> tuple[Map, Map, Mask]:
    """(H, W) of what `follow` says of a mask's rays (N, 3), in its order: where (B,) of them enter a solid, where they
    leave it [m], and a fact of each; NaN, or False, off the mask."""
    maps = np.full(its.shape, np.nan, np.float32), np.full(its.shape, np.nan, np.float32), np.zeros(its.shape, bool)
    parts = [follow(rays[begin : begin + BLOCK]) for begin in range(0, len(rays), BLOCK)]
    for map_, values in zip(maps, zip(*parts, strict=True), strict=bool(parts)):
        map_[its] = np.concatenate(values)
    return maps


def find_foot(table_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], Mask]:
    """Of where the rays of a mask meet the table (N, 2) [m], under the camera: the direction away from it (2,), and
    which (N,) of them are so near that its foot is there."""
    middle = table_m.mean(axis=0)
    away = middle / max(float(np.linalg.norm(middle)), 1e-9)
    away_m = table_m @ away
    return away, away_m <= np.percentile(away_m, LOWER)
