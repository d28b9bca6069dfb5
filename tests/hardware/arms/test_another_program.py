"""Another program that commands the arm: it is named, and an arm that it moves is stopped."""

import numpy as np
import pytest
from can import CanOperationError, Message
from can.interfaces.virtual import VirtualBus

from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.robot.description import PARK_JOINTS
from tests.support.emulated_arm import TrueJoints, assert_stays, from_here


class OtherProgram:
    """Another sender on the arm's bus: from a moment on these frames, every 10 ms."""

    def __init__(self, cell, frames, from_s=0.0, **kind):
        self._bus, self._frames, self._next_s = VirtualBus(cell.emulator.channel), frames, from_s
        self._devices = cell.clock.devices
        self._kind = {"is_extended_id": False} | kind
        self._devices.append(self)

    def update(self, now_s):
        self._bus.queue.queue.clear()  # it listens to nothing: the cell's clock waits for who does
        if now_s >= self._next_s:
            self._next_s = now_s + 0.01
            for identifier, data in self._frames:
                self._bus.send(Message(arbitration_id=identifier, data=data, **self._kind))

    def drained(self):
        return True

    def close(self):
        self._devices.remove(self)
        self._bus.shutdown()


def joint_frames(joints_rad):
    pairs = np.reshape(protocol.millidegrees(joints_rad), (3, 2))
    mode = (protocol.Command.MODE, bytes([protocol.ControlMode.CAN, protocol.MOVE_J, 100, 0, 0, 0, 0, 0]))
    return [mode, *zip(protocol.JOINT_COMMANDS, [protocol.PAIR.pack(*map(int, pair)) for pair in pairs], strict=True)]


@pytest.mark.parametrize("in_motion", [True, False])
def test_another_program_that_moves_the_arm_is_named_and_the_arm_stopped(cell, in_motion):
    true, trajectory = TrueJoints(cell), from_here(cell)
    began_s = cell.clock.now_s() + 0.5
    other = OtherProgram(cell, joint_frames(PARK_JOINTS + 0.5), began_s)
    with pytest.raises(ArmError, match=r"Somebody else commands the left arm: frame 0x155 came over .* was stopped"):
        if in_motion:
            cell.arm.follow(trajectory)
        cell.clock.sleep(1.0)  # nobody looks
        cell.arm.state()
    cell.clock.sleep(1.0)
    assert true.stopped_s() - began_s < 0.2
    assert cell.arm.state().stopped
    with pytest.raises(ArmError):
        cell.arm.hold()
    other.close()


class FullBus:
    """Has no buffer for the first stops that are sent."""

    def __init__(self, cell, refused):
        bus = cell.arm._bus._sdk.GetCanBus().bus
        self._send, self._refused, self.stops = bus.send, refused, 0
        bus.send = self.send

    def send(self, message, *args, **options):
        if message.arbitration_id == protocol.Command.STOP:
            self.stops += 1
            if self.stops <= self._refused:
                raise CanOperationError("No buffer space available", 105)
        self._send(message, *args, **options)


@pytest.mark.parametrize("refused", [1, 10])
def test_a_stop_that_the_bus_refuses_is_sent_again_with_the_other_programs_next_frame(cell, refused):
    true, began_s = TrueJoints(cell), cell.clock.now_s() + 0.5
    bus, other = FullBus(cell, refused), OtherProgram(cell, joint_frames(PARK_JOINTS + 0.5), began_s)
    cell.clock.sleep(2.0)  # nobody looks
    assert bus.stops == refused + 1
    assert true.stopped_s() - began_s < 0.2
    with pytest.raises(ArmError, match=r"Somebody else commands .* It was stopped, and sinks"):
        cell.arm.state()
    assert cell.arm.state().stopped
    other.close()


def test_a_stop_that_was_never_sent_is_not_told_as_done(cell):
    bus, other = FullBus(cell, np.inf), OtherProgram(cell, joint_frames(PARK_JOINTS + 0.5))
    cell.clock.sleep(0.5)
    with pytest.raises(ArmError, match=r"frame 0x155 .* could not be sent: use the arm's own switch") as moved:
        cell.arm.state()
    assert "sinks" not in moved.value.cause
    assert bus.stops > 10
    other.close()


def test_another_program_that_opens_the_hand_is_named_and_the_arm_holds(cell):
    other = OtherProgram(
        cell, [(protocol.Command.GRIPPER, bytes([0, 0, 200, 0, 3, 232, 1, 0]))], cell.clock.now_s() + 0.5
    )
    with pytest.raises(ArmError, match=r"Somebody else commands the left arm: frame 0x159 .* It holds"):
        cell.arm.follow(from_here(cell))
    assert_stays(cell)
    assert not cell.arm.state().stopped
    other.close()


def test_an_arm_that_another_program_commands_is_not_powered(build):
    cell = build()
    cell.arm.connect()
    other = OtherProgram(cell, joint_frames(PARK_JOINTS))
    cell.clock.sleep(0.05)
    with pytest.raises(ArmError, match=r"Somebody else commands .* Its motors are off: support it"):
        cell.arm.enable()
    assert not cell.plant.power
    other.close()


def test_an_arm_whose_motors_another_program_switches_off_is_not_told_to_hold(cell):
    disable = (protocol.Command.ENABLE, bytes([protocol.ALL_MOTORS, 1, 0, 0, 0, 0, 0, 0]))
    other = OtherProgram(cell, [disable], cell.clock.now_s() + 0.5)
    with pytest.raises(ArmError, match=r"frame 0x471 .* Its motors are off: support it"):
        cell.arm.follow(from_here(cell))
    assert not cell.plant.power
    other.close()


def test_an_arm_left_powered_that_another_program_moves_is_not_told_to_be_off(cell):
    cell.arm.close()
    cell.arm.connect()
    other = OtherProgram(cell, joint_frames(PARK_JOINTS + 0.2))
    cell.clock.sleep(0.1)
    with pytest.raises(ArmError, match=r"frame 0x155 .* Its motors are on, and it obeys: keep clear"):
        cell.arm.state()
    assert cell.plant.power
    other.close()


def test_an_arm_that_is_silent_since_is_not_told_to_hold(cell):
    gripper = (protocol.Command.GRIPPER, bytes([0, 0, 200, 0, 3, 232, 1, 0]))
    other = OtherProgram(cell, [gripper])
    cell.clock.sleep(0.05)
    cell.emulator.faults.unplugged = True
    with pytest.raises(ArmError, match="does not report: be ready to support it"):
        cell.arm.state()
    other.close()


@pytest.mark.parametrize("from_s", [0.01, 0.2])
@pytest.mark.parametrize("frames", [joint_frames(PARK_JOINTS + 0.2), [(protocol.Command.GRIPPER, bytes(8))]])
def test_an_arm_that_another_program_commands_while_it_is_proved_is_stopped_and_told_so_once(build, frames, from_s):
    cell = build()
    cell.arm.connect()
    proving = cell.arm._prove

    def prove_beside_another():
        other = OtherProgram(cell, frames, cell.clock.now_s() + from_s)
        try:
            proving()
        finally:
            other.close()

    cell.arm._prove, before = prove_beside_another, cell.plant.joints_rad().copy()
    with pytest.raises(ArmError, match="Somebody else commands") as told:
        cell.arm.enable()
    assert told.value.cause.endswith(f" came over {cell.emulator.channel}. It was stopped, and sinks.")
    cell.clock.sleep(0.05)
    assert cell.arm.peek().stopped
    if from_s < 0.05:  # at rest, before the proving motion
        assert np.abs(cell.plant.joints_rad() - before).max() < np.deg2rad(1.0)


def test_what_is_told_is_what_the_readers_thread_did_meanwhile(cell):
    mode, *joints = joint_frames(PARK_JOINTS + 0.2)
    began_s = cell.clock.now_s() + 0.1
    programs = [OtherProgram(cell, [mode], began_s), OtherProgram(cell, joints, began_s + 0.004)]
    cell.clock.sleep(0.102)
    with pytest.raises(ArmError, match=r"Somebody else commands .* It was stopped, and sinks"):
        cell.arm.state()
    for program in programs:
        program.close()


def test_another_program_may_look(cell):
    questions = [(protocol.Command.FIRMWARE, bytes(8)), (protocol.Command.ENQUIRY, bytes([4, *[0] * 7]))]
    other = OtherProgram(cell, questions)
    cell.arm.follow(from_here(cell))
    other.close()


@pytest.mark.parametrize("kind", [{"is_error_frame": True}, {"is_extended_id": True}, {"is_remote_frame": True}])
def test_what_is_no_frame_of_a_piper_is_nobodys_command(cell, kind):
    other = OtherProgram(cell, joint_frames(PARK_JOINTS + 0.5), **kind)
    cell.arm.follow(from_here(cell))
    other.close()


def test_a_program_on_this_computer_is_another_program_too(cell):
    """Of its frames socketcan says that they were not received (`is_rx`)."""
    data = dict(joint_frames(PARK_JOINTS))[protocol.Command.JOINTS_12]
    cell.arm._bus.watch(Message(arbitration_id=0x155, data=data, is_extended_id=False, is_rx=False))
    with pytest.raises(ArmError, match="Somebody else commands the left arm: frame 0x155"):
        cell.arm.state()
