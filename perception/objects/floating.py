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

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

#: What no part of is nearer to the table than this [m] does not stand on it.
FLOATING_M = 0.020
#: Lowest and highest points are told by these percentiles of heights.
LOWEST, HIGHEST = 3, 97
#: Two parts are of one surface where depth steps less than this [m] from the one to the other, in the median along at
#: least so many pixels. What hides the foot of a thing behind it stands farther before it.
STEP_M, LEAST_BORDER_PX = 0.012, 6
#: A handle may step farther [m]: what has at most this share of the other's pixels, and this share of its own size, the
#: root of its pixels, beside it.
HANDLE_STEP_M, HANDLE_SHARE, HANDLE_BORDER = 0.030, 0.2, 2.0
#: What is higher than another part goes on upwards from it, and does not stand behind it, where most of its front, seen
#: from above, lies so far [m] within the other, as a neck's does, or the other's front within it or so little beside.
WITHIN_M, BESIDE_M = 0.002, 0.004
_REACH_PX = 5
_TURN = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)


def without_floating_parts(look: "ObjectPrediction", plane: Plane, rays: Map) -> "ObjectPrediction":
    """The same objects, each part that floats joined to the one it goes on from; rays (H, W, 3; z = 1)."""
    ids, height_m = look.objects.ids.copy(), plane.height(rays * look.front_m[..., None])
    for id_ in range(1, look.objects.count + 1):
        its = ids == id_
        if its.any() and np.nanpercentile(height_m[its], LOWEST) > FLOATING_M:
            others = _go_on(its, ids, look.front_m)
            on = (other for other in others if _are_one(its, ids == other, height_m, look, plane, rays))
            ids[its] = next(on, id_)
    ids = np.searchsorted(np.union1d(0, ids), ids).astype(np.int32)
    return replace(look, objects=ObjectMap(ids, look.objects.probability, look.objects.thickness_m))


def _go_on(its: Mask, ids: NDArray[np.int32], front_m: Map) -> list[int]:
    """The other objects whose surface goes on from this one's, by the length of the border."""
    window = (_REACH_PX, _REACH_PX)
    nearest_m = grey_dilation(np.where(its, -front_m, -np.inf), window)  # minus the depth of what is within reach
    found = []
    for other in np.unique(ids[np.isfinite(nearest_m) & ~its & (ids > 0)]).tolist():
        border = np.isfinite(nearest_m) & (ids == other)
        step_m = np.abs(front_m[border] + nearest_m[border])
        size_px, border_px = int(its.sum()), int(border.sum())
        is_handle = size_px < HANDLE_SHARE * (ids == other).sum() and border_px > HANDLE_BORDER * np.sqrt(size_px)
        if border_px >= LEAST_BORDER_PX and np.median(step_m) < (HANDLE_STEP_M if is_handle else STEP_M):
            found.append((border_px, other))
    return [other for _, other in sorted(found, reverse=True)]


def _are_one(its: Mask, other: Mask, height_m: Map, look: "ObjectPrediction", plane: Plane, rays: Map) -> bool:
    """Whether a part is beside another, as a handle is, or goes on upwards from it. The surface of a thing that stands
    right behind a lower one goes on from that one's top as well."""
    if np.nanmedian(height_m[its]) < np.nanpercentile(height_m[other], HIGHEST):
        return True
    across = np.linalg.svd(plane.normal[None])[2][1:].T
    fronts_m, backs_m = (
        [(rays[mask] * depth_m[mask][:, None]).astype(float) @ across for mask in (its, other)]
        for depth_m in (look.front_m, look.front_m + look.objects.thickness_m)
    )
    upper_m, lower_m = (np.concatenate(walls_m) for walls_m in zip(fronts_m, backs_m, strict=True))
    return _is_within(fronts_m[0], lower_m, -WITHIN_M) or _is_within(fronts_m[1], upper_m, BESIDE_M)


def _is_within(some_m: NDArray[np.float64], others_m: NDArray[np.float64], wider_m: float) -> bool:
    """Whether most of some points (N, 2) [m] lie within the convex hull of others (M, 2) [m], made wider by so much; a
    few astray are none of its corners."""
    directions = np.stack([np.cos(_TURN), np.sin(_TURN)])
    reach_m = np.percentile(others_m @ directions, HIGHEST, axis=0) + wider_m
    return bool((some_m @ directions <= reach_m).all(axis=1).mean() > 0.5)
