"""An arm that reports what is not so: nothing moves on faith, judged by the plant's true joints."""

from collections import deque

import numpy as np
import pytest

from core.errors import ArmError
from hardware.arms.emulated_faults import ALL_JOINTS
from hardware.arms.feedback.command_history import CommandHistory
from hardware.robot.description import PARK_JOINTS
from tests.support.emulated_arm import GOAL, TrueJoints, assert_stays, from_here, path

RAISED = np.deg2rad([34.0, 80.0, -69.0, 10.0, 20.0, -15.0])


def one_joint(joint, value):
    return np.where(np.arange(6) == joint, value, 0.0)


# --- before the first command


def lie_at_start(faults, lie):
    if lie == "zeros":
        faults.zeroed = ALL_JOINTS
    elif lie == "frozen":
        faults.frozen = ALL_JOINTS
    elif lie == "another arm's pose":
        faults.offset_rad = PARK_JOINTS - RAISED
    else:
        faults.offset_rad = one_joint(int(lie[-1]) - 1, np.deg2rad(3.0))


LIES = ["zeros", "frozen", "another arm's pose", *(f"3 degrees off at joint {k}" for k in (1, 2, 6))]


@pytest.mark.parametrize("lie", LIES)
def test_feedback_that_is_false_from_the_start_moves_nothing(build, lie):
    cell = build(joints=RAISED)
    lie_at_start(cell.emulator.faults, lie)
    true = TrueJoints(cell)
    cell.arm.connect()
    with pytest.raises(ArmError, match=r"false|frozen|exactly zero"):
        cell.arm.enable()
    cell.clock.sleep(1.0)
    assert np.rad2deg(true.farthest_rad(RAISED)) < 2.5
    assert true.fastest_rad_s(since_s=0.0) < 0.1
    for move in (cell.arm.enable, cell.arm.hold, lambda: cell.arm.grip(0.05, 10)):
        with pytest.raises(ArmError):
            move()


def test_a_joint_frozen_from_the_start_is_named(build):
    for joint in (0, 2, 5):
        cell = build(joints=RAISED)
        cell.emulator.faults.frozen = (joint,)
        cell.arm.connect()
        with pytest.raises(ArmError, match=f"joint {joint + 1} is blocked, or its feedback is frozen"):
            cell.arm.enable()


def test_impossible_joints_are_not_powered(build):
    cell = build(joints=RAISED)
    cell.emulator.faults.offset_rad = one_joint(1, np.pi)
    cell.arm.connect()
    with pytest.raises(ArmError, match=r"joint 2 reads 260.0 degrees, beyond its stops"):
        cell.arm.enable()
    assert not cell.plant.power


# --- in motion

MOTION_LIES = {
    "frozen": lambda faults, k: setattr(faults, "frozen", (k,)),
    "zero": lambda faults, k: setattr(faults, "zeroed", (k,)),
    "jumping": lambda faults, k: setattr(faults, "offset_rad", one_joint(k, -np.deg2rad(5.0))),
    "drifting": lambda faults, k: setattr(faults, "drift_rad_s", one_joint(k, 0.3)),
}


@pytest.mark.parametrize(
    ("lie", "joint"), [*(("frozen", k) for k in range(6)), *((lie, k) for lie in MOTION_LIES for k in (1, 3))]
)
def test_one_false_joint_stops_the_arm_within_200_ms_and_it_does_not_whip_back(cell, lie, joint):
    true = TrueJoints(cell)
    trajectory, start_s = from_here(cell), cell.clock.now_s()
    broken_s = start_s + 0.5

    def break_down():
        if cell.clock.now_s() >= broken_s:
            MOTION_LIES[lie](cell.emulator.faults, joint)
        return False

    with pytest.raises(ArmError):
        cell.arm.follow(trajectory, break_down)
    assert cell.clock.now_s() - broken_s < 0.2
    cell.clock.sleep(1.0)
    assert true.stopped_s() - broken_s < 0.2
    assert true.farthest_rad_from_path(trajectory) < 0.02
    with pytest.raises(ArmError):
        cell.arm.state()


class LyingPlant:
    """The cell's plant, of which encoder and motor tell the same falsehood from a time on: one joint's way, times
    `gain`."""

    def __init__(self, cell, joint, gain, since_s):
        self._cell, self._joint, self._gain, self._since_s, self._at = cell, joint, gain, since_s, None

    def __getattr__(self, name):
        return getattr(self._cell.plant, name)

    def joints_rad(self):
        true = self._cell.plant.joints_rad()
        if self._cell.clock.now_s() < self._since_s:
            return true
        self._at = true[self._joint] if self._at is None else self._at
        return true + one_joint(self._joint, (self._gain - 1.0) * (true[self._joint] - self._at))


@pytest.mark.parametrize(("joint", "gain"), [(0, 0.3), (1, 0.0), (1, 0.3), (1, -1.0), (2, 0.3), (3, -1.0), (4, 2.0)])
def test_a_joint_of_which_both_witnesses_tell_a_false_speed_stops_the_arm_within_200_ms(cell, joint, gain):
    true, trajectory, broken_s = TrueJoints(cell), from_here(cell), cell.clock.now_s() + 0.5
    cell.emulator.plant = LyingPlant(cell, joint, gain, broken_s)
    with pytest.raises(ArmError, match=f"joint {joint + 1}"):
        cell.arm.follow(trajectory)
    cell.clock.sleep(1.0)
    assert true.stopped_s() - broken_s < 0.2
    assert true.farthest_rad_from_path(trajectory) < 0.02


@pytest.mark.parametrize("lag_s", [0.002, 0.03, 0.08])
def test_an_arm_that_lags_is_no_false_one(cell, lag_s):
    cell.plant.lag_s = lag_s
    cell.arm.follow(from_here(cell))
    cell.arm.follow(path(GOAL, PARK_JOINTS, duration_s=2.5))
    stop_s = cell.clock.now_s() + 0.5
    assert cell.arm.follow(from_here(cell), lambda: cell.clock.now_s() > stop_s).interrupted


@pytest.mark.parametrize("lag_s", [0.005, 0.015, 0.03])
@pytest.mark.parametrize("bent_deg", [0.6, -0.9])
def test_a_touch_or_a_load_that_stays_is_no_false_feedback_of_an_arm_at_rest(cell, lag_s, bent_deg):
    cell.plant.lag_s = lag_s
    cell.arm.follow(from_here(cell))
    cell.clock.sleep(0.5)
    cell.plant.bent_rad = one_joint(1, np.deg2rad(bent_deg))
    for _ in range(50):
        cell.clock.sleep(0.01)
        cell.arm.state()


@pytest.mark.parametrize(("lag_s", "speed_rad_s"), [(0.07, 2.5), (0.1, 1.5), (0.1, 2.5)])
def test_an_arm_that_lags_and_is_braked_hard_is_no_false_one(lag_s, speed_rad_s):
    history, angle, places = CommandHistory(), 0.0, deque(maxlen=9)
    for tick in range(200):
        at_s = tick * 0.01
        if at_s < 0.8:
            history.append(at_s, [speed_rad_s * min(at_s, 0.78)] * 6)
        angle += (history.newest.joints_rad[0] - angle) * (1 - np.exp(-0.01 / lag_s))
        places.append(angle)
        if len(places) == 9:
            least, most = history.travels_rad(0, at_s)
            went = places[-1] - places[0]
            assert least - np.deg2rad(0.5) - 0.1 * abs(least) < went < most + np.deg2rad(0.5) + 0.1 * abs(most)


def test_a_blocked_arm_is_led_back_to_where_it_is(cell):
    true, trajectory = TrueJoints(cell), from_here(cell)
    blocked_s = cell.clock.now_s() + 0.5

    def block():
        cell.plant.max_speed_rad_s = 0.0 if cell.clock.now_s() >= blocked_s else np.inf
        return False

    with pytest.raises(ArmError, match=r"blocked|held back"):
        cell.arm.follow(trajectory, block)
    assert true.stopped_s() - blocked_s < 0.2
    cell.plant.max_speed_rad_s = np.inf
    freed_s = cell.clock.now_s()
    cell.clock.sleep(1.0)
    assert true.fastest_rad_s(since_s=freed_s) < 0.3


# --- at rest


@pytest.mark.parametrize(("joint", "off_deg"), [(0, 3.0), (1, -10.0), (2, 3.0), (3, 10.0), (4, -3.0), (5, 3.0)])
def test_one_joint_off_at_rest_is_noticed_and_latched(cell, joint, off_deg):
    cell.emulator.faults.offset_rad = one_joint(joint, np.deg2rad(off_deg))
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match=f"joint {joint + 1} read"):
        cell.arm.state()
    with pytest.raises(ArmError, match="stays still since"):
        cell.arm.hold()


def test_a_second_of_zeros_that_nobody_looked_at_is_remembered(cell):
    cell.arm.follow(from_here(cell))
    cell.emulator.faults.zeroed = ALL_JOINTS
    cell.clock.sleep(1.0)
    cell.emulator.faults.zeroed = ()
    cell.clock.sleep(1.0)
    with pytest.raises(ArmError, match="the feedback is false"):
        cell.arm.state()
    with pytest.raises(ArmError, match="stays still since"):
        cell.arm.follow(path(GOAL))
    assert_stays(cell)


def test_an_arm_at_rest_for_long_is_trusted(cell):
    cell.arm.follow(from_here(cell))
    cell.clock.sleep(5.0)
    assert np.allclose(cell.arm.state().joints_rad, GOAL, atol=np.deg2rad(0.2))
