import numpy as np
import pytest

from grasping.planning.inverse_kinematics import solve
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import forward_kinematics
from tests.support.robot import random_joints


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_no_reachable_pose_is_missed_and_every_solution_reaches_it(firmware):
    T = forward_kinematics(random_joints(2000, seed=1), firmware)
    solutions = solve(T, firmware)
    found = np.isfinite(solutions).all(axis=-1)
    assert found.any(axis=1).all()
    poses, _ = np.nonzero(found)
    assert np.abs(forward_kinematics(solutions[found], firmware) - T[poses]).max() < 1e-9


def test_the_joints_that_made_a_pose_are_among_its_solutions():
    joints = random_joints(2000, seed=2)
    solutions = solve(forward_kinematics(joints))
    nearest = np.nanmin(np.abs(solutions - joints[:, None]).max(axis=-1), axis=1)
    assert nearest.max() < 1e-6


def test_a_straight_wrist_is_solved():
    joints = random_joints(200, seed=3)
    joints[:, 4] = 0.0
    T = forward_kinematics(joints)
    reached = forward_kinematics(solve(T))
    assert np.nanmax(np.nanmin(np.abs(reached - T[:, None]).max(axis=(-2, -1)), axis=1)) < 1e-9
    # Joints 4 and 6 share an axis there: joint 4 at zero may push joint 6 out of its limits, nothing else may.
    missed = ~np.isfinite(solve(T)).all(axis=-1).any(axis=-1)
    assert np.all(np.abs(joints[missed, 3] + joints[missed, 5]) > JOINT_UPPER_RAD[5] - 1e-9)


def test_solutions_respect_the_joint_limits():
    solutions = solve(forward_kinematics(random_joints(500, seed=4)))
    kept = solutions[np.isfinite(solutions).all(axis=-1)]
    assert (kept >= JOINT_LOWER_RAD).all() and (kept <= JOINT_UPPER_RAD).all()


def test_a_pose_out_of_reach_has_no_solution():
    T = np.eye(4)
    T[:3, 3] = 1.5, 0.0, 0.2
    assert np.isnan(solve(T)).all()
