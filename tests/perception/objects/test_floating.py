"""A part that floats is of the thing it goes on from, and a thing behind another is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.floating import without_floating_parts
from perception.objects.model import ObjectPrediction
from perception.objects.object_map import ObjectMap
from perception.objects.solids.upright_solid import UprightSolid
from tests.support.scenes.solids import whole_view

#: A camera half a metre above the table that looks down on it at 45 degrees, at a place `AWAY_M` before it.
K = Intrinsics(320, 240, 500.0, 500.0, 159.5, 119.5)
EYE_M, AWAY_M = np.array([0.0, 0.0, 0.5]), 0.5
TABLE = Plane(np.array([0.0, -np.sqrt(0.5), -np.sqrt(0.5)]), -0.5)
RAYS = K.rays()
#: Axes of the table: away, aside, up.
R = np.column_stack([np.cross([-1.0, 0.0, 0.0], TABLE.normal), [-1.0, 0.0, 0.0], TABLE.normal])
Map = NDArray[np.float64]
NOISE_M = np.random.default_rng(0).normal(0.0, 0.0015, RAYS.shape[:2])


def plate(axis: int, at_m: float, *extents_m: tuple[int, float, float]) -> Map:
    """The depth of a flat piece across an axis of the table, NaN beside its extents (axis, from, to)."""
    along = RAYS.astype(float) @ R
    depth_m = (at_m - EYE_M[axis]) / along[..., axis]
    points_m = EYE_M + along * depth_m[..., None]
    inside = np.all([(points_m[..., k] >= low) & (points_m[..., k] <= high) for k, low, high in extents_m], axis=0)
    return np.where(inside, depth_m, np.nan)


def box(width_m: float, height_m: float, aside_m: float = 0.0) -> tuple[Map, Map]:
    """Front and back."""
    across, away, up = (
        (1, aside_m - width_m / 2, aside_m + width_m / 2),
        (0, AWAY_M, AWAY_M + width_m),
        (2, 0.0, height_m),
    )
    pieces = [plate(2, height_m, away, across), plate(2, 0.0, away, across)]
    pieces += [plate(0, at_m, across, up) for at_m in away[1:]] + [plate(1, at_m, away, up) for at_m in across[1:]]
    return np.fmin.reduce(pieces), np.fmax.reduce(pieces)


def face(behind_m: float) -> tuple[Map, Map]:
    """An upright one of 18 cm, so far behind a box of 6 cm."""
    depth_m = plate(0, AWAY_M + 0.06 + behind_m, (1, -0.03, 0.03), (2, 0.0, 0.18))
    return depth_m, depth_m + 0.004


def turned(radii_m: list[float], heights_m: list[float]) -> Map:
    center_m = np.array([AWAY_M, 0.0])
    solid = UprightSolid(center_m, np.array(heights_m), np.array(radii_m), 1.0, R, EYE_M)
    return whole_view(solid, K)[0].astype(float)


def cut(depth_m: Map, height_m: float) -> tuple[tuple[Map, Map], tuple[Map, Map]]:
    """A thing's part above a height and the one below, about as thick as round things of this size are."""
    above = TABLE.height(RAYS * depth_m[..., None]) > height_m
    upper_m, lower_m = np.where(above, depth_m, np.nan), np.where(above, np.nan, depth_m)
    return (upper_m, upper_m + 0.03), (lower_m, lower_m + 0.04)


def counted(*parts_m: tuple[Map, Map]) -> int:
    """How many things these fronts and backs of parts are."""
    fronts_m = np.stack([np.where(np.isfinite(front_m), front_m, np.inf) for front_m, _ in parts_m])
    seen, nearest = np.isfinite(fronts_m).any(axis=0), fronts_m.argmin(axis=0)
    back_m = np.choose(nearest, [back_m for _, back_m in parts_m])
    front_m = np.where(seen, fronts_m.min(axis=0), np.nan)
    ids = np.where(seen, 1 + nearest, 0).astype(np.int32)
    objects = ObjectMap(ids, seen.astype(np.float32), (back_m - front_m).astype(np.float32))
    look = ObjectPrediction(objects, (front_m + NOISE_M).astype(np.float32), seen * np.float32(1))
    return without_floating_parts(look, TABLE, RAYS).objects.count


BOTTLE = cut(turned([0.033, 0.033, 0.013, 0.013], [0.0, 0.1, 0.13, 0.18]), 0.12)
CAN = cut(turned([0.033, 0.033], [0.0, 0.15]), 0.08)
CUP_M, HANDLE_M = turned([0.035, 0.035], [0.0, 0.09]), plate(0, AWAY_M, (1, 0.034, 0.062), (2, 0.03, 0.08))
CUP = CUP_M, CUP_M + 0.04
MUG = CUP, (HANDLE_M, HANDLE_M + 0.008)
NEARER_M = plate(0, AWAY_M - 0.022, (1, 0.034, 0.062), (2, 0.03, 0.08))
MUG_TURNED = CUP, (NEARER_M, NEARER_M + 0.008)


@pytest.mark.parametrize(
    "parts_m",
    [BOTTLE, CAN, MUG, MUG_TURNED],
    ids=["a bottle's neck", "a can's upper half", "a mug's handle", "a handle towards the camera"],
)
def test_a_part_that_floats_is_of_what_it_goes_on_from(parts_m: tuple[tuple[Map, Map], ...]) -> None:
    assert counted(*parts_m) == 1


@pytest.mark.parametrize(
    "parts_m",
    [
        (box(0.06, 0.06), face(0.0)),
        (box(0.06, 0.06), face(0.03)),
        (box(0.05, 0.06), box(0.05, 0.09, aside_m=0.051)),
        (CUP, box(0.02, 0.05, aside_m=0.046)),
    ],
    ids=["right behind a box", "farther behind it", "beside it", "a small one beside a cup"],
)
def test_what_stands_next_to_something_is_a_thing_of_its_own(parts_m: tuple[tuple[Map, Map], ...]) -> None:
    assert counted(*parts_m) == 2
