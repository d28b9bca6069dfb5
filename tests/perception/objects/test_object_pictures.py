"""Objects are drawn so that each is seen, however many there are."""

import numpy as np
import pytest

from perception.objects.object_map import ObjectMap
from perception.objects.pictures import draw_objects

COLOR = np.full((240, 424, 3), 90, np.uint8)


def objects_of(count: int) -> ObjectMap:
    """Squares in a row."""
    ids = np.zeros(COLOR.shape[:2], np.int32)
    for number in range(count):
        ids[100:130, 10 + 40 * number : 40 + 40 * number] = number + 1
    return ObjectMap(ids, (ids > 0).astype(np.float32), np.where(ids > 0, 0.05, np.nan).astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 8])
def test_every_object_is_outlined_and_what_is_none_stays_as_it_was(count: int) -> None:
    objects = objects_of(count)
    picture = draw_objects(COLOR, objects)
    assert picture.dtype == np.uint8 and picture.shape[1] > 2 * COLOR.shape[1]
    top = picture.shape[0] - COLOR.shape[0]
    outlined = picture[top:, : COLOR.shape[1]]
    coloured = (outlined != 90).any(2)
    for id_ in range(1, count + 1):
        assert coloured[objects.ids == id_].any()
    assert not coloured[150:].any()


def test_a_thickness_that_nobody_knows_is_drawn_as_none() -> None:
    known = objects_of(2)
    unknown = ObjectMap(known.ids, known.probability, np.full_like(known.thickness_m, np.nan))
    assert draw_objects(COLOR, unknown).shape == draw_objects(COLOR, known).shape
    assert not np.array_equal(draw_objects(COLOR, unknown), draw_objects(COLOR, known))
