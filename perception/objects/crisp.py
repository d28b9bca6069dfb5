"""An estimator's depth with the objects' outlines restored: soft edges hang between object and table, and fingers
would collide with them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import decode_depth, encode_depth, plane_disparity
from perception.objects.object_map import box_around

if TYPE_CHECKING:
    from perception.objects.model import ObjectPrediction

Map = NDArray[np.float32]

#: So near to an object [px], where its soft edge hangs, what the network finds less likely than this to be one is the
#: table. Farther off everything stays as it is: a hand, an arm, a wall is no object, and not to be hit either.
SKIRT_PX, LEAST_OBJECT = 20, 0.2
#: An estimate is worth the more, the farther inside an outline it lies, fully from this on [px]; what it says there
#: of the network's own surface is carried outwards over this many [px].
SURE_PX, SPREAD_PX = 8.0, 12.0


def crisp_depth(estimate_m: Map, look: "ObjectPrediction", plane: Plane, rays: Map, is_learnt: bool) -> Map:
    """(H, W) [m]: objects end at their outlines, and close around them lies the table.

    estimate_m (H, W) [m], NaN holes; rays (H, W, 3). is_learnt: the network learnt on answers of this estimator and
    its front is taken; else the front is bent to the estimate's level, object by object.
    """
    table_m = plane.depth(rays)
    is_table = look.objects.within(SKIRT_PX) & (look.objects.probability < LEAST_OBJECT) & np.isfinite(table_m)
    depth_m = np.where(is_table & (estimate_m < table_m), table_m, estimate_m)
    if is_learnt:
        return np.where(look.objects.mask, look.front_m, depth_m).astype(np.float32)
    reference = plane_disparity(rays, plane)
    front_q, estimate_q = encode_depth(look.front_m, reference), encode_depth(estimate_m, reference)
    for id_ in range(1, look.objects.count + 1):
        part = box_around(look.objects.ids == id_)
        its = look.objects.ids[part] == id_
        bent_q = front_q[part] + _spread(estimate_q[part] - front_q[part], its)
        depth_m[part][its] = decode_depth(bent_q, reference[part])[its]
    return depth_m.astype(np.float32)


def _spread(difference: Map, its: NDArray[np.bool_]) -> Map:
    """A smooth map of what an estimate says beyond the network's front, from deep inside an outline outwards."""
    import cv2

    inside = cv2.distanceTransform(np.pad(its, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    weight = np.minimum(inside / min(SURE_PX, float(inside.max())), 1.0) ** 2
    weight = np.where(np.isfinite(difference), weight, 0.0).astype(np.float32)
    summed, total = (
        cv2.GaussianBlur(map_.astype(np.float32), (0, 0), SPREAD_PX)
        for map_ in (weight * np.nan_to_num(difference), weight)
    )
    return np.asarray(summed / np.maximum(total, 1e-6), np.float32)
