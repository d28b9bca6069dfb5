"""An arm that stands a little beyond a stop may come back; one that stands far beyond is freed by a person."""

import numpy as np
import pytest

from core.errors import ArmError
from hardware.arms.standing import AT_STOP_RAD, SAGGED_RAD, beyond_limits, told_beyond
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS, joint_limits
from tests.support.emulated_arm import path, ready

LIMITS = joint_limits(np.zeros(6))


def beyond(degrees: float, joint: int = 1) -> np.ndarray:
    """Parked, but one joint so far below its lower stop."""
    joints = PARK_JOINTS.copy()
    joints[joint] = JOINT_LOWER_RAD[joint] - np.deg2rad(degrees)
    return joints


@pytest.mark.parametrize("joint", range(6))
def test_how_far_a_joint_stands_beyond_its_stop_is_told_for_either_side(joint: int) -> None:
    for stop, outward in ((JOINT_LOWER_RAD, -1.0), (JOINT_UPPER_RAD, 1.0)):
        joints = PARK_JOINTS.copy()
        joints[joint] = stop[joint] + outward * np.deg2rad(0.4)
        assert beyond_limits(joints, LIMITS)[joint] == pytest.approx(np.deg2rad(0.4))
        assert told_beyond(joints, LIMITS) == f"0.4° beyond joint {joint + 1}'s stop"
        joints[joint] = stop[joint] + outward * AT_STOP_RAD / 2
        assert not beyond_limits(joints, LIMITS).any() and not told_beyond(joints, LIMITS)


@pytest.mark.parametrize("degrees", [0.1, 0.5, 0.99])
def test_an_arm_is_switched_on_up_to_a_degree_beyond_a_stop_and_comes_within(build, degrees: float) -> None:
    cell = ready(lambda: build(joints=beyond(degrees)))
    assert not beyond_limits(cell.arm.state().joints_rad, LIMITS).any()


def test_an_arm_farther_beyond_a_stop_is_refused_before_it_has_power_and_says_how_it_is_freed(build) -> None:
    cell = build(joints=beyond(2.3))
    cell.arm.connect()
    with pytest.raises(ArmError, match=r"left arm stands 2\.3° beyond joint 2's stop") as refusal:
        cell.arm.enable()
    for step in ("Support the left arm", "teach mode", "joint 2 to between 0°", "by hand"):
        assert step in refusal.value.remedy
    assert not cell.plant.power
    np.testing.assert_array_equal(cell.plant.joints_rad(), beyond(2.3))


@pytest.mark.parametrize("degrees", [0.4, 0.9])
def test_an_arm_that_sagged_beyond_a_stop_follows_a_way_back_and_none_farther_out(build, degrees: float) -> None:
    cell = ready(lambda: build(joints=beyond(0.0)))
    cell.plant.bent_rad = np.array([0.0, -np.deg2rad(degrees), 0.0, 0.0, 0.0, 0.0])
    cell.clock.sleep(0.5)
    here = cell.arm.state().joints_rad
    assert beyond_limits(here, LIMITS)[1] == pytest.approx(np.deg2rad(degrees), abs=1e-3)
    out, back = here.copy(), here.copy()
    out[1] -= np.deg2rad(0.3)
    back[1] += 2 * np.deg2rad(degrees) + np.deg2rad(0.2)
    if out[1] < -np.deg2rad(0.5):
        with pytest.raises(ArmError, match="leaves joint 2's limits"):
            cell.arm.follow(path(here, out))
    cell.arm.follow(path(here, back))
    assert not beyond_limits(cell.arm.state().joints_rad, LIMITS).any()


def test_no_motion_begins_farther_beyond_than_an_arm_is_led_back_from(build) -> None:
    cell = ready(lambda: build(joints=beyond(0.0)))
    here = cell.arm.state().joints_rad
    outside = here.copy()
    outside[1] = -SAGGED_RAD * 1.01
    with pytest.raises(ArmError, match="leaves joint 2's limits"):
        cell.arm.follow(path(outside, here))
