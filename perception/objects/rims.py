"""Where one object stands before another in the picture: a soft answer hangs between their fronts there."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter

Map = NDArray[np.float32]

#: So near to another object [px] a front may hang between the two; it does where the same object's front farther in,
#: at most so far away [px], is that much nearer or farther [m].
RIM_PX, FARTHEST_PX, JUMP_M = 6, 18, 0.010


def without_skirts(front_m: Map, thickness_m: Map, ids: NDArray[np.int32]) -> tuple[Map, Map]:
    """The objects' fronts and thicknesses (H, W) [m]; where they hung between two objects of ids (H, W), those of the
    nearest place farther in."""
    front_m, thickness_m = front_m.copy(), thickness_m.copy()
    for id_ in range(1, int(ids.max(initial=0)) + 1):
        rows, columns = (np.flatnonzero((ids == id_).any(axis)) for axis in (1, 0))
        part = tuple(slice(max(int(at[0]) - RIM_PX, 0), int(at[-1]) + RIM_PX + 1) for at in (rows, columns))
        its = ids[part] == id_
        others = maximum_filter(((ids[part] > 0) & ~its).astype(np.uint8), 2 * RIM_PX + 1) > 0
        inner = its & ~others & np.isfinite(front_m[part])
        if not (its & others).any() or not inner.any():
            continue
        far_px, (row, column) = distance_transform_edt(~inner, return_indices=True)
        inside_m, own_m = front_m[part][row, column], front_m[part]
        hangs = its & others & (far_px <= FARTHEST_PX) & ~(np.abs(own_m - inside_m) < JUMP_M)
        front_m[part][hangs] = inside_m[hangs]
        thickness_m[part][hangs] = thickness_m[part][row, column][hangs]
    return front_m, thickness_m
