"""Soft depth ends at the objects' outlines again, at the level that the estimator gave it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.crisp import crisp_depth
from perception.objects.model import ObjectPrediction
from perception.objects.object_map import ObjectMap

#: A camera 0.6 m above the table that looks straight down on a box of 5 cm.
K = Intrinsics(120, 90, 250.0, 250.0, 59.5, 44.5)
TABLE = Plane(np.array([0.0, 0.0, -1.0]), -0.6)
TABLE_M, TOP_M = 0.6, 0.55
BOX = np.zeros((90, 120), bool)
BOX[25:65, 40:85] = True
AROUND = cv2.dilate(BOX.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool) & ~BOX
Map = NDArray[np.float32]


def look(front_m: float = TOP_M) -> ObjectPrediction:
    """A perfect outline, with a front somewhere."""
    objects = ObjectMap(BOX.astype(np.int32), BOX.astype(np.float32), np.where(BOX, 0.05, np.nan).astype(np.float32))
    return ObjectPrediction(objects, np.where(BOX, front_m, np.nan).astype(np.float32), BOX.astype(np.float32))


def soft(top_m: float = TOP_M) -> Map:
    """The box as an estimator blurs it."""
    depth_m = np.where(BOX, top_m, TABLE_M).astype(np.float32)
    return cv2.GaussianBlur(depth_m, (0, 0), 4.0).astype(np.float32)


def crisp(estimate_m: Map, seen: ObjectPrediction, is_learnt: bool = False) -> Map:
    return crisp_depth(estimate_m, seen, TABLE, K.rays(), is_learnt)


def test_a_blurred_box_ends_at_its_outline() -> None:
    assert np.abs(soft() - TABLE_M)[AROUND].max() > 0.01
    depth_m = crisp(soft(), look())
    assert np.abs(depth_m - TABLE_M)[AROUND].max() < 1e-4
    assert np.abs(depth_m - TOP_M)[BOX].max() < 0.005


@pytest.mark.parametrize("off_m", [-0.02, 0.02])
def test_the_level_is_the_estimators_and_the_shape_the_networks(off_m: float) -> None:
    depth_m = crisp(soft(), look(TOP_M + off_m))
    assert np.abs(depth_m - TOP_M)[BOX].max() < 0.005


def test_of_an_estimator_that_was_learnt_on_the_front_is_taken_as_it_is() -> None:
    seen = look(TOP_M + 0.02)
    depth_m = crisp(soft(), seen, is_learnt=True)
    np.testing.assert_array_equal(depth_m[BOX], seen.front_m[BOX])
    assert np.abs(depth_m - TABLE_M)[AROUND].max() < 1e-4


def test_holes_in_an_estimate_are_the_networks_front() -> None:
    estimate_m = soft()
    estimate_m[35:50, 50:70] = np.nan
    assert np.abs(crisp(estimate_m, look()) - TOP_M)[BOX].max() < 0.005
    estimate_m[BOX] = np.nan
    np.testing.assert_allclose(crisp(estimate_m, look())[BOX], TOP_M, atol=1e-5)


def test_what_may_be_an_object_or_lies_below_the_table_keeps_the_estimate() -> None:
    seen = look()
    seen.objects.probability[:20] = 0.4
    estimate_m = soft()
    estimate_m[:20], estimate_m[80:] = 0.5, 0.7
    depth_m = crisp(estimate_m, seen)
    np.testing.assert_array_equal(depth_m[:20], estimate_m[:20])
    np.testing.assert_array_equal(depth_m[80:], estimate_m[80:])
