"""What views cover only grows with each, and what is wanted still is what they lack."""

import numpy as np
import pytest

from calibration.report.coverage import SeenBoard, coverage_of, seen_boards
from tests.support.board_views import K, drawn_truth, drawn_views


@pytest.fixture(scope="module")
def boards() -> list[SeenBoard]:
    return seen_boards(drawn_views(drawn_truth(0), 20), K)


def test_each_view_covers_no_less_and_twenty_spread_ones_want_nothing(boards: list[SeenBoard]) -> None:
    assert "first view" in coverage_of([], K).wanted[0]
    before = coverage_of(boards[:1], K)
    assert before.turn_deg == 0.0 and before.tilt_deg == (0.0, 0.0) and len(before.wanted) == 5
    for count in range(2, 21):
        now = coverage_of(boards[:count], K)
        assert (now.fields >= before.fields).all() and np.greater_equal(now.tilt_deg, before.tilt_deg).all()
        assert now.nearest_m <= before.nearest_m and now.farthest_m >= before.farthest_m
        before = now
    assert before.wanted == ()


def test_a_board_that_is_hardly_turned_is_wanted_turned_and_one_on_the_left_is_wanted_on_the_right(
    boards: list[SeenBoard],
) -> None:
    near = seen_boards(drawn_views(drawn_truth(0), 8, turn_rad=0.1), K)
    wanted = " ".join(coverage_of(near, K).wanted)
    assert "about the picture's vertical" in wanted and "own plane" in wanted and "nearer than" in wanted
    left = [board for board in boards if board.corners_px[:, 0].max() < K.width / 2]
    assert left and "right" in coverage_of(left, K).wanted[0] and "left" not in coverage_of(left, K).wanted[0]
