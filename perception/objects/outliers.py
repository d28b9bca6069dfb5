"""What of a front is not of its object: what hangs between two of them, and what lies far from all the rest."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, maximum_filter

from perception.depth_types import Plane
from perception.objects.object_map import box_around

Map = NDArray[np.float32]

#: So near to another object [px] a front may hang between the two, if these are so far apart [m] farther in: parts of
#: one thing are not. It does where it is off by more than so much [m] from its object farther in, and no farther than
#: so many pixels.
RIM_PX, APART_M, JUMP_M, FARTHEST_PX = 6, 0.040, 0.010, 18

#: All but so many percent of an object, nearest and farthest along the table, tell how deep it is; what lies farther
#: off by more than this share of their distance, or than this [m], is not of it, nor what is so near to that [px]. A
#: thing that lies in line with the camera has its ends within that.
BODY_PERCENT, BESIDE_SHARE, BESIDE_M, BULGE_PX, LEAST_PIXELS = 20, 0.8, 0.025, 6, 40


def without_skirts(front_m: Map, thickness_m: Map, ids: NDArray[np.int32]) -> tuple[Map, Map]:
    """The objects' fronts and thicknesses (H, W) [m]; where they hung between two objects of ids (H, W), those of the
    nearest place farther in."""
    front_m, thickness_m = front_m.copy(), thickness_m.copy()
    for id_ in range(1, int(ids.max(initial=0)) + 1):
        part = box_around(ids == id_, FARTHEST_PX)
        its, beside = ids[part] == id_, (ids[part] > 0) & (ids[part] != id_)
        rim = its & _is_near(beside)
        inner, inner_beside = (mask & np.isfinite(front_m[part]) for mask in (its & ~rim, beside & ~_is_near(its)))
        if not (rim.any() and inner.any() and inner_beside.any()):
            continue
        far_px, nearest = distance_transform_edt(~inner, return_indices=True)
        nearest_beside = distance_transform_edt(~inner_beside, return_distances=False, return_indices=True)
        inside_m, beside_m = front_m[part][tuple(nearest)], front_m[part][tuple(nearest_beside)]
        hangs = rim & (far_px <= FARTHEST_PX) & (np.abs(inside_m - beside_m) > APART_M)
        hangs &= ~(np.abs(front_m[part] - inside_m) < JUMP_M)
        front_m[part][hangs] = inside_m[hangs]
        thickness_m[part][hangs] = thickness_m[part][tuple(nearest)][hangs]
    return front_m, thickness_m


def _is_near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(maximum_filter(mask.astype(np.uint8), 2 * RIM_PX + 1) > 0)


def without_strays(front_m: Map, ids: NDArray[np.int32], plane: Plane, rays: NDArray[np.float32]) -> Map:
    """The objects' fronts (H, W) [m]; what lay far before or behind the rest of its object is as far along the table as
    what is next to it in the picture. rays (H, W, 3; z = 1)."""
    front_m = front_m.copy()
    level = np.linalg.norm(rays - (rays @ plane.normal)[..., None] * plane.normal, axis=-1)
    away_m = front_m * level
    for id_ in range(1, int(ids.max(initial=0)) + 1):
        its = (ids == id_) & np.isfinite(away_m)
        if its.sum() < LEAST_PIXELS:
            continue
        near_m, far_m = np.percentile(away_m[its], [BODY_PERCENT, 100 - BODY_PERCENT])
        beside_m = max(BESIDE_M, BESIDE_SHARE * (far_m - near_m))
        strays = its & ((away_m < near_m - beside_m) | (away_m > far_m + beside_m))
        if not strays.any():
            continue
        part = box_around(its)
        strays = its[part] & binary_dilation(strays[part], iterations=BULGE_PX)
        body = its[part] & ~strays
        if body.any():
            nearest = distance_transform_edt(~body, return_distances=False, return_indices=True)
            front_m[part][strays] = away_m[part][tuple(nearest)][strays] / level[part][strays]
    return front_m
