"""`PiperArm` over the unmodified SDK on an emulated bus: how it moves and grips, and what it refuses to do."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from piper_sdk.kinematics.piper_fk import C_PiperForwardKinematics

from core.clock import WallClock
from core.errors import ArmError
from core.files import user_folder
from hardware.arms.can_interfaces import ChannelLock, check_can_interface, find_can_interfaces
from hardware.arms.piper_arm import PiperArm
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.digital_cell import SimClock
from tests.support.emulated_arm import GOAL, assert_stays, emulated_cells, from_here, mount, path, ready

# --- moving


def test_enabling_powers_the_arm_and_holds_it_where_it_is(build):
    cell = build()
    cell.arm.connect()
    assert not cell.arm.state().enabled
    cell.arm.enable()
    assert cell.arm.state().enabled
    assert cell.plant.power
    assert np.allclose(cell.plant.joints_rad(), PARK_JOINTS, atol=1e-3)


def test_a_followed_trajectory_ends_within_a_fifth_of_a_degree(cell):
    report = cell.arm.follow(from_here(cell))
    reached = cell.arm.state().joints_rad
    assert np.max(np.abs(reached - GOAL)) < np.deg2rad(0.2)
    assert report.final_error_rad == pytest.approx(np.max(np.abs(reached - GOAL)), abs=np.deg2rad(0.05))
    assert report.worst_lag_rad < 0.1
    assert not report.interrupted


def test_fingers_that_open_on_the_way_are_open_when_the_way_is_over(cell):
    widths_m, start_s = [], cell.clock.now_s()
    cell.arm.grip(0.0, 10)
    grip_s, start_s = cell.clock.now_s() - start_s, cell.clock.now_s()
    opening = cell.arm.grip_part(0.06, 10)
    cell.arm.follow(trajectory := from_here(cell), lambda: bool(widths_m.append(cell.plant.gripper_width_m())), opening)
    assert opening.state is not None and opening.state.gripper_width_m == pytest.approx(0.06, abs=1e-3)
    assert widths_m[0] < 0.01 and widths_m[len(widths_m) // 2] > 0.05
    assert cell.clock.now_s() - start_s < trajectory.duration_s + grip_s
    assert np.max(np.abs(cell.arm.state().joints_rad - GOAL)) < np.deg2rad(0.2)


def test_an_arm_that_is_there_first_waits_for_its_fingers(cell):
    here = cell.arm.state().joints_rad
    opening = cell.arm.grip_part(0.06, 10)
    cell.arm.follow(path(here, here + np.deg2rad(1.0), duration_s=0.1), beside=opening)
    assert opening.is_done and cell.plant.gripper_width_m() == pytest.approx(0.06, abs=1e-3)


def test_fingers_that_have_opened_are_no_fault_where_a_long_way_shakes_them(cell):
    opening = cell.arm.grip_part(0.06, 10)
    while not opening.is_done:
        opening.send()
        cell.clock.sleep(0.01)
        opening.check()
    cell.clock.sleep(6.0)
    shaking = cell.arm.grip_part(0.05, 10)
    widths_m = []
    for _ in range(20):
        shaking.send()
        cell.clock.sleep(0.01)
        opening.check()
        widths_m.append(opening.state.gripper_width_m)
    assert np.ptp(widths_m) > 0.001 and opening.is_done


def test_an_arm_that_waits_for_its_fingers_may_be_stopped(cell):
    here = cell.arm.state().joints_rad
    opening, seen = cell.arm.grip_part(0.06, 10), []

    def is_stopped_there() -> bool:
        seen.append(opening.is_done)
        return cell.clock.now_s() - begun_s > 0.2  # the path is over by then

    begun_s = cell.clock.now_s()
    report = cell.arm.follow(path(here, here + np.deg2rad(1.0), duration_s=0.1), is_stopped_there, opening)
    assert report.interrupted and not any(seen)


def test_the_arm_follows_the_path_and_does_not_cut_it_short(cell):
    trajectory = from_here(cell)
    seen = []
    cell.arm.follow(trajectory, lambda: bool(seen.append(cell.plant.joints_rad().copy())))
    distances = [np.min(np.max(np.abs(trajectory.positions_rad - joints), axis=1)) for joints in seen]
    assert len(seen) > 100
    assert max(distances) < 0.01


@pytest.mark.parametrize(("firmware", "offset"), [("new", 0x01), ("old", 0x00)])
def test_reported_joints_give_the_makers_pose_for_both_firmwares(build, firmware, offset):
    cell = build(firmware, mount(firmware=firmware))
    cell.arm.connect()
    joints = cell.arm.state().joints_rad
    x_mm, y_mm, z_mm, *_ = C_PiperForwardKinematics(offset).CalFK(list(joints))[5]
    T_base_tcp = forward_kinematics(joints, firmware)
    flange = T_base_tcp[:3, 3] - 0.1358 * T_base_tcp[:3, 2]
    assert np.allclose(flange, np.array([x_mm, y_mm, z_mm]) / 1000, atol=1e-9)
    assert np.allclose(joints, PARK_JOINTS, atol=np.deg2rad(0.001))


def test_a_wished_for_stop_slows_down_on_the_path_and_holds(cell):
    trajectory = from_here(cell, duration_s=3.0)
    start_s = cell.clock.now_s()
    report = cell.arm.follow(trajectory, lambda: cell.clock.now_s() - start_s > 1.5)
    joints = cell.plant.joints_rad()
    assert report.interrupted
    assert np.min(np.max(np.abs(trajectory.positions_rad - joints), axis=1)) < 0.02
    assert np.max(np.abs(joints - GOAL)) > 0.2
    assert_stays(cell)
    assert not cell.arm.state().stopped


def test_state_is_as_fresh_as_the_feedback_period(cell):
    cell.clock.sleep(1.0)
    assert cell.clock.now_s() - cell.arm.state().stamp_s < 0.012


# --- gripping


@pytest.mark.parametrize("width_m", [0.0, 0.025, 0.07])
def test_an_empty_gripper_reaches_the_width_asked_for(cell, width_m):
    state = cell.arm.grip(width_m, force_n=10.0)
    assert state.gripper_width_m == pytest.approx(width_m, abs=1e-4)
    assert state.gripper_effort_nm == 0.0


@pytest.mark.parametrize("force_n", [5.0, 20.0])
def test_a_gripper_stalls_on_an_object_and_reports_the_force_it_was_given(cell, force_n):
    cell.arm.grip(0.07, force_n=10.0)
    cell.plant.object_width_m = 0.042
    state = cell.arm.grip(0.0, force_n)
    assert state.gripper_width_m == pytest.approx(0.042, abs=1e-4)
    assert state.gripper_effort_nm == pytest.approx(0.1 * force_n, rel=0.01)


def test_what_is_held_stays_held_when_the_arm_is_connected_anew(cell):
    cell.arm.grip(0.07, force_n=10.0)
    cell.plant.object_width_m = 0.042
    cell.arm.grip(0.0, force_n=20.0)
    cell.arm.close()
    cell.arm.connect()
    cell.arm.enable()
    cell.clock.sleep(0.5)
    assert cell.plant.gripper_force_n() == pytest.approx(20.0)
    assert cell.arm.state().gripper_width_m == pytest.approx(0.042, abs=1e-4)


@pytest.mark.parametrize(
    ("width_m", "force_n"), [(-0.01, 10), (0.09, 10), (np.nan, 10), (0.05, 0), (0.05, 51), (0.05, np.nan)]
)
def test_impossible_grips_are_refused(cell, width_m, force_n):
    with pytest.raises(ArmError, match="asked for"):
        cell.arm.grip(width_m, force_n)
    assert cell.plant.gripper_width_m() == pytest.approx(0.03)


def test_a_gripper_that_was_never_set_up_is_set_up_on_connecting(build):
    cell = build()
    cell.emulator.stored_stroke_mm = 0
    cell.arm.connect()
    cell.clock.sleep(0.05)
    assert cell.emulator.stored_stroke_mm == 70
    assert cell.arm.state().gripper_width_m == pytest.approx(0.03)


# --- what is refused


def change(trajectory, **changes):
    fields = {"times_s": trajectory.times_s.copy(), "positions_rad": trajectory.positions_rad.copy()}
    return JointTrajectory(**{**fields, **changes})


def with_nan(trajectory):
    positions = trajectory.positions_rad.copy()
    positions[70, 3] = np.nan
    return change(trajectory, positions_rad=positions)


REFUSED = {
    "NaN": with_nan,
    "rise from 0": lambda t: change(t, times_s=t.times_s[::-1].copy()),
    "malformed": lambda t: change(t, positions_rad=t.positions_rad[:, :5]),
    "rad/s": lambda t: change(t, times_s=t.times_s / 5),
    "joint 2's limits": lambda t: path(t.positions_rad[0], GOAL - [0, 1.5, 0, 0, 0, 0]),
    "not where the trajectory starts": lambda t: path(t.positions_rad[0] + np.deg2rad(1.5)),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_trajectory_that_cannot_be_right_is_refused_and_nothing_moves(cell, reason):
    with pytest.raises(ArmError, match=reason):
        cell.arm.follow(REFUSED[reason](from_here(cell)))
    assert_stays(cell)
    assert np.allclose(cell.plant.joints_rad(), PARK_JOINTS, atol=1e-4)
    assert cell.arm.follow(from_here(cell)).final_error_rad < np.deg2rad(0.2)


def test_an_arm_that_is_not_enabled_does_not_move(build):
    cell = build()
    cell.arm.connect()
    for move in (lambda: cell.arm.follow(from_here(cell)), lambda: cell.arm.grip(0.05, 10), cell.arm.hold):
        with pytest.raises(ArmError, match="motors are off"):
            move()


def test_an_arm_that_is_not_connected_says_so(build):
    with pytest.raises(ArmError, match="not connected"):
        build().arm.state()


# --- the machine's side


def test_a_missing_interface_is_named_with_the_command_that_brings_it_up():
    arm = PiperArm("left", "can_absent", mount(), WallClock())
    with pytest.raises(ArmError, match="no CAN interface can_absent") as error:
        arm.connect()
    assert "ip link set can_absent up type can bitrate 1000000" in error.value.remedy
    assert "can_absent" not in find_can_interfaces()


def test_an_interface_that_is_no_can_adapter_is_refused():
    with pytest.raises(ArmError, match="no CAN interface lo"):
        check_can_interface("lo")


def test_a_closed_arm_leaves_no_thread_of_the_sdk_behind():
    others = set(sdk_threads())  # an earlier test's may still be ending
    with emulated_cells() as build:
        cells = [ready(build) for _ in range(2)]
        for cell in cells:
            cell.arm.close()
        ends_s = time.monotonic() + 20
        while (left := set(sdk_threads()) - others) and time.monotonic() < ends_s:
            time.sleep(0.05)
        assert not left


def sdk_threads():
    names = ("ReadCan", "CanMonitor", "_calculate_fps")
    return [thread.name for thread in threading.enumerate() if any(name in thread.name for name in names)]


def test_two_processes_cannot_drive_one_arm_and_a_dead_one_frees_it():
    channel = f"test_{os.getpid()}_lock"
    code = f"""
import time
from hardware.arms.can_interfaces import ChannelLock
lock = ChannelLock({channel!r})
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    lock = ChannelLock(channel)
    try:
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(ArmError, match=f"PID {other.pid}"):
            lock.acquire()
    finally:
        other.kill()
        other.communicate()
    lock.acquire()
    lock.release()


def test_who_is_refused_is_told_the_holder_and_nobody_before_it():
    """Also between taking the lock and writing down who took it, when the file tells of a process that is gone."""
    channel = f"test_{os.getpid()}_told"
    lock = ChannelLock(channel)
    lock.acquire()
    path = user_folder() / f"arm-{channel}.lock"
    for written in ("", "1\n", f"{os.getppid()}\n"):
        path.write_text(written)
        with pytest.raises(ArmError, match=rf"PID {os.getpid()}\b") as refused:
            ChannelLock(channel).acquire()
        assert f"kill -INT {os.getpid()}." in refused.value.remedy
    lock.release()
    assert path.read_text() == ""


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "vitro").mkdir()
    (tmp_path / "vitro" / "arm-can_x.lock").symlink_to(precious)
    with pytest.raises(ArmError, match="cannot be opened"):
        ChannelLock("can_x").acquire()
    assert precious.read_text() == "mine"
    (tmp_path / "vitro" / "arm-can_x.lock").unlink()
    lock = ChannelLock("can_x")
    lock.acquire()
    assert (tmp_path / "vitro").stat().st_mode & 0o777 == 0o700
    lock.release()


def test_another_users_process_is_kept_from_an_arm(tmp_path, monkeypatch):
    lock = ChannelLock("can_y")
    lock.acquire()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # as another user's is
    with pytest.raises(ArmError, match="another user"):
        ChannelLock("can_y").acquire()
    lock.release()
    lock = ChannelLock("can_y")
    lock.acquire()
    lock.release()


# --- the clock


def test_simulated_time_passes_only_in_sleep_and_loses_nothing():
    steps = []
    clock = SimClock(lambda: steps.append(1), 0.002, [])
    time.sleep(0.01)
    assert clock.now_s() == 0.0
    for _ in range(300):
        clock.sleep(0.0015)
    assert clock.now_s() == pytest.approx(0.45)
    assert len(steps) == 225
    clock.sleep(-1.0)
    assert len(steps) == 225
