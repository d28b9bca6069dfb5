"""What stops an emulated arm: faults of the bus, the motors and the mounting, and the emergency stop."""

from contextlib import closing

import numpy as np
import pytest

from core.errors import ArmError
from hardware.arms.emulated_faults import ALL_JOINTS
from tests.support.emulated_arm import GOAL, assert_stays, from_here, mount, path


class At:
    """Does something once, at a simulated time: a `should_stop` that never stops."""

    def __init__(self, cell, after_s, action):
        self._clock, self._action = cell.clock, action
        self.due_s, self.done_s = cell.clock.now_s() + after_s, None

    def __call__(self):
        if self.done_s is None and self._clock.now_s() >= self.due_s:
            self.done_s = self._clock.now_s()
            self._action()
        return False


def stopped_within_s(cell, fault, match):
    """Follows a path during which `fault` happens; how long until the arm refused to go on."""
    hook = At(cell, 0.6, fault)
    with pytest.raises(ArmError, match=match):
        cell.arm.follow(from_here(cell), hook)
    return cell.clock.now_s() - hook.done_s


def test_an_unplugged_bus_ends_the_motion_within_200_ms_and_stays_latched(cell):
    faults = cell.emulator.faults
    assert stopped_within_s(cell, lambda: setattr(faults, "unplugged", True), "feedback is lost") < 0.2
    cell.clock.sleep(0.2)
    assert_stays(cell)
    assert cell.plant.power
    faults.unplugged = False
    cell.clock.sleep(0.1)
    for use in (cell.arm.state, cell.arm.hold, lambda: cell.arm.follow(path(GOAL))):
        with pytest.raises(ArmError, match=r"stays still since: .*feedback is lost"):
            use()


def test_a_person_recovers_a_lost_bus_by_connecting_again(cell):
    cell.emulator.faults.unplugged = True
    with pytest.raises(ArmError, match="feedback is lost") as lost:
        cell.clock.sleep(0.5)
        cell.arm.state()
    assert "up type can bitrate 1000000" in lost.value.remedy
    cell.emulator.faults.unplugged = False
    cell.arm.close()
    cell.arm.connect()
    cell.arm.enable()
    assert cell.arm.follow(from_here(cell)).final_error_rad < np.deg2rad(0.2)


def test_frozen_joints_end_the_motion_within_200_ms(cell):
    assert (
        stopped_within_s(cell, lambda: setattr(cell.emulator.faults, "frozen", ALL_JOINTS), "frozen|feedback is false")
        < 0.2
    )


def test_joints_that_read_zero_end_the_motion_at_once(cell):
    assert (
        stopped_within_s(cell, lambda: setattr(cell.emulator.faults, "zeroed", ALL_JOINTS), "feedback is false") < 0.1
    )


def test_a_motor_fault_ends_the_motion_and_names_the_joint(cell):
    fault = "joint 3: communication lost"
    assert stopped_within_s(cell, lambda: setattr(cell.emulator.faults, "error_bits", 1 << 2), fault) < 0.1
    assert fault in cell.arm.state().faults


def test_a_collision_reported_by_the_controller_ends_the_motion(cell):
    assert stopped_within_s(cell, lambda: setattr(cell.emulator.faults, "arm_status", 0x07), "collision") < 0.1


def test_an_arm_too_weak_to_follow_is_held_where_it_is(cell):
    cell.plant.max_speed_rad_s = 0.2
    with pytest.raises(ArmError, match="held back"):
        cell.arm.follow(from_here(cell))
    cell.clock.sleep(0.5)
    assert_stays(cell)
    assert np.max(np.abs(cell.plant.joints_rad() - GOAL)) > 0.3


def test_an_emergency_stop_is_latched(cell):
    stopped_within_s(cell, cell.arm.stop, "emergency stop")
    assert_stays(cell)
    cell.clock.sleep(1.0)
    assert cell.arm.state().stopped
    moves = (lambda: cell.arm.follow(from_here(cell)), lambda: cell.arm.grip(0.05, 10), cell.arm.hold, cell.arm.enable)
    for move in moves:
        with pytest.raises(ArmError, match="emergency stop"):
            move()
    cell.arm.close()
    cell.arm.connect()
    with pytest.raises(ArmError, match="emergency stop"):
        cell.arm.enable()


def test_a_stop_pressed_on_the_controller_is_latched_too(cell):
    cell.emulator.faults.arm_status = 0x01
    cell.clock.sleep(0.05)
    assert cell.arm.state().stopped
    cell.emulator.faults.arm_status = None
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match="emergency stop"):
        cell.arm.hold()


def test_a_silent_bus_is_told_from_an_arm_in_master_mode(build):
    silent, master = build(), build()
    silent.emulator.faults.unplugged = True
    with pytest.raises(ArmError, match="silent") as error:
        silent.arm.connect()
    assert "up type can bitrate 1000000" in error.value.remedy
    master.emulator.faults.master_mode = True
    with pytest.raises(ArmError, match="master mode"):
        master.arm.connect()


def test_the_cell_file_must_name_the_firmware_and_gripper_that_are_there(build):
    with pytest.raises(ArmError, match=r"S-V1\.5-2") as error:
        build("old").arm.connect()
    assert error.value.remedy == "Write firmware: old under arms.left in the cell file."
    with pytest.raises(ArmError, match="opens 70 mm") as error:
        build(arm_mount=mount(gripper_stroke_m=0.1)).arm.connect()
    assert "gripper_stroke_m: 0.07" in error.value.remedy


def test_closing_leaves_the_arm_holding_and_may_be_repeated(cell):
    with closing(cell.arm):
        cell.arm.follow(from_here(cell))
    cell.arm.close()
    assert cell.plant.power
    assert_stays(cell)
