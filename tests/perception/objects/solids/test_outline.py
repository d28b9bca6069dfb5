"""What stands, what lies, a ball and a spoon are told by their outlines."""

import cv2
import numpy as np
import pytest

from perception.objects.solids.outline import Kind, read_outline
from tests.perception.objects.solids.test_lying_solid import TABLE, K, Mask, lying, outline
from tests.perception.objects.solids.test_upright_solid import outline as outline_of_standing
from tests.perception.objects.solids.test_upright_solid import standing


@pytest.mark.parametrize("shape", ["tumbler", "can", "bottle"])
def test_what_stands_is_upright(shape: str) -> None:
    assert read_outline(outline_of_standing(standing(shape, TABLE)), K, TABLE).kind is Kind.UPRIGHT


@pytest.mark.parametrize("shape", ["can", "jar", "bottle"])
@pytest.mark.parametrize("turned_deg", [90.0, 60.0, 120.0])
def test_what_lies_across_the_view_is_lying(shape: str, turned_deg: float) -> None:
    assert read_outline(outline(lying(shape, turned_deg)), K, TABLE).kind is Kind.LYING


def ball(radius_px: int) -> Mask:
    return cv2.circle(np.zeros((240, 424), np.uint8), (211, 119), radius_px, 1, -1).astype(bool)


def test_a_circle_as_wide_as_a_ball_is_one_and_a_spoons_or_a_bowls_is_not() -> None:
    kinds = [read_outline(ball(radius_px), K, TABLE).kind for radius_px in (14, 20, 40)]
    assert kinds == [Kind.UNKNOWN, Kind.BALL, Kind.UNKNOWN]


def spoon() -> Mask:
    mask = cv2.ellipse(np.zeros((240, 424), np.uint8), (250, 119), (18, 12), 0, 0, 360, 1, -1)
    return cv2.line(mask, (140, 125), (250, 119), 1, 5).astype(bool)


def test_what_is_long_and_narrow_is_flat() -> None:
    assert read_outline(spoon(), K, TABLE).kind is Kind.FLAT


def test_a_bowl_is_not_judged_by_its_outline() -> None:
    low = cv2.ellipse(np.zeros((240, 424), np.uint8), (211, 119), (50, 42), 0, 0, 360, 1, -1).astype(bool)
    assert read_outline(low, K, TABLE).kind is Kind.UNKNOWN
