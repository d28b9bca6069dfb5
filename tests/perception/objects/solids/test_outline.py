"""What stands, what lies, a ball and a spoon are told by their outlines."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from perception.objects.solids.outline import Kind, read_outline
from perception.objects.solids.upright_solid import UprightSolid
from tests.perception.objects.solids.test_lying_solid import TABLE, K, Mask, lying, outline
from tests.perception.objects.solids.test_upright_solid import outline as outline_of_standing
from tests.perception.objects.solids.test_upright_solid import standing, table


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
    assert kinds == [Kind.UNKNOWN, Kind.BALL, Kind.BOWL]


def spoon() -> Mask:
    mask = cv2.ellipse(np.zeros((240, 424), np.uint8), (250, 119), (18, 12), 0, 0, 360, 1, -1)
    return cv2.line(mask, (140, 125), (250, 119), 1, 5).astype(bool)


def test_what_is_long_and_narrow_is_flat() -> None:
    assert read_outline(spoon(), K, TABLE).kind is Kind.FLAT


def spoon_that_points_away() -> Mask:
    mask = cv2.ellipse(np.zeros((240, 424), np.uint8), (212, 90), (13, 14), 0, 0, 360, 1, -1)
    return cv2.line(mask, (212, 90), (214, 178), 1, 6).astype(bool)


def test_a_spoon_that_points_away_stands_as_a_goblet_does_but_where_it_is_known_to_be_low() -> None:
    mask = spoon_that_points_away()
    assert read_outline(mask, K, TABLE).kind is not Kind.FLAT
    assert read_outline(mask, K, TABLE, is_low=True).kind is Kind.FLAT


@pytest.mark.parametrize(("width_m", "height_m"), [(0.030, 0.15), (0.034, 0.12), (0.025, 0.08), (0.036, 0.10)])
def test_a_clear_tube_through_which_the_table_is_seen_stands_all_the_same(width_m: float, height_m: float) -> None:
    tube = replace(standing("bottle", TABLE), heights_m=np.array([0.0, height_m]), radii_m=np.full(2, width_m / 2))
    assert read_outline(outline_of_standing(tube), K, TABLE, is_low=True).kind is not Kind.FLAT


@pytest.mark.parametrize("shape", ["bowl", "deep bowl"])
@pytest.mark.parametrize("down_deg", [42.0, 50.0, 60.0])
def test_a_bowl_is_told_to_a_centimetre_and_to_be_hollow(shape: str, down_deg: float) -> None:
    true = standing(shape, plane := table(down_deg))
    told = read_outline(outline_of_standing(true), K, plane)
    assert told.kind is Kind.BOWL and isinstance(told.solid, UprightSolid) and told.solid.wall_m is not None
    assert abs(told.solid.height_m - true.height_m) < 0.010 and abs(told.solid.width_m - true.width_m) < 0.010
