"""A part that floats is of the thing it goes on from, and a thing behind another is not."""

import numpy as np
import pytest

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.floating import without_floating_parts
from perception.objects.model import ObjectPrediction
from perception.objects.object_map import ObjectMap

K = Intrinsics(120, 90, 250.0, 250.0, 59.5, 44.5)
TABLE = Plane(np.array([0.0, 0.0, -1.0]), -0.6)


def counted(upper_m: float, lower_m: float) -> int:
    """How many things two parts are, one above the other in the picture, so far below the camera where they meet."""
    ids = np.zeros((90, 120), np.int32)
    ids[20:40, 50:70], ids[40:70, 50:70] = 1, 2
    front_m = np.where(ids == 1, upper_m, np.where(ids == 2, lower_m, np.nan)).astype(np.float32)
    front_m[60:70, 50:70] = 0.6
    whole = ObjectMap(ids, (ids > 0).astype(np.float32), np.where(ids > 0, 0.03, np.nan).astype(np.float32))
    look = ObjectPrediction(whole, front_m, (ids > 0).astype(np.float32))
    return without_floating_parts(look, TABLE, K.rays()).objects.count


@pytest.mark.parametrize(
    ("upper_m", "lower_m", "count"),
    [(0.50, 0.505, 1), (0.50, 0.45, 2), (0.59, 0.59, 2)],
    ids=["a bottle's neck", "what stands behind something", "two that both stand"],
)
def test_a_part_that_floats_is_of_what_it_goes_on_from(upper_m: float, lower_m: float, count: int) -> None:
    assert counted(upper_m, lower_m) == count
