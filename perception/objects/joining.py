"""Parts of one thing that were told apart, and have the outline of one thing together."""

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap
from perception.objects.solids.outline import Kind, read_outline

if TYPE_CHECKING:
    from perception.objects.model import ObjectPrediction

Mask = NDArray[np.bool_]

#: Parts touch where so many pixels of the one are so near [px] to the other.
LEAST_BORDER_PX, NEAR_PX = 6, 3
#: Together they are one solid that explains so much of their outline; a thing behind another hardly goes on from it to
#: both sides alike. Nor is it as near: a part's front is as high as the solid's, give or take [m], if it is no small
#: share of the whole: the network is lost on those.
EXPLAINED, AS_HIGH_M, SMALL_SHARE = 0.88, 0.040, 0.15
#: What has an upright thing's outline and is seen higher than this [m], by this percentile of its heights, stands: it
#: is no part of the flat thing beside it.
STANDING_M, TALL = 0.030, 90


def join_parts(look: "ObjectPrediction", intrinsics: Intrinsics, plane: Plane) -> "ObjectPrediction":
    """The same objects, those joined that touch and are one solid, or one long flat thing, together."""
    ids, height_m = look.objects.ids.copy(), plane.height(intrinsics.rays() * look.front_m[..., None])
    for one, other in combinations(range(1, look.objects.count + 1), 2):
        parts = ids == one, ids == other
        if all(part.any() for part in parts) and _touch(*parts) and _are_one(parts, height_m, intrinsics, plane):
            ids[parts[1]] = one
    ids = np.searchsorted(np.union1d(0, ids), ids).astype(np.int32)
    return replace(look, objects=ObjectMap(ids, look.objects.probability, look.objects.thickness_m))


def _touch(one: Mask, other: Mask) -> bool:
    return int((binary_dilation(one, iterations=NEAR_PX) & other).sum()) >= LEAST_BORDER_PX


def _are_one(parts: tuple[Mask, Mask], height_m: NDArray[np.float32], intrinsics: Intrinsics, plane: Plane) -> bool:
    whole = parts[0] | parts[1]
    outline = read_outline(whole, intrinsics, plane)
    if outline.kind is Kind.FLAT:
        return not any(_stands(part, height_m, intrinsics, plane) for part in parts)
    if outline.solid is None or outline.solid.explained < EXPLAINED:
        return False
    off_m = plane.height(intrinsics.rays() * outline.solid.seen(whole, intrinsics)[0][..., None]) - height_m
    large = (part for part in parts if part.sum() > SMALL_SHARE * whole.sum())
    return all(_middle(off_m[part]) < AS_HIGH_M for part in large)


def _stands(part: Mask, height_m: NDArray[np.float32], intrinsics: Intrinsics, plane: Plane) -> bool:
    """Whether what is seen of a part (H, W), its heights (H, W) [m], stands by itself."""
    is_high = float(np.nanpercentile(height_m[part], TALL)) > STANDING_M
    return is_high and read_outline(part, intrinsics, plane).kind is Kind.UPRIGHT


def _middle(off_m: NDArray[np.float32]) -> float:
    """The size of the median of what is known, infinite where nothing is."""
    known_m = off_m[np.isfinite(off_m)]
    return float(np.abs(np.median(known_m))) if len(known_m) else np.inf
