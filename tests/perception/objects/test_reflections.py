"""What the sensor sees behind the table is an image of something, unless it is likely to be an object."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.object_map import ObjectMap
from perception.objects.reflections import own_images, without_reflections
from tests.perception.objects.solids.test_upright_solid import standing
from tests.support.scenes.solids import whole_view

K = Intrinsics(120, 90, 250.0, 250.0, 59.5, 44.5)
TABLE = Plane(np.array([0.0, 0.0, -1.0]), -0.6)
BLOB = np.zeros((90, 120), bool)
BLOB[20:70, 30:90] = True
ESTIMATE_M = np.where(BLOB, 0.56, 0.6).astype(np.float32)


HALF_MATT_M = np.where(np.random.default_rng(1).random(BLOB.shape) < 0.45, 0.6, 0.0)
NOBODY = np.zeros(BLOB.shape, np.int32)


def seen(
    sensor_m: float,
    share: float,
    probability: float,
    confidence: float,
    ids: NDArray = NOBODY,
    else_m: float = 0.56,
    images: NDArray = NOBODY,
) -> NDArray:
    """The estimate of a blob 4 cm high, of whose pixels the sensor has a share so far from the camera, and the others
    where they are, or so far."""
    is_seen = np.random.default_rng(0).random(BLOB.shape) < share
    depth_m = np.where(BLOB, np.where(is_seen, sensor_m, else_m), 0.6).astype(np.float32)
    objects = ObjectMap(ids, np.full(BLOB.shape, probability, np.float32), ESTIMATE_M * 0)
    sure = np.full(BLOB.shape, confidence, np.float32)
    return without_reflections(ESTIMATE_M, sure, depth_m, objects, TABLE, K.rays(), images > 0)


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


@pytest.mark.parametrize(
    ("probability", "confidence", "stands"), [(0.1, 0.95, False), (0.45, 0.2, False), (0.45, 0.95, True)]
)
def test_glass_that_nobody_doubts_stands_where_anothers_image_would_be(
    probability: float, confidence: float, stands: bool
) -> None:
    left_m = seen(0.65, 1.0, probability, confidence, images=BLOB)
    assert bool((left_m == ESTIMATE_M).all()) == stands


def test_an_objects_image_is_below_it_and_the_table_on_a_table_that_mirrors() -> None:
    lens = Intrinsics(424, 480, 610.0, 610.0, 211.5, 119.5)
    plane = Plane(np.array([0.0, -np.cos(np.deg2rad(50)), -np.sin(np.deg2rad(50))]), -0.62)
    rays = lens.rays()
    table_m = plane.depth(rays)
    front_m, back_m, _ = whole_view(standing("can", plane), lens)
    mask = np.isfinite(front_m)
    objects = ObjectMap(mask.astype(np.int32), mask.astype(np.float32), back_m - front_m)
    images = own_images(objects, front_m, plane, lens)
    foot = int(np.flatnonzero(mask.any(axis=1))[-1])
    assert np.flatnonzero(images.any(axis=1))[-1] > foot + 40
    blob = np.zeros(mask.shape, bool)
    blob[foot + 15 : foot + 30, 195:225] = True
    assert images[blob].all()
    estimate_m = np.where(blob, table_m - 0.03, table_m).astype(np.float32)

    def erases(sensor_m: NDArray) -> bool:
        sure = np.ones(mask.shape, np.float32)
        seen_m = sensor_m.astype(np.float32)
        out_m = without_reflections(estimate_m, sure, seen_m, objects, plane, rays, images)
        return bool((out_m[blob] != estimate_m[blob]).all())

    behind_m = table_m + 0.1
    assert erases(np.where(blob, np.nan, behind_m))
    assert not erases(np.where(blob, np.nan, table_m)), "of a matt table"
    assert not erases(np.where(blob, estimate_m, behind_m)), "of what the sensor sees too"


@pytest.mark.parametrize(
    ("probability", "confidence", "table_m", "sensor_m", "is_kept"),
    [
        (0.02, 0.15, 0.7, 0.0, False),
        (0.15, 0.15, 0.7, 0.0, True),
        (0.02, 0.35, 0.7, 0.0, True),
        (0.02, 0.15, 0.6, 0.0, True),
        (0.02, 0.15, 0.7, 0.56, True),
        (0.02, 0.15, 0.0, 0.0, True),
        (0.02, 0.15, HALF_MATT_M, 0.0, True),
    ],
    ids=[
        "nobody believes in it",
        "an object perhaps",
        "the estimator does",
        "a matt table",
        "the sensor sees it",
        "the sensor sees nothing anywhere",
        "a matt table of which it sees little",
    ],
)
def test_on_a_mirror_what_no_sensor_sees_and_both_networks_doubt_is_the_table(
    probability: float, confidence: float, table_m: float | NDArray, sensor_m: float, is_kept: bool
) -> None:
    sensed_m = np.where(BLOB, sensor_m, table_m).astype(np.float32)
    objects = ObjectMap(NOBODY, np.full(BLOB.shape, probability, np.float32), ESTIMATE_M * 0)
    sure = np.full(BLOB.shape, confidence, np.float32)
    left_m = without_reflections(ESTIMATE_M, sure, sensed_m, objects, TABLE, K.rays(), NOBODY > 0)
    np.testing.assert_allclose(left_m[30:60, 40:80], ESTIMATE_M[30:60, 40:80] if is_kept else 0.6, atol=1e-6)
