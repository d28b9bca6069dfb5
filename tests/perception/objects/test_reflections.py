"""What the sensor sees behind the table is an image of something, unless it is likely to be an object."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap
from perception.objects.reflections import without_reflections

K = Intrinsics(120, 90, 250.0, 250.0, 59.5, 44.5)
TABLE = Plane(np.array([0.0, 0.0, -1.0]), -0.6)
BLOB = np.zeros((90, 120), bool)
BLOB[20:70, 30:90] = True
ESTIMATE_M = np.where(BLOB, 0.56, 0.6).astype(np.float32)


NOBODY = np.zeros(BLOB.shape, np.int32)


def seen(
    sensor_m: float,
    share: float,
    probability: float,
    confidence: float,
    ids: NDArray = NOBODY,
    else_m: float = 0.56,
) -> NDArray:
    """The estimate of a blob 4 cm high, of whose pixels the sensor has a share so far from the camera, and the others
    where they are, or so far."""
    is_seen = np.random.default_rng(0).random(BLOB.shape) < share
    depth_m = np.where(BLOB, np.where(is_seen, sensor_m, else_m), 0.6).astype(np.float32)
    objects = ObjectMap(ids, np.full(BLOB.shape, probability, np.float32), ESTIMATE_M * 0)
    sure = np.full(BLOB.shape, confidence, np.float32)
    return without_reflections(ESTIMATE_M, sure, depth_m, objects, TABLE, K.rays())


@pytest.mark.parametrize(
    ("sensor_m", "probability", "confidence"),
    [(0.65, 0.1, 0.8), (0.65, 0.4, 0.2), (0.6, 0.0, 0.1)],
    ids=["behind the table", "behind it, and the estimator unsure", "the table, and nobody is sure of anything else"],
)
def test_an_image_is_the_table(sensor_m: float, probability: float, confidence: float) -> None:
    np.testing.assert_allclose(seen(sensor_m, 0.9, probability, confidence)[30:60, 40:80], 0.6, atol=1e-6)


@pytest.mark.parametrize(
    ("sensor_m", "share", "probability", "confidence"),
    [(0.65, 0.3, 0.0, 0.0), (0.65, 1.0, 0.45, 0.95), (0.6, 1.0, 0.0, 0.8), (0.6, 1.0, 0.4, 0.1)],
    ids=["mostly seen to stand there", "sure glass, seen through", "sure glass", "an object perhaps"],
)
def test_everything_else_stands_where_it_was_estimated(
    sensor_m: float, share: float, probability: float, confidence: float
) -> None:
    np.testing.assert_array_equal(seen(sensor_m, share, probability, confidence), ESTIMATE_M)


def test_an_object_is_no_image() -> None:
    np.testing.assert_array_equal(seen(0.65, 1.0, 0.9, 0.9, BLOB.astype(np.int32)), ESTIMATE_M)


@pytest.mark.parametrize("sensor_m", [0.65, 0.6], ids=["behind the table", "the table"])
def test_a_few_pixels_of_a_sensor_erase_nothing(sensor_m: float) -> None:
    np.testing.assert_array_equal(seen(sensor_m, 0.1, 0.0, 0.0, else_m=np.nan), ESTIMATE_M)
