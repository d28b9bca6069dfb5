"""An arm whose zeros are off is told and read so that its joints truly are what is said of them."""

import numpy as np
import pytest

from core.errors import ArmError
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS, joint_limits
from tests.support.emulated_arm import GOAL, from_here, mount, path

OFFSET = np.deg2rad([0.0, 2.0, -2.0, 1.0, -1.5, 0.0])


def enabled(build):
    cell = build(arm_mount=mount(zero_offset_rad=tuple(OFFSET)), zero_offset_rad=OFFSET)
    cell.arm.connect()
    cell.arm.enable()
    return cell


def test_its_joints_are_read_where_they_are_and_go_where_they_are_sent(build) -> None:
    cell = enabled(build)
    assert np.allclose(cell.arm.state().joints_rad, PARK_JOINTS, atol=1e-3)
    assert np.allclose(cell.emulator.plant.joints_rad(), PARK_JOINTS - OFFSET, atol=1e-3)
    cell.arm.follow(from_here(cell))
    assert np.allclose(cell.plant.joints_rad(), GOAL, atol=np.deg2rad(0.2))
    cell.arm.hold()
    cell.clock.sleep(0.3)
    assert np.allclose(cell.plant.joints_rad(), GOAL, atol=np.deg2rad(0.2))


@pytest.mark.parametrize(("joint", "end"), [(1, 0), (1, 1), (2, 0), (2, 1), (4, 1)])
def test_no_joint_is_sent_where_it_cannot_be_or_its_controller_will_not_go(build, joint: int, end: int) -> None:
    cell = enabled(build)
    limits = joint_limits(OFFSET)
    out = cell.arm.state().joints_rad.copy()
    out[joint] = limits[end][joint] + np.deg2rad(1.0) * (1 if end else -1)
    with pytest.raises(ArmError, match=f"leaves joint {joint + 1}'s limits"):
        cell.arm.follow(path(cell.arm.state().joints_rad, out, duration_s=6.0))
    assert np.allclose(cell.plant.joints_rad(), PARK_JOINTS, atol=np.deg2rad(0.2))


def test_limits_hold_in_both_ways_of_counting() -> None:
    lower, upper = joint_limits(OFFSET)
    for offset in (0.0, OFFSET):
        assert np.all(lower - offset >= JOINT_LOWER_RAD - 1e-12) and np.all(upper - offset <= JOINT_UPPER_RAD + 1e-12)


def test_encoders_that_do_not_answer_are_seen_behind_an_offset_too(build) -> None:
    cell = build(arm_mount=mount(zero_offset_rad=tuple(OFFSET)), zero_offset_rad=OFFSET)
    cell.emulator.faults.zeroed = tuple(range(6))
    cell.arm.connect()
    with pytest.raises(ArmError, match="exactly zero at all joints"):
        cell.arm.enable()
