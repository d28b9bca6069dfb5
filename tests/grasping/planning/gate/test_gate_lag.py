"""The gate looks at where an arm gets that follows its path late, not only at the path."""

import numpy as np
import pytest

from grasping.planning.gate import check as gate
from grasping.planning.gate.check import check_transit
from grasping.planning.gate.lag import SAMPLE_RAD, TIME_CONSTANT_S, as_told, both_ways
from grasping.planning.grasp_plan import Phase
from grasping.planning.paths import time_path
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.kinematics import forward_kinematics
from tests.support.scenes.planning import CELL

START = np.array([-0.8, 1.5, -1.3, 0.0, 0.4, 0.0])
#: First the shoulder turns, then the elbow closes.
CORNER = START + np.array([[0, 0, 0, 0, 0, 0], [0.6, 0, 0, 0, 0, 0], [1.2, 0, 0, 0, 0, 0], [1.2, 0.4, -0.8, 0, 0, 0]])


def corner(speed: float = 1.0) -> JointTrajectory:
    return time_path([CORNER], Phase.RETREAT).slowed(speed)


def follow(motion: JointTrajectory, *lags_s: float, step_s: float = 0.001) -> np.ndarray:
    """Where low-passes of these time constants [s], one after the other, lead joints (N, 6)."""
    times = np.arange(0.0, motion.duration_s + 1.0, step_s)
    joints = np.array([motion.at(time_s) for time_s in times])
    for lag_s in lags_s:
        for i in range(1, len(joints)):
            joints[i] = joints[i - 1] + (joints[i] - joints[i - 1]) * (1.0 - np.exp(-step_s / lag_s))
    return joints


def off_path_rad(joints: np.ndarray, motion: JointTrajectory) -> float:
    dense = np.array([motion.at(time_s) for time_s in np.arange(0.0, motion.duration_s, 0.002)])
    return max(float(np.linalg.norm(dense - q, axis=1).min()) for q in joints)


def test_an_arm_that_lags_is_followed_from_where_the_motion_begins_to_where_it_ends():
    told, late = both_ways(corner())
    for way in (told, late):
        assert np.abs(way.joints_rad[[0, -1]] - CORNER[[0, -1]]).max() < np.deg2rad(0.1)
        side_by_side = way.is_looked_at[1:] & way.is_looked_at[:-1]
        assert np.abs(np.diff(way.joints_rad, axis=0))[side_by_side].max() < 1.05 * SAMPLE_RAD
    assert told.is_looked_at.all() and 0 < late.is_looked_at.sum() < len(late.is_looked_at)
    truth = follow(corner(), TIME_CONSTANT_S)
    assert max(np.abs(truth - q).max(axis=1).min() for q in late.joints_rad) < np.deg2rad(0.2)


def test_what_only_an_arm_that_lags_would_meet_is_refused(monkeypatch):
    """A post on the inner side of a corner, just so far away that the path itself clears it."""
    motion, mount = corner(), CELL.arms["left"]
    parked = {"left": START, "right": np.array([0.0, 0.06, -0.06, 0.0, -0.5, 0.0])}
    _, late = both_ways(motion)
    told = as_told(motion).joints_rad
    away = [np.abs(told - q).max(axis=1).min() for q in late.joints_rad]
    cut, path = (
        (mount.T_world_base @ forward_kinematics(q, mount.firmware))[:3, 3]
        for q in (
            late.joints_rad[np.argmax(away)],
            told[np.abs(told - late.joints_rad[np.argmax(away)]).max(1).argmin()],
        )
    )
    inwards = (cut - path) / np.linalg.norm(cut - path)

    def check(post_m: np.ndarray):
        tower = post_m + np.array([[0.0, 0.0, z] for z in np.arange(0.0, 0.03, 0.004)])
        return check_transit(CELL, motion, arm="left", width_m=0.05, measured=parked, other_points_m=tower)

    with monkeypatch.context() as only_the_path:
        only_the_path.setattr(gate, "both_ways", lambda motion: [as_told(motion)])
        far_m = next(d for d in np.arange(0.0, 0.2, 0.001) if check(path + d * inwards).passed)
    report = check(path + far_m * inwards)
    assert not report.passed and all("where the arm lags" in what for what in report.violations)
    assert check(path + (far_m + 0.05) * inwards).passed


@pytest.mark.parametrize("lags_s", [(0.02, 0.02, 0.03), (0.07,)])
def test_arms_as_they_are_known_cut_no_corner_farther_than_is_looked_at(lags_s):
    """The digital cell's arm: how its controller smooths, how its motors' targets pass a filter, how its servos lag."""
    assert off_path_rad(follow(corner(), *lags_s), corner()) < off_path_rad(follow(corner(), TIME_CONSTANT_S), corner())


def test_nothing_more_is_looked_at_where_a_lag_leads_nowhere_else():
    share = np.linspace(0.0, 1.0, 200)
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    straight = JointTrajectory(2.0 * share, START + 0.5 * eased[:, None])
    assert len(list(both_ways(straight))) == 1
    assert len(list(both_ways(corner(speed=0.1)))) == 1
