"""Two arms are looked at wherever either may be when: side by side, one behind the other, and cutting their corners."""

from itertools import product

import numpy as np
import pytest

from grasping.planning.gate.lag import TIME_CONSTANT_S
from grasping.planning.grasp_plan import Phase
from grasping.planning.overlap.courses import BEHIND_S, STEP_RAD, Course, side_by_side
from grasping.planning.paths import time_path
from hardware.arms.together import TimedStep
from hardware.robot.description import PARK_JOINTS

#: First the shoulder turns, then the elbow closes.
CORNER = PARK_JOINTS + np.array([[0, 0.3, 0, 0, 0, 0], [1.0, 0.3, 0, 0, 0, 0], [1.0, 0.9, -0.8, 0, 0, 0]])


def course(*delays_s: float, way: np.ndarray = CORNER) -> Course:
    """There, and back and there again after each delay."""
    steps, end_s = list[TimedStep](), 0.0
    for number, delay_s in enumerate(delays_s):
        motion = time_path([way[:: 1 - 2 * (number % 2)]], Phase.RETREAT)
        begin_s = end_s + delay_s
        end_s = begin_s + motion.duration_s + 0.15
        steps.append(TimedStep(Phase.PLACE, begin_s, end_s, 0.05, motion))
    return Course.of(steps)


def behind(told: Course, times_s: np.ndarray, step_s: float = 0.002) -> np.ndarray:
    """Where a low-pass leads, step by step."""
    fine = np.arange(0.0, times_s[-1] + step_s, step_s)
    joints = told.at(fine)
    for i in range(1, len(joints)):
        joints[i] = joints[i - 1] + (joints[i] - joints[i - 1]) * (1.0 - np.exp(-step_s / TIME_CONSTANT_S))
    return np.stack([np.interp(times_s, fine, column) for column in joints.T], axis=1)


@pytest.mark.parametrize("delay_s", [0.0, 0.7])
def test_between_two_configurations_no_arm_however_it_goes_moves_farther_than_a_degree(delay_s: float) -> None:
    ways = list(side_by_side(course(0.0, 0.3), course(delay_s)))
    assert len(ways) == 8
    for way in ways:
        for joints in (way.carry_rad, way.reach_rad):
            assert np.abs(np.diff(joints, axis=0)).max() < 1.05 * STEP_RAD
        assert (np.diff(way.times_s) >= 0.0).all()


def test_every_way_begins_and_ends_where_the_arms_do() -> None:
    carry, reach = course(0.0), course(0.5, 0.2)
    for way in side_by_side(carry, reach):
        for joints, one in ((way.carry_rad, carry), (way.reach_rad, reach)):
            assert np.abs(joints[[0, -1]] - one.motion.positions_rad[[0, -1]]).max() < np.deg2rad(0.2)


def test_an_arm_that_lags_is_looked_at_where_it_is_beside_the_other_on_time_or_as_late() -> None:
    carry, reach = course(0.0), course(0.4)
    ways = [way for way in side_by_side(carry, reach) if way.whose]
    assert [way.whose for way in ways] == [", where one arm lags"] * 2 + [", where both lag"]
    for way, (carry_lags, reach_lags) in zip(ways, [(True, False), (False, True), (True, True)], strict=True):
        for joints, one, lags in ((way.carry_rad, carry, carry_lags), (way.reach_rad, reach, reach_lags)):
            truth = behind(one, way.times_s) if lags else one.at(way.times_s)
            assert np.abs(joints - truth).max() < np.deg2rad(0.5)


def test_an_arm_is_behind_the_other_by_no_less_than_said() -> None:
    carry, reach = course(0.0), course(0.4)
    ways = [way for way in side_by_side(carry, reach) if not way.whose]
    for wanted in product((0.0, BEHIND_S / 2, BEHIND_S), repeat=2):
        if 0.0 in wanted:
            found = [
                np.abs(way.carry_rad - carry.at(way.times_s - wanted[0])).max() < 1e-9
                and np.abs(way.reach_rad - reach.at(way.times_s - wanted[1])).max() < 1e-9
                for way in ways
            ]
            assert sum(found) == 1


def test_what_is_held_is_held_from_the_lift_or_until_it_is_let_go_and_a_little_longer() -> None:
    motion = time_path([CORNER], Phase.RETREAT)
    length_s = motion.duration_s + 0.15
    place = TimedStep(Phase.PLACE, 0.0, length_s, 0.05, motion)
    let_go = TimedStep("open", length_s, length_s + 0.4, 0.08, None, 2.0)
    for steps, held in (
        ([place, let_go], (0.0, length_s + 0.4)),
        ([TimedStep(Phase.LIFT, 1.0, 1.0 + length_s, 0.05, motion)], (1.0, np.inf)),
    ):
        times_s = np.linspace(0.0, 20.0, 2001)
        expected = (times_s >= held[0] - BEHIND_S) & (times_s <= held[1] + BEHIND_S)
        assert (Course.of(steps).holds(times_s) == expected).all()
