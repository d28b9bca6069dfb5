"""The objects' fronts at the level that something else tells of them: the sensor, or their outlines on the table.

The networks see what stands on a table that mirrors or is glassy a centimetre or two too near: with its image it looks
taller. Of what is not clear the sensor still has most of the surface: its differences from the network's front crowd
about one value. On clear glass they do not; there the outline tells where a thing is that is round.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.fronts import FLATTEST_M, MOST_FLATTENED_M, Crowd, Fronts, find_crowd
from perception.objects.object_map import CellMasks, reaches_border
from perception.objects.reflections import is_matt
from perception.objects.solids.outline import Kind, Outline, is_tall, read_outline
from perception.objects.solids.upright_solid import UprightSolid

if TYPE_CHECKING:
    from perception.objects.model import ObjectPrediction

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Heights [m] that a sensor corrects are off by at most this; differences within this of a value are about it.
FARTHEST_M, ABOUT_M = 0.030, 0.008
#: What is lower than this in a sensor's depth [m] is the table, seen through the object.
THROUGH_M = 0.003
#: A sensor sees an object of which it has more than this share above that.
SEEN_SHARE = 0.5
#: Such a share of an object's pixels must be about one value; from so many on that outdoes the outline of what stands,
#: and of what looks flat if it is higher: a tube that lies has a knife's outline.
LEAST_SHARE, SURE_SHARE = 0.35, 0.58
#: The same where an outline is what tells.
OUTLINE_FARTHEST_M, OUTLINE_ABOUT_M, OUTLINE_SHARE = 0.060, 0.012, 0.45
#: A solid that explains so much of its outline tells what a thing is, back included.
WELL_EXPLAINED = 0.88
#: It is not believed where it is higher than the front by more than this [m], as of a thing with its mirror image; on a
#: table that shows none it may be more for what lies or is tall, less for a ball, which what is low and round may not
#: be. Nor is it where it is lower, as of the upper part of a thing; but where they differ so much in shape the front is
#: not worth believing.
MOST_HIGHER_M, MOST_HIGHER_ON_MATT_M, MOST_HIGHER_BALL_M = 0.018, 0.050, 0.014
MOST_LOWER_M, NO_SHAPE_M = 0.062, 0.020
#: What lies and is this much another shape [m] than the front is of several things that were not told apart.
MERGED_M = 0.040
#: Of what stands and is wider [m] the solid has no inside to grasp the rim by: that is left to the network.
WIDEST_FILLED_M = 0.075
#: What may be a bowl is one where its front is this share as deep within its rim as a bowl of its outline: of seven
#: captured ones six are, by .68 to 1.03, and of 18 solids seen roughly none, by .52 at most. Of a bowl's height the
#: floor is below this share, and the rim above this.
HOLLOW, FLOOR, RIM = 0.6, 0.4, 0.75
#: What is so near to another object [px] may be hidden by it in part.
BESIDE_PX = 3
#: It is not hidden where its front is nearer than the other's by more than this [m].
IN_FRONT_M = 0.015


def at_level(
    look: "ObjectPrediction",
    sensor_m: Map | None,
    intrinsics: Intrinsics,
    plane: Plane,
    masks: CellMasks | None = None,
) -> "ObjectPrediction":
    """The same objects, each front where sensor or outline puts it.

    sensor_m (H, W) [m], NaN or 0 where it has none; masks: of the cell, where known.
    """
    rays, ids = intrinsics.rays(), look.objects.ids
    fronts = Fronts(look.front_m, look.objects.thickness_m, plane, rays)
    told_m, shows_images = np.full(ids.shape, np.nan, np.float32), True
    height_m = told_m
    if sensor_m is not None:
        height_m = plane.height(rays * np.where(sensor_m > 0, sensor_m, np.nan)[..., None])
        told_m = fronts.higher(np.where(height_m > THROUGH_M, sensor_m, np.nan).astype(np.float32))
        shows_images = not is_matt(height_m[ids == 0])
    level = _Level(
        fronts,
        intrinsics,
        height_m - _table_m(height_m[ids == 0]),
        MOST_HIGHER_M if shows_images else MOST_HIGHER_ON_MATT_M,
    )
    for id_ in range(1, look.objects.count + 1):
        its = ids == id_
        crowd = find_crowd(told_m[its], FARTHEST_M, ABOUT_M)
        outline = Outline(Kind.UNKNOWN)
        if not _may_be_hidden(id_, ids, look.front_m, masks):
            outline = read_outline(its, intrinsics, plane, crowd.share < SURE_SHARE, level.is_seen_low(its))
        if not level.use(its, outline, crowd) and crowd.share >= LEAST_SHARE:
            fronts.bend(its, told_m, crowd)
    return replace(look, front_m=fronts.front_m, objects=replace(look.objects, thickness_m=fronts.thickness_m))


def _may_be_hidden(id_: int, ids: NDArray[np.int32], front_m: Map, masks: CellMasks | None) -> bool:
    """Whether an object goes on behind what is beside it, or out of the picture: its outline is not its own then. What
    is nearer than all that is beside it hides that, and is seen whole."""
    its = ids == id_
    if reaches_border(its):
        return True
    beside = binary_dilation(its, iterations=BESIDE_PX) & ~its

    def is_before(theirs: Mask, depth_m: NDArray) -> bool:
        own_m, their_m = front_m[its & binary_dilation(theirs, iterations=BESIDE_PX)], depth_m[theirs]
        is_known = np.isfinite(own_m).any() and np.isfinite(their_m).any()
        return bool(is_known and np.nanmedian(own_m) < np.nanmedian(their_m) - IN_FRONT_M)

    parts: list[tuple[Mask, NDArray]] = [
        (beside & (ids == other), front_m) for other in np.unique(ids[beside & (ids > 0)])
    ]
    if masks is not None and (arms := beside & masks.arms).any():
        parts.append((arms, np.zeros(ids.shape) if masks.arms_m is None else masks.arms_m))
    return not all(is_before(theirs, depth_m) for theirs, depth_m in parts)


class _Level:
    """Fronts to be brought to what outlines tell. height_m (H, W): of a sensor's depth over where it has the table, NaN
    holes."""

    def __init__(self, fronts: Fronts, intrinsics: Intrinsics, height_m: Map, most_higher_m: float) -> None:
        self._fronts, self._intrinsics, self._most_higher_m = fronts, intrinsics, most_higher_m
        self._sensor_height_m = height_m

    def is_seen_low(self, its: Mask) -> bool:
        """Whether a sensor sees an object, and no higher than flat things are: what points away from the camera looks
        tall."""
        height_m = self._sensor_height_m[its]
        its_own = height_m > THROUGH_M
        return bool(its_own.mean() > SEEN_SHARE and np.median(height_m[its_own]) < FLATTEST_M + ABOUT_M)

    def use(self, its: Mask, outline: Outline, crowd: Crowd) -> bool:
        """Changes an object's front and thickness to what its outline tells, if that is believed; crowd: what a sensor
        tells, if it is not."""
        if outline.kind is Kind.FLAT:
            seen_m = self._fronts.middle_m(its) + crowd.shift_m
            is_high = crowd.share >= SURE_SHARE and seen_m > FLATTEST_M + ABOUT_M
            return not is_high and self._fronts.flatten(its, np.inf if self.is_seen_low(its) else MOST_FLATTENED_M)
        solid = outline.solid
        if solid is None:
            return False
        if outline.kind is Kind.BOWL and isinstance(solid, UprightSolid):
            return crowd.share < LEAST_SHARE and self._use_bowl(its, solid)
        front_m, back_m, is_end = solid.seen(its, self._intrinsics)
        # Through a mouth the network sees the inside.
        wall_m = np.where(is_end, np.nan, front_m).astype(np.float32)
        higher_m = self._fronts.higher(wall_m)
        wall = its & np.isfinite(higher_m)
        if not wall.any() or not self._is_believed(outline, higher_m[wall]):
            return False
        if solid.explained < WELL_EXPLAINED:
            return crowd.share < LEAST_SHARE and self._bend(its, its & ~is_end, higher_m)
        if outline.is_standing and solid.width_m > WIDEST_FILLED_M and _has_shape(higher_m[wall]):
            self._fronts.shift(its, float(np.median(higher_m[wall])))
            self._fronts.replace(wall, wall_m)
        else:
            self._fronts.replace(its, front_m, back_m - front_m)
        return True

    def _use_bowl(self, its: Mask, bowl: UprightSolid) -> bool:
        """Puts a bowl in the place of a front that is hollow as well, and not far from it."""
        front_m, back_m, is_mouth = bowl.seen(its, self._intrinsics)
        seen_m, bowl_m = self._fronts.height(self._fronts.front_m), self._fronts.height(front_m)
        known = its & np.isfinite(seen_m) & np.isfinite(bowl_m)
        is_floor = known & is_mouth & (bowl_m < FLOOR * bowl.height_m)
        is_rim = known & is_mouth & (bowl_m > RIM * bowl.height_m)
        if not is_floor.any() or not is_rim.any():
            return False

        def depth_m(height_m: Map) -> float:
            return float(np.median(height_m[is_rim]) - np.median(height_m[is_floor]))

        if depth_m(seen_m) < HOLLOW * depth_m(bowl_m):  # a paperweight, a puck: fingers would hit it
            return False
        if not -MOST_LOWER_M < np.median((bowl_m - seen_m)[known]) < MOST_HIGHER_M:
            return False
        self._fronts.replace(its, front_m, back_m - front_m)
        return True

    def _is_believed(self, outline: Outline, higher_m: Map) -> bool:
        """Whether a solid that is higher than the front by so much (N,) is what is seen."""
        median_m = float(np.median(higher_m))
        if outline.kind is Kind.LYING and _unevenness(higher_m) > MERGED_M:
            return False
        most_higher_m = MOST_HIGHER_BALL_M if outline.kind is Kind.BALL else self._most_higher_m
        if outline.is_standing and not is_tall(outline):
            most_higher_m = min(most_higher_m, MOST_HIGHER_M)
        return median_m < most_higher_m and (median_m > -MOST_LOWER_M or not _has_shape(higher_m))

    def _bend(self, its: Mask, wall: Mask, higher_m: Map) -> bool:
        crowd = find_crowd(higher_m[wall], OUTLINE_FARTHEST_M, OUTLINE_ABOUT_M)
        if crowd.share < OUTLINE_SHARE:
            return False
        self._fronts.bend(its, higher_m, crowd)
        return True


def _table_m(height_m: Map) -> float:
    """How high [m] a sensor has the table, by heights (N,) of what no object is on: it errs by a centimetre a metre."""
    known = height_m[np.isfinite(height_m)]
    return float(np.median(known)) if len(known) else 0.0


def _has_shape(higher_m: Map) -> bool:
    """Whether a front that is lower than a solid by so much (N,) has about its shape."""
    return _unevenness(higher_m) < NO_SHAPE_M


def _unevenness(higher_m: Map) -> float:
    return float(np.abs(higher_m - np.median(higher_m)).mean())
