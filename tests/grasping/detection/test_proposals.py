"""Fingers keep off the table, and take what is flat by as much of it as they find above them."""

import numpy as np
import pytest

from grasping.detection.gripper import PARTS
from grasping.detection.point_cloud import PointCloud
from grasping.detection.proposals import (
    CLEARANCE_M,
    MAX_DEPTH_M,
    MIN_DEPTH_M,
    PALM_ROOM_M,
    ROOMY_DEPTH_M,
    TABLE_CLEARANCE_M,
    Proposals,
    clear_of_table,
    insert,
)


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


PALM_M = min(part.z_start_m for part in PARTS if not part.moves)


@pytest.mark.parametrize("above_m", [0.01, 0.03, 0.04, 0.05, 0.06, 0.065, 0.07])
def test_the_palm_keeps_off_what_stands_up_between_the_fingers_while_these_go_deep_enough(above_m: float) -> None:
    """A post that ends so high above the contacts."""
    height_m = 0.10
    z_m = np.linspace(0, height_m + above_m, 60)
    sides = np.concatenate([np.column_stack([np.zeros(60), np.full(60, y_m), z_m]) for y_m in (-0.01, 0.01)])
    post = PointCloud(sides, np.sign(sides) * (0, 1, 0), np.ones(len(sides)))
    depth_m = insert(straight_down(height_m), post).depth_m[0]
    room_m = PALM_M - depth_m - above_m
    assert room_m >= CLEARANCE_M - 1e-6
    assert depth_m <= MAX_DEPTH_M + 1e-6
    if depth_m > ROOMY_DEPTH_M + 1e-6:
        assert room_m >= PALM_ROOM_M
    elif depth_m < ROOMY_DEPTH_M - 1e-6:
        assert room_m <= CLEARANCE_M + 1e-6, "no shallower than it must be"
    if above_m <= 0.03:
        assert depth_m > MAX_DEPTH_M - 0.003, "nothing is in the way"
