"""What an object's outline tells of its shape: a solid of revolution that stands or lies on the table, a box, a ball,
or something flat."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.solids.lying_solid import LyingSolid, fit_lying
from perception.objects.solids.upright_box import UprightBox, fit_box
from perception.objects.solids.upright_solid import UprightSolid, as_bowl, fit_axes, widest_foot

Mask = NDArray[np.bool_]

#: An upright solid that explains so much of its outline tells where its front is.
UPRIGHT_EXPLAINED = 0.80
#: Of what is lower than this share of its width, as bowls are, the outline does not tell how wide the foot is; what is
#: taller than this one is no bowl that an axis too near made tall.
LOW, TALL = 0.75, 1.3
#: What lies is so much longer than wide, so well explained as lying, and so badly as standing, or by so much less as
#: something low: of 179 captures what lies was explained as standing to .65 at most, what stands to .72 at least.
LONG, LYING_EXPLAINED, NOT_UPRIGHT, LESS_UPRIGHT = 1.2, 0.88, 0.68, 0.15
#: The same of what is narrow and seen low: spoons that point away by .07 and more, clear tubes that stand, through
#: which a sensor sees the table, by none.
LESS_UPRIGHT_LOW = 0.05
#: What does not stand and is narrower than this [m] is cutlery: flat, and hardly round.
FLAT_WIDTH_M, FLAT_EXPLAINED = 0.040, 0.75
#: What an upright solid explains better than this is round. A box explains so much of its own outline, and of what is
#: round at most .945: of 93 captures.
SURELY_ROUND, BOX_EXPLAINED = 0.95, 0.95
#: What fills its enclosing circle more than this may be a ball, and does not tell where it would stand on a foot. What
#: fills it so well, is so well explained as one, and so wide [m], is one: what is smaller may be the bowl of a spoon,
#: what is larger is a bowl.
ROUND, BALL_ROUND, BALL_EXPLAINED, BALL_WIDTHS_M = 0.85, 0.88, 0.95, (0.040, 0.070)
#: What is low, at least this wide [m] and explained this well may be a bowl. So may what seems taller, on a foot of
#: less than this share of its width.
BOWL_WIDTH_M, BOWL_EXPLAINED, NARROW = 0.060, 0.82, 0.45
#: An outline that a box explains this much better than what is round is no bowl's: of 40 bowls' by .01 at most.
BOX_BETTER = 0.03


class Kind(Enum):
    UNKNOWN = "unknown"
    UPRIGHT = "upright"
    BOWL = "bowl"
    BOX = "box"
    LYING = "lying"
    BALL = "ball"
    FLAT = "flat"


@dataclass(frozen=True)
class Outline:
    """solid is None where the kind is unknown."""

    kind: Kind
    solid: UprightSolid | UprightBox | LyingSolid | None = None

    @property
    def is_standing(self) -> bool:
        return self.kind in (Kind.UPRIGHT, Kind.BOWL, Kind.BOX)


def read_outline(
    its: Mask, intrinsics: Intrinsics, plane: Plane, may_stand: bool = True, is_low: bool = False
) -> Outline:
    """What a mask (H, W) on a table tells. Without `may_stand` only what does not stand is told, which takes less; of
    what `is_low` it suffices that it has cutlery's outline rather than a goblet's, which a spoon that points away has
    as well."""
    lying = fit_lying(its, intrinsics, plane)
    if lying is None:
        return Outline(Kind.UNKNOWN)
    if (roundness := _roundness(its)) > ROUND:
        if roundness > BALL_ROUND and _is_ball(lying):
            return Outline(Kind.BALL, lying)
        is_larger = lying.width_m > BALL_WIDTHS_M[1]
        return _read_bowl(fit_axes(its, intrinsics, plane) if may_stand and is_larger else [])
    is_flat = lying.width_m < FLAT_WIDTH_M
    least = FLAT_EXPLAINED if is_flat else LYING_EXPLAINED
    is_long = lying.length_m > LONG * lying.width_m and lying.explained > least
    solids = fit_axes(its, intrinsics, plane) if is_long or may_stand else []
    upright = widest_foot(solids)
    is_wide = upright is None or upright.height_m < LOW * upright.width_m
    stands = 0.0 if upright is None else upright.explained
    is_cutlery = is_low and is_flat
    less = LESS_UPRIGHT_LOW if is_cutlery else LESS_UPRIGHT
    if is_long and (stands < NOT_UPRIGHT or ((is_wide or is_cutlery) and stands < lying.explained - less)):
        return Outline(Kind.FLAT if is_flat else Kind.LYING, lying)
    box = fit_box(its, intrinsics, plane) if may_stand and stands < SURELY_ROUND else None
    if box is not None and box.explained > BOX_EXPLAINED:
        return Outline(Kind.BOX, box)
    if upright is None or not may_stand or stands < UPRIGHT_EXPLAINED:
        return Outline(Kind.UNKNOWN)
    is_box = box is not None and box.explained > stands + BOX_BETTER
    may_be_bowl = (is_wide or 2 * upright.radii_m[0] < NARROW * upright.width_m) and not is_box
    bowl = _read_bowl(solids if may_be_bowl else [])
    return bowl if is_wide or bowl.solid is not None else Outline(Kind.UPRIGHT, upright)


def _is_ball(lying: LyingSolid) -> bool:
    return lying.explained > BALL_EXPLAINED and BALL_WIDTHS_M[0] < lying.width_m < BALL_WIDTHS_M[1]


def _read_bowl(solids: Sequence[UprightSolid]) -> Outline:
    """The bowl among what about all axes explains an outline, unknown if none is low and wide enough."""
    if not solids:
        return Outline(Kind.UNKNOWN)
    bowl = as_bowl(solids)
    is_bowl = bowl.width_m > BOWL_WIDTH_M and bowl.height_m < LOW * bowl.width_m and bowl.explained > BOWL_EXPLAINED
    return Outline(Kind.BOWL, bowl) if is_bowl else Outline(Kind.UNKNOWN)


def is_tall(outline: Outline) -> bool:
    """Whether what stands is a good deal taller than wide."""
    solid = outline.solid
    return isinstance(solid, UprightSolid | UprightBox) and solid.height_m > TALL * solid.width_m


def _roundness(its: Mask) -> float:
    """The share of its enclosing circle that a mask fills."""
    radius = cv2.minEnclosingCircle(np.argwhere(its).astype(np.float32))[1]
    return float(its.sum() / (np.pi * (radius + 0.5) ** 2))
