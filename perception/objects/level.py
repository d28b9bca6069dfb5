"""The objects' fronts at the level that something else tells of them: the sensor, or their outlines on the table.

The networks see what stands on a table that mirrors or is glassy a centimetre or two too near: with its image it looks
taller. Of what is not clear the sensor still has most of the surface: its differences from the network's front crowd
about one value. On clear glass they do not; there the outline tells where a thing stands that is round and upright.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import QUOTIENT, decode_depth, encode_depth, plane_disparity
from perception.objects.upright_solid import fit_upright

if TYPE_CHECKING:
    from perception.objects.model import ObjectPrediction

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Heights [m] that a sensor corrects are off by at most this; differences within this of a value are about it.
FARTHEST_M, ABOUT_M = 0.030, 0.008
#: What is lower than this in a sensor's depth [m] is the table, seen through the object.
THROUGH_M = 0.003
#: Such a share of an object's pixels must be about one value.
LEAST_SHARE = 0.35
#: The same where an outline is what tells.
OUTLINE_FARTHEST_M, OUTLINE_ABOUT_M, OUTLINE_SHARE = 0.060, 0.012, 0.45
#: An upright solid that explains so much of its outline tells where the front is, and one that explains so much what
#: it is, back included.
LEAST_EXPLAINED, WELL_EXPLAINED = 0.80, 0.88
#: It is not believed where it is higher than the front by more than this [m], as of a thing with its mirror image, or
#: lower, as of the upper part of a thing; but where they differ so much in shape the front is not worth believing.
MOST_HIGHER_M, MOST_LOWER_M, NO_SHAPE_M = 0.018, 0.062, 0.020
#: It has no inside; of what is wider [m] that would leave nothing to grasp.
WIDEST_FILLED_M = 0.075
#: Of what is lower than this share of its width, as bowls are, the outline does not tell how wide the foot is.
LOW = 0.75
#: What fills its enclosing circle more than this may be a ball, whose outline does not tell where its foot is.
ROUND = 0.85
#: What is flat is left so high [m], by this percentile of its heights: fingers that keep off the table find it then.
FLATTEST_M, TALL = 0.014, 90
#: What single places have beyond a shift is followed within this of it, and smoothed over so many pixels.
NEAR_M, SMOOTH_PX = 0.012, 8.0
#: Fewer pixels that tell of an object say nothing.
LEAST_PIXELS = 40
#: What is so near to another object [px] may be hidden by it in part.
BESIDE_PX = 3
_STEP_M = 0.001


def at_level(
    look: "ObjectPrediction",
    sensor_m: Map | None,
    intrinsics: Intrinsics,
    plane: Plane,
    arms: Mask | None = None,
) -> "ObjectPrediction":
    """The same objects, each front where sensor or outline puts it.

    sensor_m (H, W) [m], NaN or 0 where it has none; arms (H, W): where they are seen, None for none.
    """
    rays, front_m, ids = intrinsics.rays(), look.front_m.copy(), look.objects.ids
    thickness_m = look.objects.thickness_m.copy()
    bend = _Bend(look.front_m, plane, rays)
    if sensor_m is not None:
        sensor_m = np.where(plane.height(rays * sensor_m[..., None]) > THROUGH_M, sensor_m, np.nan).astype(np.float32)
    for id_ in range(1, look.objects.count + 1):
        its = ids == id_
        bent_m = None if sensor_m is None else bend.to(sensor_m, its, FARTHEST_M, ABOUT_M, LEAST_SHARE)
        if bent_m is not None:
            front_m[its] = bent_m[its]
        elif not _may_be_hidden(its, (ids > 0) if arms is None else (ids > 0) | arms):
            _use_outline(bend, its, intrinsics, plane, front_m, thickness_m)
    return replace(look, front_m=front_m, objects=replace(look.objects, thickness_m=thickness_m))


def _may_be_hidden(its: Mask, others: Mask) -> bool:
    """Whether an object goes on behind what is beside it, or out of the picture: its outline is not its own then."""
    is_cut = its[0].any() or its[-1].any() or its[:, 0].any() or its[:, -1].any()
    return bool(is_cut or (binary_dilation(its, iterations=BESIDE_PX) & others & ~its).any())


def _use_outline(
    bend: "_Bend", its: Mask, intrinsics: Intrinsics, plane: Plane, front_m: Map, thickness_m: Map
) -> None:
    """Changes an object's front and thickness (H, W) [m] where its outline tells better."""
    solid = None if _roundness(its) > ROUND else fit_upright(its, intrinsics, plane)
    if solid is None or solid.explained < LEAST_EXPLAINED or solid.heights_m[-1] < LOW * solid.width_m:
        return
    solid_m, back_m, is_top = solid.seen(its, intrinsics)
    # Through a mouth the network sees the inside.
    wall, wall_m = its & ~is_top, np.where(is_top, np.nan, solid_m).astype(np.float32)
    higher_m = bend.higher(wall_m)[wall & np.isfinite(wall_m)]
    if not len(higher_m) or not _is_believed(higher_m):
        return
    if solid.explained >= WELL_EXPLAINED and solid.width_m < WIDEST_FILLED_M:
        front_m[its], thickness_m[its] = _filled(solid_m)[its], _filled(back_m - solid_m)[its]
        return
    bent_m = bend.to(wall_m, wall, OUTLINE_FARTHEST_M, OUTLINE_ABOUT_M, OUTLINE_SHARE)
    if bent_m is not None:
        front_m[its] = bent_m[its]


def _is_believed(higher_m: Map) -> bool:
    """Whether a solid that is higher than the front by so much (N,) is what is seen."""
    median_m = float(np.median(higher_m))
    apart_m = float(np.abs(higher_m - median_m).mean())
    return median_m < MOST_HIGHER_M and (median_m > -MOST_LOWER_M or apart_m > NO_SHAPE_M)


def _filled(depth_m: Map) -> Map:
    nearest = distance_transform_edt(np.isnan(depth_m), return_distances=False, return_indices=True)
    return np.asarray(depth_m[tuple(nearest)])


def _roundness(its: Mask) -> float:
    """The share of its enclosing circle that a mask fills."""
    radius = cv2.minEnclosingCircle(np.argwhere(its).astype(np.float32))[1]
    return float(its.sum() / (np.pi * (radius + 0.5) ** 2))


class _Bend:
    """A picture's fronts, to be raised or lowered object by object; heights over the table, from any direction, go
    with the encoding's q."""

    def __init__(self, front_m: Map, plane: Plane, rays: Map) -> None:
        self.front_m = front_m
        self._reference = plane_disparity(rays, plane)
        self._q_per_m = QUOTIENT / -plane.offset_m
        self._height_m = plane.height(rays * front_m[..., None])
        self._front_q = encode_depth(front_m, self._reference)

    def higher(self, measured_m: Map) -> Map:
        """(H, W) [m] by how much more a depth (H, W) [m] stands over the table than the front."""
        return (encode_depth(measured_m, self._reference) - self._front_q) / np.float32(self._q_per_m)

    def to(self, measured_m: Map, its: Mask, farthest_m: float, about_m: float, least_share: float) -> Map | None:
        """The front (H, W) [m] brought to where most of a measured depth about it lies, None where nowhere enough."""
        higher_m = self.higher(measured_m)
        shift_m = _crowd(higher_m[its], farthest_m, about_m, least_share)
        if shift_m is None:
            return None
        tall_m = float(np.nanpercentile(self._height_m[its], TALL))
        shift_m = max(shift_m, min(FLATTEST_M - tall_m, 0.0))
        raised_q = self._front_q + self._q_per_m * (shift_m + _beyond(higher_m - shift_m, its))
        return decode_depth(raised_q.astype(np.float32), self._reference)


def _crowd(higher_m: Map, farthest_m: float, about_m: float, least_share: float) -> float | None:
    """The value about which most of an object's differences (N,) are, if those are enough of all."""
    known = higher_m[np.isfinite(higher_m)]
    if len(known) < LEAST_PIXELS:
        return None
    values = np.arange(-farthest_m, farthest_m + _STEP_M / 2, _STEP_M)
    below, upto = np.searchsorted(np.sort(known), [values - about_m, values + about_m])
    best = int((upto - below).argmax())
    if upto[best] - below[best] < least_share * len(higher_m):
        return None
    return float(np.median(known[np.abs(known - values[best]) < about_m]))


def _beyond(left_m: Map, its: Mask) -> Map:
    """A smooth map of what is left of the differences (H, W) on an object where they are small."""
    weight = (its & (np.abs(left_m) < NEAR_M)).astype(np.float32)
    summed, total = (
        cv2.GaussianBlur(map_.astype(np.float32), (0, 0), SMOOTH_PX)
        for map_ in (np.where(weight > 0, left_m, 0.0), weight)
    )
    return np.asarray(summed / (total + 0.1), np.float32)
