"""Parts of one thing that were told apart, and have the outline of one thing together; and handles nobody saw."""

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt, label

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.fronts import FLATTEST_M
from perception.objects.object_map import CellMasks, ObjectMap, box_around, reaches_border
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
#: A goblet's bowl and its foot, between which the stem was not seen, are so near [px] to each other at most, the stem
#: is taken to be so thin [px], and the foot is no higher than this [m]. Pixels likely to be an object that are of none,
#: so many together, may be a foot.
STEM_PX, THIN_PX, FOOT_M, LEAST_FOOT_PX, LEAST_PROBABILITY = 40, 7, 0.040, 200, 0.5
#: What has a handle is no wider than this [m], and of one colour, within so many standard deviations of it and as many
#: from the colours of the ring around it, from so far to so far [px] outside.
HEAD_M, LIKE, UNLIKE, RING_PX = 0.060, 3.0, 4.0, (4, 18)
#: Colours are told apart to this much [of 255], at least in this share of the thing, of so many pixels.
COLOR_NOISE, DISTINCT, LEAST_HEAD_PX = 2.0, 0.8, 60
#: A handle is so many times as long as wide and points to the middle of the rest within this angle [rad] and this share
#: of the rest's width, of which it is at least as long, and at most so many times: of 203 captures four spoons' handles
#: are 7.6 times, within 2 degrees and .06; no shadow, image or reflection comes near in all three.
SLENDER, LONGEST, POINTING_RAD, ASIDE = 6.0, 6.0, np.deg2rad(5.0), 0.1


def join_parts(look: "ObjectPrediction", intrinsics: Intrinsics, plane: Plane) -> "ObjectPrediction":
    """The same objects, joined where they touch and are one solid, or one long flat thing, or a goblet but for its
    stem."""
    ids, height_m = _with_lost_parts(look.objects), plane.height(intrinsics.rays() * look.front_m[..., None])
    for one, other in combinations(range(1, int(ids.max()) + 1), 2):
        parts = ids == one, ids == other
        if one > look.objects.count or not all(part.any() for part in parts):
            continue
        if other <= look.objects.count and _touch(*parts) and _are_one(parts, height_m, intrinsics, plane):
            ids[parts[1]] = one
        elif (stem := _stem(parts, ids, height_m, intrinsics, plane)) is not None:
            ids[parts[1] | stem] = one
    ids[ids > look.objects.count] = 0
    return _renumbered(look, ids)


def with_handles(
    look: "ObjectPrediction", color: NDArray[np.uint8], intrinsics: Intrinsics, plane: Plane, masks: CellMasks | None
) -> "ObjectPrediction":
    """The same objects, what is small and of one colour with the handle that goes on from it in a picture (H, W, 3).

    masks: of the cell, where known.
    """
    lab, rays = cv2.cvtColor(color, cv2.COLOR_RGB2LAB).astype(np.float32), intrinsics.rays()
    taken = (look.objects.ids > 0) | (masks.arms if masks is not None else False)
    ids, front_m = look.objects.ids.copy(), look.front_m
    height_m, table_m = plane.height(rays * front_m[..., None]), plane.depth(rays)
    for id_ in range(1, look.objects.count + 1):
        head = look.objects.ids == id_
        width_px = 2 * np.sqrt(head.sum() / np.pi)
        if not 0.0 < width_px * _middle(look.front_m[head]) / intrinsics.fx < HEAD_M:
            continue
        near = box_around(head, int(LONGEST * width_px))
        handle = np.zeros_like(head)
        handle[near] = _handle(head[near], taken[near], lab[near], float(width_px))
        if handle.any():
            ids[handle], taken = id_, taken | handle
            level_m = min(_middle(height_m[head]), FLATTEST_M)
            front_m = np.where(handle, table_m * (1 + level_m / plane.offset_m), front_m).astype(np.float32)
    return look if front_m is look.front_m else replace(_renumbered(look, ids), front_m=front_m)


def _handle(head: Mask, taken: Mask, lab: NDArray[np.float32], width_px: float) -> Mask:
    """(H, W) what goes on from an object (H, W) in its colour as a handle does, to one side; nothing that is taken."""
    inner = binary_erosion(head, iterations=2)
    ring = binary_dilation(head, iterations=RING_PX[1]) & ~binary_dilation(head, iterations=RING_PX[0]) & ~taken
    none = np.zeros_like(head)
    if min(inner.sum(), ring.sum()) < LEAST_HEAD_PX:
        return none
    from_head, from_ring = (_deviations(lab, lab[part]) for part in (inner, ring))
    if (from_ring[inner] > np.maximum(from_head[inner], UNLIKE)).mean() < DISTINCT:
        return none
    alike = (from_head < LIKE) & (from_ring > UNLIKE) & ~taken
    whole = label(alike | head)[0]
    parts, count = label(alike & np.isin(whole, np.unique(whole[head])))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    large = [parts == number for number in np.flatnonzero(sizes >= LEAST_HEAD_PX) + 1]
    handles = [part for part in large if _points_to(part, head, width_px)]
    # A stripe or a cable goes on to both sides, or far.
    return handles[0] if len(handles) == 1 and not reaches_border(handles[0]) else none


def _deviations(lab: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) how many standard deviations each pixel is from most of some pixels' colours (N, 3)."""
    away = np.square(of - np.median(of, axis=0)).sum(axis=1)
    most = of[away <= np.quantile(away, 0.85)]
    spread = np.linalg.inv(np.cov(most.T) + np.eye(3) * COLOR_NOISE**2)
    off = lab - most.mean(axis=0)
    return np.sqrt(np.einsum("...i,ij,...j->...", off, spread, off)).astype(np.float32)


def _points_to(part: Mask, head: Mask, width_px: float) -> bool:
    """Whether a part is slender, and its long axis runs through the middle of a head so wide [px]."""
    pixels = np.argwhere(part).astype(float)
    middle = pixels.mean(axis=0)
    _, sizes, axes = np.linalg.svd(pixels - middle, full_matrices=False)
    along, aside = np.abs(axes @ (np.argwhere(head).mean(axis=0) - middle))
    is_slender = sizes[0] > SLENDER * sizes[1] and np.ptp(pixels @ axes[0]) > width_px
    return bool(is_slender and aside < min(along * np.tan(POINTING_RAD), ASIDE * width_px))


def _with_lost_parts(objects: ObjectMap) -> NDArray[np.int32]:
    """Ids (H, W), what is likely to be an object but of none numbered after the objects."""
    ids = objects.ids.copy()
    parts, count = label((objects.probability > LEAST_PROBABILITY) & (ids == 0))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    for number, part in enumerate(np.flatnonzero(sizes >= LEAST_FOOT_PX).tolist(), start=objects.count + 1):
        ids[parts == part + 1] = number
    return ids


def _renumbered(look: "ObjectPrediction", ids: NDArray[np.int32]) -> "ObjectPrediction":
    """The same with other objects' ids (H, W); what is new of an object has the surface of what is nearest of it."""
    front_m, thickness_m, confidence = look.front_m, look.objects.thickness_m, look.confidence
    is_new = (ids > 0) & (look.objects.ids == 0)
    if is_new.any():
        nearest = tuple(distance_transform_edt(look.objects.ids == 0, return_distances=False, return_indices=True))
        front_m, thickness_m, confidence = (
            np.where(is_new, map_[nearest], map_) for map_ in (front_m, thickness_m, confidence)
        )
    ids = np.searchsorted(np.union1d(0, ids), ids).astype(np.int32)
    return replace(
        look,
        objects=ObjectMap(ids, look.objects.probability, thickness_m),
        front_m=front_m,
        confidence=confidence,
    )


def _stem(
    parts: tuple[Mask, Mask],
    ids: NDArray[np.int32],
    height_m: NDArray[np.float32],
    intrinsics: Intrinsics,
    plane: Plane,
) -> Mask | None:
    """(H, W) the pixels between a bowl and the foot under it, if together they are an upright solid; else None."""
    foot, bowl = sorted(parts, key=lambda part: -float(np.argwhere(part)[:, 0].mean()))
    known_m = height_m[foot][np.isfinite(height_m[foot])]
    if foot.sum() > bowl.sum() or (len(known_m) and np.median(known_m) > FOOT_M):
        return None
    to_foot_px = cv2.distanceTransform((~foot).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if to_foot_px[bowl].min() > STEM_PX:
        return None
    start, end = (np.rint(np.argwhere(part).mean(axis=0)[::-1]).astype(int).tolist() for part in (bowl, foot))
    line = cv2.line(np.zeros(ids.shape, np.uint8), start, end, 1, THIN_PX).astype(bool)
    outline = read_outline(parts[0] | parts[1] | line, intrinsics, plane)
    is_one = outline.kind is Kind.UPRIGHT and outline.solid is not None and outline.solid.explained > EXPLAINED
    return line & (ids == 0) if is_one else None


def _touch(one: Mask, other: Mask) -> bool:
    return int((binary_dilation(one, iterations=NEAR_PX) & other).sum()) >= LEAST_BORDER_PX


def _are_one(parts: tuple[Mask, Mask], height_m: NDArray[np.float32], intrinsics: Intrinsics, plane: Plane) -> bool:
    whole = parts[0] | parts[1]
    outline = read_outline(whole, intrinsics, plane)
    if outline.kind is Kind.FLAT:
        return not any(_stands(part, height_m, intrinsics, plane) for part in parts)
    if outline.kind is Kind.BOX:
        return False  # boxes side by side have a box's outline, too
    if outline.solid is None or outline.solid.explained < EXPLAINED:
        return False
    off_m = plane.height(intrinsics.rays() * outline.solid.seen(whole, intrinsics)[0][..., None]) - height_m
    large = (part for part in parts if part.sum() > SMALL_SHARE * whole.sum())
    return all(_middle(off_m[part]) < AS_HIGH_M for part in large)


def _stands(part: Mask, height_m: NDArray[np.float32], intrinsics: Intrinsics, plane: Plane) -> bool:
    """Whether what is seen of a part (H, W), its heights (H, W) [m], stands by itself."""
    is_high = float(np.nanpercentile(height_m[part], TALL)) > STANDING_M
    return is_high and read_outline(part, intrinsics, plane).is_standing


def _middle(off_m: NDArray[np.float32]) -> float:
    """The size of the median of what is known, infinite where nothing is."""
    known_m = off_m[np.isfinite(off_m)]
    return float(np.abs(np.median(known_m))) if len(known_m) else np.inf
