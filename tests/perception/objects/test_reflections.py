"""What the sensor sees behind the table is an image of something, unless it is likely to be an object."""

import numpy as np
import pytest

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap
from perception.objects.reflections import without_reflections

K = Intrinsics(120, 90, 250.0, 250.0, 59.5, 44.5)
TABLE = Plane(np.array([0.0, 0.0, -1.0]), -0.6)
BLOB = np.zeros((90, 120), bool)
BLOB[20:70, 30:90] = True
ESTIMATE_M = np.where(BLOB, 0.56, 0.6).astype(np.float32)


def seen(behind_m: float, share: float, probability: float = 0.0) -> np.ndarray:
    """The estimate of a blob 4 cm high, of whose pixels the sensor has a share so far behind the table."""
    is_seen = np.random.default_rng(0).random(BLOB.shape) < share
    sensor_m = np.where(BLOB, np.where(is_seen, 0.6 + behind_m, 0.56), 0.6).astype(np.float32)
    nobody = ObjectMap(np.zeros(BLOB.shape, np.int32), np.full(BLOB.shape, probability, np.float32), ESTIMATE_M * 0)
    return without_reflections(ESTIMATE_M, sensor_m, nobody, TABLE, K.rays())


def test_an_image_is_the_table() -> None:
    depth_m = seen(0.05, 0.9)
    np.testing.assert_allclose(depth_m[30:60, 40:80], 0.6, atol=1e-6)


@pytest.mark.parametrize(
    ("behind_m", "share", "probability"),
    [(0.05, 0.3, 0.0), (0.005, 1.0, 0.0), (0.05, 1.0, 0.4)],
    ids=["mostly seen to stand there", "the table's noise", "an object perhaps"],
)
def test_everything_else_stands_where_it_was_estimated(behind_m: float, share: float, probability: float) -> None:
    np.testing.assert_array_equal(seen(behind_m, share, probability), ESTIMATE_M)
