"""How wide the fingers open, and what a row's width means to others."""

import numpy as np

from grasping.detection.gripper import LEAST_MARGIN_M, PRE_OPEN_MARGINS_M, as_openings, pre_opening
from grasping.grasp_set import WIDTH, check_rows
from tests.support.scenes.planning import scene

STROKE_M = 0.07


def test_the_fingers_open_by_a_margin_and_never_wider_than_they_can() -> None:
    assert (
        list(PRE_OPEN_MARGINS_M) == sorted(PRE_OPEN_MARGINS_M, reverse=True) and PRE_OPEN_MARGINS_M[-1] > LEAST_MARGIN_M
    )
    width_m = np.linspace(0.0, STROKE_M - LEAST_MARGIN_M, 20)
    for margin_m in PRE_OPEN_MARGINS_M:
        opening_m = pre_opening(width_m, STROKE_M, margin_m)
        assert (opening_m <= STROKE_M).all() and (opening_m >= width_m + LEAST_MARGIN_M - 1e-12).all()
        np.testing.assert_allclose(opening_m[:5], width_m[:5] + margin_m)
    np.testing.assert_array_equal(pre_opening(width_m, STROKE_M), pre_opening(width_m, STROKE_M, PRE_OPEN_MARGINS_M[0]))


def test_rows_for_others_hold_the_opening_and_are_otherwise_the_same() -> None:
    rows = scene((0.02, 0.10, 0.02, 0.12), (0.02, -0.10, 0.03, 0.12)).rows
    before = rows.copy()
    opened = check_rows(as_openings(rows, STROKE_M))
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(opened[:, WIDTH], pre_opening(rows[:, WIDTH], STROKE_M))
    np.testing.assert_array_equal(np.delete(opened, WIDTH, 1), np.delete(rows, WIDTH, 1))
    assert as_openings(rows[:0], STROKE_M).shape == (0, 17)
