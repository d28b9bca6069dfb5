"""The objects' fronts in one picture, to be raised, lowered and replaced object by object."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import QUOTIENT, decode_depth, encode_depth, plane_disparity

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: What is flat is left so high [m], by this percentile of its heights: fingers that keep off the table find it then.
FLATTEST_M, TALL = 0.014, 90
#: What most of is seen higher than this [m] stands, whatever else speaks for its being flat.
MOST_FLATTENED_M = 0.060
#: What single places have beyond a shift is followed within this of it, and smoothed over so many pixels.
NEAR_M, SMOOTH_PX = 0.012, 8.0
#: Fewer pixels that tell of an object say nothing.
LEAST_PIXELS = 40
_STEP_M = 0.001


@dataclass(frozen=True)
class Crowd:
    """The value about which most differences are [m], and the share of all pixels that are."""

    shift_m: float
    share: float


def find_crowd(higher_m: Map, farthest_m: float, about_m: float) -> Crowd:
    """Of an object's differences (N,), NaN where unknown: those within `about_m` of a value up to `farthest_m`."""
    known = higher_m[np.isfinite(higher_m)]
    if len(known) < LEAST_PIXELS:
        return Crowd(0.0, 0.0)
    values = np.arange(-farthest_m, farthest_m + _STEP_M / 2, _STEP_M)
    below, upto = np.searchsorted(np.sort(known), [values - about_m, values + about_m])
    best = int((upto - below).argmax())
    middle_m = float(np.median(known[np.abs(known - values[best]) < about_m])) if upto[best] > below[best] else 0.0
    return Crowd(middle_m, float(upto[best] - below[best]) / len(higher_m))


class Fronts:
    """front_m, thickness_m (H, W) [m], changed by the methods; heights over the table, from any direction, go with the
    encoding's q. What the methods go by is the front that was given."""

    def __init__(self, front_m: Map, thickness_m: Map, plane: Plane, rays: Map) -> None:
        """rays (H, W, 3; z = 1)."""
        self.front_m, self.thickness_m = front_m.copy(), thickness_m.copy()
        self._reference = plane_disparity(rays, plane)
        self._camera_height_m = -plane.offset_m
        self._q_per_m = QUOTIENT / self._camera_height_m
        self._plane, self._rays = plane, rays
        self._height_m = self.height(front_m)
        self._given_q = encode_depth(front_m, self._reference)

    def height(self, depth_m: Map) -> Map:
        """(H, W) [m] over the table of a depth (H, W) [m]."""
        return self._plane.height(self._rays * depth_m[..., None])

    def higher(self, measured_m: Map) -> Map:
        """(H, W) [m] by how much more a depth (H, W) [m] stands over the table than the front."""
        return (encode_depth(measured_m, self._reference) - self._given_q) / np.float32(self._q_per_m)

    def middle_m(self, its: Mask) -> float:
        """The median height [m] of an object's front."""
        return float(np.nanmedian(self._height_m[its]))

    def bend(self, its: Mask, higher_m: Map, crowd: Crowd) -> None:
        """Brings an object's front to where a crowd of its differences (H, W) has it."""
        tall_m = float(np.nanpercentile(self._height_m[its], TALL))
        shift_m = max(crowd.shift_m, min(FLATTEST_M - tall_m, 0.0))
        self._raise(its, shift_m + _beyond(higher_m - shift_m, its))

    def flatten(self, its: Mask, most_m: float = MOST_FLATTENED_M) -> bool:
        """Lowers what of an object's front is higher than flat things are; not where most is higher than this [m]."""
        if self.middle_m(its) > most_m:
            return False
        flat_q = -QUOTIENT * np.log(1 - FLATTEST_M / self._camera_height_m)
        self._put(its, np.minimum(self._given_q, flat_q))
        return True

    def shift(self, its: Mask, by_m: float) -> None:
        self._raise(its, np.full(its.shape, by_m, np.float32))

    def replace(self, its: Mask, front_m: Map, thickness_m: Map | None = None) -> None:
        """Puts a front, and a thickness, (H, W) [m] in an object's place; in the front's holes is what is beside."""
        nearest = tuple(distance_transform_edt(np.isnan(front_m), return_distances=False, return_indices=True))
        self.front_m[its] = front_m[nearest][its]
        if thickness_m is not None:
            self.thickness_m[its] = thickness_m[nearest][its]

    def _raise(self, its: Mask, by_m: Map) -> None:
        self._put(its, self._given_q + self._q_per_m * by_m)

    def _put(self, its: Mask, q: Map) -> None:
        self.front_m[its] = decode_depth(q.astype(np.float32), self._reference)[its]


def _beyond(left_m: Map, its: Mask) -> Map:
    """A smooth map of what is left of the differences (H, W) on an object where they are small."""
    weight = (its & (np.abs(left_m) < NEAR_M)).astype(np.float32)
    summed, total = (
        cv2.GaussianBlur(map_.astype(np.float32), (0, 0), SMOOTH_PX)
        for map_ in (np.where(weight > 0, left_m, 0.0), weight)
    )
    return np.asarray(summed / (total + 0.1), np.float32)
