"""What is seen too near is put back to where the sensor, or the outline on the table, has it."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.level import at_level
from perception.objects.model import ObjectPrediction
from perception.objects.object_map import CellMasks, ObjectMap
from perception.objects.solids.upright_solid import UprightSolid
from tests.perception.objects.solids.test_lying_solid import Mask, lying
from tests.perception.objects.solids.test_outline import spoon, spoon_that_points_away
from tests.support.scenes.solids import whole_view

#: A camera 0.62 m above the table that looks down on it at 50 degrees.
K = Intrinsics(424, 240, 610.0, 610.0, 211.5, 119.5)
NORMAL = np.array([0.0, -np.sin(np.deg2rad(40)), -np.cos(np.deg2rad(50) - np.pi / 18)])
TABLE = Plane(NORMAL / np.linalg.norm(NORMAL), -0.62)
RAYS = K.rays()
Map = NDArray[np.float32]


def solid(radii_m: list[float], heights_m: list[float]) -> UprightSolid:
    """It stands where the camera looks."""
    z = TABLE.normal
    y = np.cross(z, [0.0, 0.0, 1.0])
    y /= np.linalg.norm(y)
    R = np.column_stack([np.cross(y, z), y, z])
    along = R.T @ [0.0, 0.0, 1.0]
    center_m = along[:2] * (0.62 / -along[2])
    return UprightSolid(center_m, np.array(heights_m), np.array(radii_m), 1.0, R, np.array([0.0, 0.0, 0.62]))


SHAPES = {"tumbler": ([0.03, 0.035], [0.0, 0.1]), "bottle": ([0.03, 0.03, 0.012, 0.012], [0.0, 0.1, 0.13, 0.18])}


def depth_of(shape: str) -> Map:
    return whole_view(solid(*SHAPES[shape]), K)[0]


def seen(depth_m: Map, too_high_m: float) -> ObjectPrediction:
    """A network's answer with a perfect outline."""
    mask = np.isfinite(depth_m)
    front_m = depth_m - too_high_m / -(RAYS @ TABLE.normal)
    objects = ObjectMap(mask.astype(np.int32), mask.astype(np.float32), np.where(mask, 0.05, np.nan).astype(np.float32))
    return ObjectPrediction(objects, front_m.astype(np.float32), mask.astype(np.float32))


def off_m(look: ObjectPrediction, depth_m: Map) -> float:
    return float(np.nanmedian(np.abs(TABLE.height(RAYS * look.front_m[..., None]) - _height(depth_m))))


def _height(depth_m: Map) -> Map:
    return np.asarray(TABLE.height(RAYS * depth_m[..., None]), np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thing_is_as_high_as_the_sensor_has_most_of_it(shape: str) -> None:
    depth_m = depth_of(shape)
    holes = np.random.default_rng(0).random(depth_m.shape) < 0.4
    look = at_level(seen(depth_m, 0.02), np.where(holes, np.nan, depth_m).astype(np.float32), K, TABLE)
    assert off_m(look, depth_m) < 0.003


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("too_high_m", [0.02, 0.05])
def test_glass_that_a_sensor_sees_through_is_as_high_as_its_outline_says(shape: str, too_high_m: float) -> None:
    depth_m = depth_of(shape)
    table_m = np.asarray(TABLE.offset_m / (RAYS @ TABLE.normal), np.float32)
    look = at_level(seen(depth_m, too_high_m), table_m, K, TABLE)
    assert off_m(look, depth_m) < 0.010


def test_where_outline_and_network_have_no_shape_in_common_the_outlines_is_taken_and_has_no_holes() -> None:
    depth_m = depth_of("bottle")
    given = seen(depth_m, 0.0)
    flat = np.where(given.objects.mask, np.nanmin(depth_m), np.nan).astype(np.float32)
    look = at_level(ObjectPrediction(given.objects, flat, given.confidence), None, K, TABLE)
    assert off_m(look, depth_m) < 0.008
    assert np.isfinite(look.front_m[given.objects.mask]).all()


def test_the_table_seen_through_low_glass_is_not_its_front() -> None:
    depth_m = whole_view(solid([0.03, 0.035], [0.0, 0.02]), K)[0]
    table_m = np.asarray(TABLE.offset_m / (RAYS @ TABLE.normal), np.float32)
    given = seen(depth_m, 0.0)
    np.testing.assert_array_equal(at_level(given, table_m, K, TABLE).front_m, given.front_m)


def test_a_front_that_is_right_stays() -> None:
    depth_m = depth_of("bottle")
    look = at_level(seen(depth_m, 0.0), None, K, TABLE)
    assert off_m(look, depth_m) < 0.004


def test_a_thing_that_an_outline_tells_whole_is_as_thick_as_it_is() -> None:
    depth_m = depth_of("tumbler")
    look = at_level(seen(depth_m, 0.03), None, K, TABLE)
    back_m = solid(*SHAPES["tumbler"]).seen(look.objects.mask, K)[1]
    off = np.abs(look.front_m + look.objects.thickness_m - back_m)[look.objects.mask]
    assert np.nanmedian(off) < 0.006, "0.05 m was believed"


@pytest.mark.parametrize("too_high_m", [0.02, -0.01, 0.05])
def test_lying_glass_is_as_high_and_as_thick_as_its_outline_says(too_high_m: float) -> None:
    true = lying("jar", 70.0, TABLE)
    depth_m, back_m, _ = whole_view(true, K)
    look = at_level(seen(depth_m, too_high_m), None, K, TABLE)
    assert off_m(look, depth_m) < 0.005
    off = np.abs(look.front_m + look.objects.thickness_m - back_m)[look.objects.mask]
    assert np.nanmedian(off) < 0.008, "0.05 m was believed"


def test_lying_glass_that_is_seen_too_low_is_raised_on_a_matt_table() -> None:
    depth_m = whole_view(lying("can", 70.0, TABLE), K)[0]
    look = at_level(seen(depth_m, -0.025), TABLE.depth(RAYS), K, TABLE)
    assert off_m(look, depth_m) < 0.005


def test_several_things_under_one_outline_that_looks_like_a_lying_ones_stay_as_they_are_seen() -> None:
    depth_m = whole_view(lying("can", 70.0, TABLE), K)[0]
    given = seen(depth_m, 0.0)
    left = np.arange(424) < np.nonzero(np.isfinite(depth_m))[1].mean()
    apart = replace(given, front_m=np.where(left, given.front_m - 0.12, given.front_m))
    np.testing.assert_array_equal(at_level(apart, None, K, TABLE).front_m, apart.front_m)


def test_cutlery_is_flat() -> None:
    mask = spoon()
    depth_m = np.where(mask, TABLE.depth(RAYS), np.nan).astype(np.float32)
    look = at_level(seen(depth_m, 0.03), None, K, TABLE)
    assert np.nanmax(_height(look.front_m)[mask]) < 0.016
    standing = seen(depth_m, 0.1)
    np.testing.assert_array_equal(at_level(standing, None, K, TABLE).front_m, standing.front_m)


@pytest.mark.parametrize("shape", [spoon, spoon_that_points_away])
@pytest.mark.parametrize("height_m", [0.008, 0.06])
def test_cutlery_that_looks_tall_is_flat_where_a_sensor_sees_it_lie(shape: Callable[[], Mask], height_m: float) -> None:
    mask = shape()
    high_m = height_m / -(RAYS @ TABLE.normal)
    sensor_m = np.where(mask, TABLE.depth(RAYS) - high_m, TABLE.depth(RAYS)).astype(np.float32)
    given = seen(np.where(mask, TABLE.depth(RAYS), np.nan).astype(np.float32), 0.1)
    look = at_level(given, sensor_m, K, TABLE)
    assert (np.nanmax(_height(look.front_m)[mask]) < 0.016) == (height_m < 0.02)


def test_a_tube_that_lies_is_as_high_as_a_sensor_surely_sees_it_though_it_has_a_knifes_outline() -> None:
    depth_m = whole_view(lying("tube", 60.0, TABLE), K)[0]
    holes = np.random.default_rng(0).random(depth_m.shape) < 0.3
    assert off_m(at_level(seen(depth_m, 0.01), np.where(holes, np.nan, depth_m), K, TABLE), depth_m) < 0.003
    knife_m = np.where(np.isfinite(depth_m), TABLE.depth(RAYS) - np.float32(0.005), np.nan).astype(np.float32)
    look = at_level(seen(knife_m, 0.02), knife_m, K, TABLE)
    assert np.nanmax(_height(look.front_m)) < 0.016


def test_on_a_matt_table_an_outline_may_raise_a_front_far_and_on_one_that_mirrors_not() -> None:
    depth_m = depth_of("bottle")
    given, table_m = seen(depth_m, -0.03), TABLE.depth(RAYS)
    assert off_m(at_level(given, table_m, K, TABLE), depth_m) < 0.008
    behind_m = (table_m + 0.1).astype(np.float32)
    np.testing.assert_array_equal(at_level(given, behind_m, K, TABLE).front_m, given.front_m)


def test_on_a_matt_table_too_a_low_thing_is_not_raised_far() -> None:
    depth_m = whole_view(solid([0.036, 0.036], [0.0, 0.075]), K)[0]
    given = seen(depth_m, -0.03)
    np.testing.assert_array_equal(at_level(given, TABLE.depth(RAYS), K, TABLE).front_m, given.front_m)


def test_what_a_sensor_sees_well_is_not_judged_by_its_outline() -> None:
    depth_m = depth_of("bottle")
    sensor_m = depth_m - np.float32(0.01)  # as of a box, which the outline would make round
    look = at_level(seen(depth_m, 0.02), sensor_m.astype(np.float32), K, TABLE)
    np.testing.assert_allclose(look.front_m[look.objects.mask], sensor_m[look.objects.mask], atol=0.003)


def test_of_a_wide_glass_the_wall_is_the_outlines_and_the_inside_the_networks() -> None:
    depth_m, _, is_mouth = whole_view(solid([0.04, 0.042], [0.0, 0.11]), K)
    inside = is_mouth & np.isfinite(depth_m)
    hollow_m = np.where(inside, depth_m + 0.05, depth_m).astype(np.float32)
    look = at_level(seen(hollow_m, 0.02), None, K, TABLE)
    wall = np.isfinite(depth_m) & ~inside
    assert np.nanmedian(np.abs(look.front_m - depth_m)[wall]) < 0.006
    assert np.nanmedian((look.front_m - depth_m)[inside]) > 0.03


def test_an_outline_that_would_raise_a_front_far_is_of_a_thing_with_its_image() -> None:
    depth_m = depth_of("bottle")
    given = seen(depth_m, -0.03)
    np.testing.assert_array_equal(at_level(given, None, K, TABLE).front_m, given.front_m)


def test_an_outline_that_would_sink_a_thing_of_the_same_shape_far_is_of_its_upper_part() -> None:
    given = seen(depth_of("bottle"), 0.08)
    np.testing.assert_array_equal(at_level(given, None, K, TABLE).front_m, given.front_m)


BOWL = solid([0.029, 0.040, 0.048, 0.050], [0.0, 0.012, 0.030, 0.052])


@pytest.mark.parametrize("too_high_m", [0.0, 0.03, 0.05])
def test_clear_bowls_are_as_high_and_as_thin_as_their_outlines_say(too_high_m: float) -> None:
    depth_m, back_m, _ = whole_view(replace(BOWL, wall_m=0.003), K)
    look = at_level(seen(depth_m, too_high_m), TABLE.depth(RAYS), K, TABLE)
    assert off_m(look, depth_m) < 0.008
    off = np.abs(look.front_m + look.objects.thickness_m - back_m)[look.objects.mask]
    assert np.nanmedian(off) < 0.008, "0.05 m was believed"


@pytest.mark.parametrize("radii_m", [[0.04, 0.04], [0.03, 0.05], [0.05, 0.03]])
def test_of_a_solid_of_a_bowls_outline_that_is_seen_roughly_no_shell_is_made(radii_m: list[float]) -> None:
    """Fingers would come down on it."""
    top_m = whole_view(solid(radii_m, [0.0, 0.035]), K)[0]
    for seed in range(6):
        rough_m = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, top_m.shape), (0, 0), 8.0)
        given = seen((top_m + 0.012 * rough_m / rough_m.std()).astype(np.float32), 0.005)
        front_m = at_level(given, TABLE.depth(RAYS), K, TABLE).front_m
        too_low = _height(top_m) - _height(front_m) > 0.02
        assert too_low[given.objects.mask].mean() < 0.1


@pytest.mark.parametrize(("share", "is_bowl"), [(0.75, True), (0.4, False)])
def test_what_is_seen_mostly_hollow_is_made_a_bowl_and_what_is_hardly_so_is_left(share: float, is_bowl: bool) -> None:
    lid_m, bowl_m = whole_view(BOWL, K)[0], whole_view(replace(BOWL, wall_m=0.003), K)[0]
    given = seen((lid_m + share * (bowl_m - lid_m)).astype(np.float32), 0.0)
    look = at_level(given, TABLE.depth(RAYS), K, TABLE)
    assert np.array_equal(look.front_m, given.front_m, equal_nan=True) != is_bowl
    assert not is_bowl or off_m(look, bowl_m) < 0.008


def test_a_lid_of_a_bowls_outline_is_none_nor_is_a_bowl_that_a_sensor_sees() -> None:
    lid_m, bowl_m = whole_view(BOWL, K)[0], whole_view(replace(BOWL, wall_m=0.003), K)[0]
    given = seen(lid_m, 0.02)
    np.testing.assert_array_equal(at_level(given, TABLE.depth(RAYS), K, TABLE).front_m, given.front_m)
    sensor_m = (bowl_m - np.float32(0.01)).astype(np.float32)
    look = at_level(seen(bowl_m, 0.02), sensor_m, K, TABLE)
    np.testing.assert_allclose(look.front_m[look.objects.mask], sensor_m[look.objects.mask], atol=0.003)


def test_what_a_neighbour_may_hide_is_not_judged_by_its_outline() -> None:
    given = seen(depth_of("bottle"), 0.05)
    ids = given.objects.ids.copy()
    rows = np.flatnonzero(ids.any(axis=1))
    ids[rows[len(rows) // 2] :][ids[rows[len(rows) // 2] :] > 0] = 2
    objects = ObjectMap(ids, given.objects.probability, given.objects.thickness_m)
    split = ObjectPrediction(objects, given.front_m, given.confidence)
    np.testing.assert_array_equal(at_level(split, None, K, TABLE).front_m, given.front_m)


@pytest.mark.parametrize("behind_m", [0.1, -0.1])
def test_what_stands_before_another_thing_is_judged_by_its_outline_and_what_may_go_on_behind_is_not(
    behind_m: float,
) -> None:
    depth_m, given = depth_of("bottle"), seen(depth_of("bottle"), 0.05)
    mask = given.objects.mask
    other = binary_dilation(mask, iterations=30) & ~mask
    other[:, : int(np.nonzero(mask)[1].mean())] = False
    front_m = np.where(other, np.nanmedian(given.front_m) + behind_m, given.front_m).astype(np.float32)
    ids = np.where(other, 2, mask).astype(np.int32)
    both = ObjectPrediction(ObjectMap(ids, given.objects.probability, given.objects.thickness_m), front_m, mask)

    look = at_level(both, None, K, TABLE)

    found = ObjectPrediction(look.objects, np.where(mask, look.front_m, np.nan), mask)
    if behind_m > 0:
        assert off_m(found, depth_m) < 0.010
    else:
        np.testing.assert_array_equal(found.front_m, given.front_m)


@pytest.mark.parametrize("behind_m", [0.2, -0.2, None])
def test_what_stands_before_an_arm_is_judged_by_its_outline(behind_m: float | None) -> None:
    depth_m, given = depth_of("bottle"), seen(depth_of("bottle"), 0.05)
    mask = given.objects.mask
    arm = binary_dilation(mask, iterations=30) & ~mask
    arm[:, : int(np.nonzero(mask)[1].mean())] = False
    arms_m = None if behind_m is None else np.where(arm, np.nanmedian(given.front_m) + behind_m, np.nan)

    look = at_level(given, None, K, TABLE, CellMasks(np.ones_like(arm), arm, np.zeros_like(arm), arms_m))

    if behind_m == 0.2:
        assert off_m(look, depth_m) < 0.010
    else:
        np.testing.assert_array_equal(look.front_m, given.front_m)


@pytest.mark.parametrize("where", ["arm", "edge"])
def test_what_an_arm_or_the_pictures_edge_cuts_is_not_judged_by_its_outline(where: str) -> None:
    given = seen(depth_of("bottle"), 0.04)
    half = np.zeros(given.objects.mask.shape, bool)
    half[:, : int(np.nonzero(given.objects.mask)[1].mean())] = True
    ids, front_m = np.where(half, 0, given.objects.ids), np.where(half, np.nan, given.front_m)
    lens = K
    if where == "edge":
        cut = int(half[0].sum())
        lens = Intrinsics(424 - cut, 240, 610.0, 610.0, 211.5 - cut, 119.5)
        half, ids, front_m = half[:, cut:], ids[:, cut:], front_m[:, cut:]
    objects = ObjectMap(ids.astype(np.int32), (ids > 0).astype(np.float32), np.where(ids > 0, 0.05, np.nan))
    part = ObjectPrediction(objects, front_m, (ids > 0).astype(np.float32))
    masks = CellMasks(np.ones_like(half), half, np.zeros_like(half))
    np.testing.assert_array_equal(at_level(part, None, lens, TABLE, masks).front_m, front_m)
