"""Parts of one thing that were counted as two: what stands on nothing but the thing under it is of that."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_dilation

from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap

if TYPE_CHECKING:
    from perception.objects.model import ObjectPrediction

#: What no part of is nearer to the table than this [m] does not stand on it.
FLOATING_M = 0.020
#: Its lowest points are told by this percentile of its heights.
LOWEST = 3
#: Two parts are of one surface where depth steps less than this [m] from the one to the other, in the median along at
#: least so many pixels. What hides the foot of a thing behind it stands farther before it.
STEP_M, LEAST_BORDER_PX = 0.012, 6
_REACH_PX = 5


def without_floating_parts(look: "ObjectPrediction", plane: Plane, rays: NDArray[np.float32]) -> "ObjectPrediction":
    """The same objects, each part that floats joined to the one it goes on from; rays (H, W, 3; z = 1)."""
    height_m, ids = plane.height(rays * look.front_m[..., None]), look.objects.ids.copy()
    for id_ in range(1, look.objects.count + 1):
        its = ids == id_
        if its.any() and np.nanpercentile(height_m[its], LOWEST) > FLOATING_M:
            below = _goes_on_to(its, ids, look.front_m)
            ids[its] = below or id_
    ids = np.searchsorted(np.union1d(0, ids), ids).astype(np.int32)
    return replace(look, objects=ObjectMap(ids, look.objects.probability, look.objects.thickness_m))


def _goes_on_to(its: NDArray[np.bool_], ids: NDArray[np.int32], front_m: NDArray[np.float32]) -> int:
    """The other object whose surface goes on from this one's, 0 where there is none."""
    window = (_REACH_PX, _REACH_PX)
    nearest_m = grey_dilation(np.where(its, -front_m, -np.inf), window)  # minus the depth of what is within reach
    found = 0, 0
    for other in np.unique(ids[np.isfinite(nearest_m) & ~its & (ids > 0)]).tolist():
        border = np.isfinite(nearest_m) & (ids == other)
        step_m = np.abs(front_m[border] + nearest_m[border])
        if border.sum() >= LEAST_BORDER_PX and np.median(step_m) < STEP_M:
            found = max(found, (int(border.sum()), other))
    return found[1]
