"""Objects in a region stay whole, the others go."""

import numpy as np

from perception.objects.object_map import ObjectMap


def object_map(*columns: slice) -> ObjectMap:
    ids = np.zeros((10, 40), np.int32)
    for number, its in enumerate(columns, start=1):
        ids[2:8, its] = number
    return ObjectMap(ids, (ids > 0).astype(np.float32), np.where(ids > 0, 0.03, np.nan).astype(np.float32))


def test_an_object_mostly_in_the_region_stays_whole_and_the_others_are_left_out() -> None:
    region = np.zeros((10, 40), bool)
    region[:, 12:] = True
    objects = object_map(slice(0, 8), slice(10, 18), slice(30, 36))
    inside = objects.inside(region)
    assert inside.count == 2
    np.testing.assert_array_equal(inside.ids, np.array([0, 0, 1, 2])[objects.ids])
    np.testing.assert_array_equal(inside.mask, objects.ids > 1)


def test_half_is_not_mostly() -> None:
    region = np.zeros((10, 40), bool)
    region[:, 14:] = True
    assert object_map(slice(10, 18)).inside(region).count == 0


def test_nothing_is_in_an_empty_region_and_nothing_comes_of_nothing() -> None:
    empty = np.zeros((10, 40), bool)
    assert object_map(slice(0, 8)).inside(empty).count == 0
    assert object_map().inside(~empty).count == object_map().count == 0
