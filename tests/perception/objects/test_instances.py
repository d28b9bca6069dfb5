"""Every pixel points at the middle of its object: which pixels are one object's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from perception.objects.instances import LEAST_PIXELS, find_instances

SHAPE = (96, 160)


def discs(*discs_px: tuple[int, int, int]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """True ids (H, W) of discs (x, y, radius) in their order, and each pixel's way to its disc's middle (2, H, W)."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ids, offset_px = np.zeros(SHAPE, np.int32), np.zeros((2, *SHAPE), np.float32)
    for number, (x, y, radius) in enumerate(discs_px, start=1):
        its = (np.hypot(columns - x, rows - y) <= radius) & (ids == 0)
        ids[its] = number
        offset_px[0][its], offset_px[1][its] = (x - columns)[its], (y - rows)[its]
    return ids, offset_px


def test_objects_that_touch_come_apart_where_their_middles_differ() -> None:
    true, offset_px = discs((50, 48, 22), (90, 48, 18))
    np.testing.assert_array_equal(find_instances(true > 0, offset_px), true)


def test_offsets_that_err_by_pixels_change_little() -> None:
    true, offset_px = discs((50, 48, 22), (90, 48, 18))
    offset_px += np.random.default_rng(0).normal(0, 2.0, offset_px.shape).astype(np.float32)
    assert (find_instances(true > 0, offset_px) == true).mean() > 0.99


def test_one_object_is_one_however_large_it_is() -> None:
    true, offset_px = discs((80, 48, 46))
    np.testing.assert_array_equal(find_instances(true > 0, offset_px), true)


def test_the_largest_has_the_first_number() -> None:
    true, offset_px = discs((40, 48, 12), (100, 48, 30))
    np.testing.assert_array_equal(find_instances(true > 0, offset_px), np.array([0, 2, 1])[true])


def test_of_an_empty_mask_there_are_none() -> None:
    assert not find_instances(np.zeros(SHAPE, bool), np.zeros((2, *SHAPE), np.float32)).any()


@pytest.mark.parametrize("radius", [1, 3])
def test_what_is_too_small_is_no_object(radius: int) -> None:
    true, offset_px = discs((50, 48, 22), (120, 48, radius))
    assert (true == 2).sum() < LEAST_PIXELS
    np.testing.assert_array_equal(find_instances(true > 0, offset_px), np.where(true == 1, 1, 0))


def test_middles_outside_of_the_picture_are_kept_at_its_edge() -> None:
    true, offset_px = discs((50, 48, 22))
    offset_px[0][true > 0] -= 500
    found = find_instances(true > 0, offset_px)
    np.testing.assert_array_equal(found, true)
