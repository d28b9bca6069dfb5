"""Fronts end at their objects' outlines where one stands before another, and have no bulges."""

import cv2
import numpy as np
import pytest

from perception.objects.outliers import JUMP_M, without_skirts, without_strays
from tests.perception.objects.solids.test_lying_solid import lying
from tests.perception.objects.test_level import RAYS, TABLE, K, depth_of
from tests.support.scenes.solids import whole_view

NEAR_M, FAR_M, THICK_M = 0.70, 0.82, 0.06
IDS = np.zeros((80, 120), np.int32)
IDS[20:60, 20:60], IDS[20:60, 60:100] = 1, 2
TRUE_M = np.where(IDS == 1, NEAR_M, np.where(IDS == 2, FAR_M, np.nan)).astype(np.float32)
SLOPE_M = 0.001 * np.arange(120, dtype=np.float32)
THICKNESS_M = np.where(IDS > 0, THICK_M, np.nan).astype(np.float32)


def soft(blur_px: float) -> np.ndarray:
    """The two fronts as a soft answer has them: a ramp between them."""
    return np.where(IDS > 0, cv2.GaussianBlur(np.nan_to_num(TRUE_M, nan=FAR_M), (0, 0), blur_px), np.nan)


@pytest.mark.parametrize("blur_px", [1.0, 1.5, 2.0])
def test_what_hangs_between_two_fronts_is_put_where_its_object_is(blur_px: float) -> None:
    hanging_m = np.where(IDS == 1, cv2.GaussianBlur(np.nan_to_num(TRUE_M, nan=NEAR_M), (0, 0), blur_px), soft(blur_px))
    front_m, thickness_m = without_skirts(hanging_m.astype(np.float32), THICKNESS_M, IDS)

    beside = np.zeros(IDS.shape, bool)
    beside[20:60, 52:68] = True
    assert np.abs(hanging_m - TRUE_M)[beside].max() > 3 * JUMP_M
    assert np.abs(front_m - TRUE_M)[beside].max() <= JUMP_M
    np.testing.assert_array_equal(thickness_m, THICKNESS_M)


def test_a_front_that_goes_on_to_its_neighbour_stays_as_it_is() -> None:
    front_m, thickness_m = without_skirts(TRUE_M + SLOPE_M, THICKNESS_M, IDS)

    np.testing.assert_array_equal(front_m, TRUE_M + SLOPE_M)
    np.testing.assert_array_equal(thickness_m, THICKNESS_M)


def test_the_parts_of_one_thing_stay_as_they_are() -> None:
    handle_m = np.where(IDS == 2, NEAR_M + 0.025, TRUE_M)
    given_m = np.where(IDS > 0, cv2.GaussianBlur(np.nan_to_num(handle_m, nan=NEAR_M), (0, 0), 2.0), np.nan)

    front_m, _ = without_skirts(given_m.astype(np.float32), THICKNESS_M, IDS)

    np.testing.assert_array_equal(front_m, given_m.astype(np.float32))


def test_objects_that_touch_none_and_the_given_maps_stay_as_they_are() -> None:
    alone = np.where(IDS == 1, 1, 0).astype(np.int32)
    given_m = soft(2.0).astype(np.float32)
    before_m = given_m.copy()

    np.testing.assert_array_equal(without_skirts(given_m, THICKNESS_M, alone)[0], before_m)
    without_skirts(given_m, THICKNESS_M, IDS)
    np.testing.assert_array_equal(given_m, before_m)


def test_a_hole_at_the_border_is_filled_from_farther_in_and_one_without_an_inside_stays() -> None:
    holed_m = TRUE_M.copy()
    holed_m[30:40, 57:60] = np.nan
    assert np.abs(without_skirts(holed_m, THICKNESS_M, IDS)[0] - TRUE_M)[30:40, 57:60].max() < 1e-6

    sliver = IDS.copy()
    sliver[20:60, 20:57] = 0  # three pixels of the first are left, all of them beside the second
    front_m, _ = without_skirts(soft(2.0).astype(np.float32), THICKNESS_M, sliver)
    np.testing.assert_array_equal(front_m[sliver == 1], soft(2.0).astype(np.float32)[sliver == 1])


@pytest.mark.parametrize("away_m", [-0.12, 0.09])
def test_a_bulge_of_an_upright_thing_is_put_back_to_its_wall(away_m: float) -> None:
    depth_m = depth_of("bottle")
    mask = np.isfinite(depth_m)
    rows, columns = np.nonzero(mask)
    far_px = np.hypot(*(np.indices(mask.shape) - [[[np.median(rows)]], [[columns.max()]]]))
    bulge, beside = mask & (far_px < 12), mask & (far_px > 20)
    given_m = np.where(bulge, depth_m + away_m, depth_m).astype(np.float32)

    front_m = without_strays(given_m, mask.astype(np.int32), TABLE, RAYS)

    assert np.abs(front_m - depth_m)[bulge].max() < abs(away_m) / 3
    np.testing.assert_array_equal(front_m[beside], given_m[beside])


@pytest.mark.parametrize("turned_deg", [0.0, 35.0, 90.0])
def test_what_lies_is_all_of_it_its_own_whichever_way_it_points(turned_deg: float) -> None:
    depth_m = whole_view(lying("can", turned_deg, TABLE), K)[0].astype(np.float32)
    front_m = without_strays(depth_m, np.isfinite(depth_m).astype(np.int32), TABLE, RAYS)
    np.testing.assert_array_equal(front_m, depth_m)
