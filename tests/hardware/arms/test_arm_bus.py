"""The last line before an arm: what the bus refuses to send, tells when it could not, and survives."""

import threading
import time

import numpy as np
import pytest

from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.feedback.frame_watch import FEEDBACK
from hardware.arms.limits import StepLimit
from tests.support.emulated_arm import TrueJoints, assert_stays, from_here, path

REFUSED = {
    "outside its limits": lambda here: np.full(6, np.nan),
    "asked to go to": lambda here: np.where(np.arange(6) == 3, np.inf, here),
    "limits": lambda here: here - np.deg2rad([0, 10, 0, 0, 0, 0]),
    "A step of 10.0 degrees": lambda here: here + np.deg2rad([10, 0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_the_bus_itself_sends_no_target_that_cannot_be_right(cell, reason):
    with pytest.raises(ArmError, match=reason):
        cell.arm._bus.send_joints(REFUSED[reason](cell.arm.state().joints_rad))
    assert_stays(cell)


@pytest.mark.parametrize("start_s", [0.0, 100.0])
def test_targets_that_each_may_be_reached_add_up_to_no_more_than_full_speed(start_s):
    limit, target, read = StepLimit(), np.zeros(6), np.zeros(6)
    with pytest.raises(ArmError, match="A step of"):
        for tick in range(200):
            target = target + np.array([0.05, 0, 0, 0, 0, 0])
            limit.allow(target, start_s + 0.01 * tick, "can_test", read)


def test_the_path_at_full_speed_with_uneven_ticks_is_let_through():
    rng, limit = np.random.default_rng(0), StepLimit()
    times_s = np.cumsum(rng.uniform(0.004, 0.03, 300))
    for sent_s, path_s in zip(times_s, times_s + rng.uniform(0.0, 0.004, 300), strict=True):
        limit.allow(np.array([3.0 * path_s, 0, 0, 0, 0, 0]), sent_s, "can_test", np.zeros(6))


def test_nothing_is_sent_after_an_emergency_stop_from_another_thread(cell):
    true = TrueJoints(cell)
    stopper = threading.Thread(target=cell.arm.stop)

    def stop_elsewhere():
        if not stopper.ident and cell.clock.now_s() > 1.0:
            stopper.start()
            stopper.join()
        return False

    with pytest.raises(ArmError, match="emergency stop"):
        cell.arm.follow(from_here(cell), stop_elsewhere)
    for send in (cell.arm._bus.send_enable, cell.arm._bus.send_joint_mode, lambda: cell.arm._bus.send_stroke(0.07)):
        with pytest.raises(ArmError, match="emergency stop"):
            send()
    cell.clock.sleep(0.5)
    assert true.stopped_s() < 1.2


def test_a_stop_does_not_wait_for_a_send_that_is_stuck(cell):
    entered, free = threading.Event(), threading.Event()

    def hang(sdk):
        entered.set()
        free.wait(10.0)

    sender = threading.Thread(target=lambda: cell.arm._bus._send(hang), daemon=True)
    sender.start()
    assert entered.wait(5.0)
    cell.arm.stop()
    cell.clock.sleep(0.1)
    assert sender.is_alive()
    assert cell.arm.state().stopped
    free.set()
    sender.join()


def test_closing_returns_when_the_sdk_is_stuck(cell):
    free = threading.Event()
    cell.arm._bus._sdk.DisconnectPort = lambda: free.wait(30.0)
    begun_s = time.monotonic()
    cell.arm.close()
    assert time.monotonic() - begun_s < 10.0
    free.set()


def test_a_frame_that_could_not_be_sent_is_an_error(cell):
    port = cell.arm._bus._sdk.GetCanBus()
    port.bus.send = lambda *args, **options: (_ for _ in ()).throw(OSError("No buffer space available"))
    for send in (lambda: cell.arm.grip(0.05, 10), cell.arm.stop):
        with pytest.raises(ArmError, match="takes no commands") as unsent:
            send()
    assert "the arm's own stop" in unsent.value.remedy


@pytest.mark.parametrize("identifier", [protocol.Feedback.JOINTS_34, protocol.Feedback.STATUS])
def test_a_frame_that_the_reader_cannot_parse_is_lost_feedback_with_its_reason(cell, identifier):
    watch = cell.arm._bus.watch
    parse = watch._forward

    def stumble(message):
        if message.arbitration_id == identifier:
            raise KeyError("unknown code")
        parse(message)

    watch._forward = stumble
    watch._passed_on.clear()  # the same bytes again would not be parsed
    with pytest.raises(ArmError, match=rf"feedback is lost: frame 0x{identifier:X} .*KeyError"):
        cell.clock.sleep(0.3)
        cell.arm.state()


def test_the_sdk_is_spared_what_it_knows_and_all_frames_count_as_arrived(cell):
    watch, passed_on = cell.arm._bus.watch, []
    parse = watch._forward
    watch._forward = lambda message: passed_on.append(message.arbitration_id) or parse(message)
    cell.clock.sleep(0.5)
    assert protocol.Feedback.STATUS not in passed_on and not set(protocol.MOTOR_FAST) & set(passed_on)
    assert cell.clock.now_s() - watch.oldest_s([*FEEDBACK, *protocol.MOTOR_FAST])[1] < 0.05
    cell.emulator.faults.arm_status = protocol.ArmStatus.COLLISION
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match="collision"):
        cell.arm.ready()


def test_short_frames_are_lost_feedback(cell):
    cell.emulator.faults.short_frames = True
    cell.clock.sleep(0.3)
    with pytest.raises(ArmError, match=r"0x2A7 cannot be read .*2 bytes"):
        cell.arm.state()


@pytest.mark.parametrize("mode", [protocol.ControlMode.STANDBY, protocol.ControlMode.TEACH, 0x55])
def test_an_arm_that_somebody_else_commands_stays_still_until_it_is_connected_anew(cell, mode):
    cell.emulator.faults.control_mode = mode
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError):
        cell.arm.follow(from_here(cell))
    cell.emulator.faults.control_mode = None
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match="stays still since"):
        cell.arm.hold()


def test_every_code_but_the_normal_ones_has_its_words():
    modes, statuses = protocol.ControlMode, protocol.ArmStatus
    for status in set(statuses) - {statuses.NORMAL, statuses.EMERGENCY_STOP}:
        assert protocol.faults(status, 0, modes.CAN, [], 0) == (protocol.ARM_FAULTS[status],)
    for mode in set(modes) - {modes.STANDBY, modes.CAN}:
        assert protocol.faults(statuses.NORMAL, 0, mode, [], 0) == (protocol.FOREIGN_MODES[mode],)
    assert protocol.faults(0x42, 0, 0x55, [], 0) == ("unknown status 0x42", "unknown control mode 0x55")


@pytest.mark.parametrize(
    "fault",
    [
        {"control_mode": protocol.ControlMode.TEACH},
        {"arm_status": protocol.ArmStatus.TEACH_PAUSED},
        {"control_mode": protocol.ControlMode.TEACH, "arm_status": protocol.ArmStatus.TEACH_RECORDING},
    ],
)
def test_who_leads_an_arm_by_hand_is_told_the_button_and_not_to_let_it_drop(cell, fault):
    for name, code in fault.items():
        setattr(cell.emulator.faults, name, code)
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match="teach mode") as refusal:
        cell.arm.ready()
    assert "press its button" in refusal.value.remedy and "drops" not in refusal.value.remedy
    cell.emulator.faults.motor_bits = {2: protocol.MotorBit.OVERCURRENT}  # beside which something is broken
    cell.clock.sleep(0.1)
    assert "it drops" in protocol.remedy(cell.arm.state().faults)


@pytest.mark.parametrize("status", [protocol.ArmStatus.COLLISION, protocol.ArmStatus.JOINT_FAULT])
def test_a_faulty_status_is_latched(cell, status):
    cell.emulator.faults.arm_status = status
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match=r"reports: [a-z]") as fault:
        cell.arm.hold()
    assert "it drops" in fault.value.remedy
    cell.emulator.faults.arm_status = None
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match="stays still since"):
        cell.arm.follow(path(cell.arm.state().joints_rad))


def test_torque_above_the_rating_ends_the_motion(cell):
    true, broken_s = TrueJoints(cell), cell.clock.now_s() + 0.5

    def overload():
        if cell.clock.now_s() >= broken_s:
            cell.emulator.faults.extra_torque_nm = np.array([0, 35.0, 0, 0, 0, 0])
        return False

    with pytest.raises(ArmError, match="joint 2 gives 35 N·m; 30"):
        cell.arm.follow(from_here(cell), overload)
    cell.clock.sleep(0.5)
    assert true.stopped_s() - broken_s < 0.2
