"""Fingers keep off the table, and take what is flat by as much of it as they find above them."""

import numpy as np

from grasping.detection.proposals import MIN_DEPTH_M, TABLE_CLEARANCE_M, Proposals, clear_of_table


def straight_down(height_m: float) -> Proposals:
    """Closing along y, midway between contacts so high."""
    R = np.column_stack([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    return Proposals(np.array([[0.0, 0.0, height_m]]), R[None], np.array([0.05]))


def test_contacts_too_low_for_the_fingers_are_taken_higher_up_where_there_is_something() -> None:
    (kept,) = clear_of_table(straight_down(0.004), top_m=0.012).center_m
    assert TABLE_CLEARANCE_M + MIN_DEPTH_M <= kept[2] + 1e-9 <= 0.012
    assert not len(clear_of_table(straight_down(0.002), top_m=0.005)), "there the object ends"


def test_contacts_low_on_what_is_round_are_not_taken_higher_up() -> None:
    assert not len(clear_of_table(straight_down(0.004), top_m=0.05))


def test_contacts_high_enough_stay_where_they_are() -> None:
    kept = clear_of_table(straight_down(0.03), top_m=0.05)
    np.testing.assert_array_equal(kept.center_m, straight_down(0.03).center_m)
