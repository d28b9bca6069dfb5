"""`PiperArm`: the `Arm` interface over a PiPER, real or emulated, through `PiperBus`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import ArmMount
from core.clock import Clock
from core.errors import ArmError
from hardware.arms import can_protocol as protocol
from hardware.arms.another_program import tell_outcome
from hardware.arms.arm import ArmState, RunningGrip, TrackingReport
from hardware.arms.can_interfaces import ChannelLock
from hardware.arms.can_protocol import POWER_CYCLE
from hardware.arms.feedback.feedback_guard import FeedbackError, FeedbackGuard, check_plausible
from hardware.arms.feedback.proving import PROVING_SPEED, prove_feedback
from hardware.arms.handshake import keep_grip, power_motors, shake_hands, take_control, wait_until
from hardware.arms.limits import check_grip
from hardware.arms.motion import FollowedPart, Follower, GripPart, settle_gripper
from hardware.arms.piper_bus import BusType, PiperBus
from hardware.arms.standing import demand_near_limits
from hardware.arms.trajectory import JointTrajectory, check_trajectory
from hardware.robot.description import joint_limits


class PiperArm:
    """One PiPER with its gripper; closed, it is left holding its pose, powered.

    Only `cut_power` lets the arm fall; nothing resumes by itself. A stop, feedback once lost or false, and any
    fault of a powered arm stay latched until `close` and a new `connect`.
    """

    def __init__(self, name: str, channel: str, mount: ArmMount, clock: Clock, bustype: BusType = "socketcan") -> None:
        self.name = name
        self._mount = mount
        self._clock = clock
        self.zero_offset_rad = np.array(mount.zero_offset_rad)
        self._limits_rad = joint_limits(self.zero_offset_rad)
        self._bus = PiperBus(channel, bustype, clock, self.zero_offset_rad)
        # An emulated arm lives in this process: nobody else can reach it.
        self._lock = ChannelLock(channel) if bustype == "socketcan" else None
        self._guard = FeedbackGuard(name)
        self._stopped = self._is_stop_sent = False
        self._latched: ArmError | None = None
        self._commanded: NDArray[np.float64] | None = None
        self._was_powered = self._is_proving = self._is_proven = False

    def connect(self) -> None:
        """Opens the bus and checks that the arm reports, with the firmware and gripper the cell names.

        Raises:
            ArmError: driven by another process, no interface, silent, in master mode, other firmware.
        """
        if self._bus.is_open:
            return
        self._stopped = self._is_stop_sent = False
        self._was_powered = self._is_proving = self._is_proven = False
        self._latched, self._commanded = None, None
        self._guard = FeedbackGuard(self.name)
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._bus.open(self._guard, self._overruled)
            shake_hands(self.name, self._mount, self._bus, self._clock)
        except BaseException:
            self.close()
            raise

    def enable(self) -> None:
        """Powers the motors, proves the feedback by a first small motion and holds the pose; what is held stays held.

        Raises:
            ArmError: stopped or faulted, a joint far beyond its stop, feedback that is false, motors that stay off,
                or a controller that keeps another mode.
        """
        if self._is_proven:
            self.hold()
            return
        joints_rad = self._demand_no_fault(self.state()).joints_rad
        check_plausible(joints_rad, self.name, self.zero_offset_rad)
        demand_near_limits(joints_rad, self._limits_rad, self.name)
        self._was_powered = True
        power_motors(self.name, lambda: self._demand_no_fault(self.state()).enabled, self._bus, self._clock)
        if not self._bus.gripper_is_on():
            keep_grip(self._mount, self.state().gripper_width_m, self._bus)
        take_control(self.name, PROVING_SPEED, self._bus, self._clock)
        self._prove()
        self._bus.send_joint_mode()

    def _prove(self) -> None:
        """Ended early, it would leave the arm under way to a pose that may be false: it is stopped then."""
        self._is_proving = True
        try:
            prove_feedback(self, self._clock, self._guard)
            self._is_proven = True
        except ArmError as error:
            raise FeedbackError(f"{error.cause} It was stopped, and sinks.", f"{error.remedy} {POWER_CYCLE}") from error
        finally:
            if not self._is_proven and not self._is_stop_sent:
                self.stop()
            self._is_proving = False

    def state(self, max_age_s: float = 0.2) -> ArmState:
        """What the arm reports now.

        Raises:
            ArmError: a feedback frame older than `max_age_s`, joints that are not where they were told to be, or
                somebody else's commands on the bus.
        """
        with self._latching():
            self._demand_alone()
            self._bus.watch.require_fresh(max_age_s, self.name, self._bus.channel)
            reading = self._bus.read()
            self._stopped = self._stopped or reading.stopped
            if self._stopped or not reading.enabled:
                self._guard.release()  # it sinks, as it should
            elif isinstance(self._latched, FeedbackError):
                raise self._still_since(self._latched)
            elif (fault := self._guard.judge()) is not None and self._latched is None:
                raise fault
        return replace(reading, stopped=self._stopped, joint_effort_nm=self._guard.torques_nm())

    def peek(self) -> ArmState:
        """The newest numbers, however old, judged and latched by nobody: for showing and recording, on any thread."""
        return replace(self._bus.read(), stopped=self._stopped, joint_effort_nm=self._guard.torques_nm())

    def follow(
        self,
        trajectory: JointTrajectory,
        should_stop: Callable[[], bool] = lambda: False,
        beside: RunningGrip | None = None,
    ) -> TrackingReport:
        """Streams the trajectory; when `should_stop` turns true it slows down along the path and holds. beside: one of
        `grip_part`, which is moved meanwhile; where nobody stops it, it has settled in the end.

        Raises:
            ArmError: a trajectory that `check_trajectory` refuses (nothing moves then), feedback lost
                or frozen, a fault, a stop, a gripper that keeps moving, or an arm that falls behind (it holds where it
                is).
        """
        self._begin(trajectory)
        with self._latching():
            return Follower(self, self._clock, self._guard, trajectory, beside).run(should_stop)

    def grip(self, width_m: float, force_n: float) -> ArmState:
        """Moves the gripper to `width_m` or until it stalls on an object, pressing with `force_n`.

        Raises:
            ArmError: width or force out of range, not ready, feedback lost, or a gripper that keeps moving.
        """
        return settle_gripper(self.grip_part(width_m, force_n), self._clock)

    def _begin(self, trajectory: JointTrajectory) -> None:
        check_trajectory(trajectory, self.proven().joints_rad, self.name, self._limits_rad)
        self._bus.send_joint_mode()

    def followed_part(self, trajectory: JointTrajectory) -> FollowedPart:
        """The trajectory made ready for a loop that feeds several arms; raises as `follow` before anything moves."""
        self._begin(trajectory)
        return FollowedPart(self, self._clock, self._guard, trajectory, self._latching)

    def grip_part(self, width_m: float, force_n: float) -> GripPart:
        """The same of a grip; raises as `grip` before anything moves."""
        stroke_m = self._mount.gripper_stroke_m
        check_grip(width_m, force_n, stroke_m, self.name)
        self.proven()
        return GripPart(self, self._clock, lambda: self._bus.send_gripper(width_m, force_n, stroke_m))

    def hold(self) -> None:
        """Stays where it was last told to be, powered: never where it is read to be. Raises as `ready`."""
        self.proven()
        if self._commanded is not None:
            self._bus.send_joint_mode()
            self.command(self._commanded)

    def stop(self) -> None:
        """Emergency stop, latched: the real arm sinks, damped. Safe from any thread or signal handler."""
        self._stopped = True  # before it is sent: no other thread commands anything meanwhile
        self._bus.send_stop()
        self._is_stop_sent = True

    def cut_power(self) -> None:
        """Ends a stop or a fault: the arm DROPS at once. Only for a person who holds it; connect anew afterwards.

        Raises:
            ArmError: the controller keeps its power or its stop.
        """
        self._bus.send_resume()
        if not wait_until(lambda: not (self._bus.read().stopped or self._bus.read().enabled), self._clock, 1.0):
            raise ArmError(f"The {self.name} arm keeps its stop.", POWER_CYCLE)
        self._latched = self._latched or ArmError(f"The {self.name} arm's power was cut.", "Connect it anew.")

    def close(self) -> None:
        """Closes the bus; the controller keeps holding the last command. Idempotent."""
        try:
            self._bus.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def ready(self, max_age_s: float = 0.1) -> ArmState:
        """A fresh state of an arm that may move.

        Raises:
            ArmError: stale or false feedback, a latched stop or fault, motors off, or commanded by somebody else.
        """
        with self._latching():
            state = self._demand_no_fault(self.state(max_age_s))
            if not state.enabled:
                cause = f"The {self.name} arm's motors are off."
                raise ArmError(cause, "Support the arm if it hangs: it has no power. Then enable it.")
            if self._bus.control_mode() != protocol.ControlMode.CAN:
                cause = f"The {self.name} arm has left CAN control: it is in standby."
                raise ArmError(cause, "See who else commands it, then start again.")
        return state

    def proven(self) -> ArmState:
        """`ready`, of an arm whose feedback has been proved."""
        state = self.ready()
        if not self._is_proven:
            raise ArmError(f"The {self.name} arm's feedback has not been proved.", "Enable the arm first.")
        return state

    def command(self, joints_rad: NDArray[np.float64]) -> None:
        """Sends one joint target, clipped onto the limits; for motions, which have checked their path."""
        if self._stopped:
            raise ArmError(f"The {self.name} arm is in emergency stop.", POWER_CYCLE)
        target = np.clip(joints_rad, *self._limits_rad)
        self._bus.send_joints(target)
        self._guard.command(target, self._clock.now_s())
        self._commanded = target

    def _overruled(self) -> None:
        """Nothing holds an arm that somebody else moves but its own stop: at once, on the bus reader's thread, and with
        each of their frames until one was sent."""
        if self._was_powered and not self._is_stop_sent:
            self.stop()

    def _demand_alone(self) -> None:
        watch = self._bus.watch
        if watch.foreign_command is None or self._latched is not None:
            return
        outcome = ""
        if not self._is_proving:  # else `_prove` tells: it stops the arm, and must not wait
            outcome = " " + tell_outcome(self._bus, self._clock, lambda: (self._stopped, self._is_stop_sent))
        frame = f"frame 0x{watch.foreign_command:X} came over {self._bus.channel}"
        raise ArmError(
            f"Somebody else commands the {self.name} arm: {frame}.{outcome}",
            f"End the other program, or take the arm that leads this one out of master mode. {POWER_CYCLE}",
        )

    def _demand_no_fault(self, state: ArmState) -> ArmState:
        if state.stopped:
            raise ArmError(f"The {self.name} arm is in emergency stop.", POWER_CYCLE)
        if self._latched is not None:
            raise self._still_since(self._latched)
        if state.faults:
            raise ArmError(f"The {self.name} arm reports: {'; '.join(state.faults)}.", protocol.remedy(state.faults))
        return state

    def _still_since(self, fault: ArmError) -> ArmError:
        return ArmError(f"The {self.name} arm stays still since: {fault.cause}", fault.remedy)

    @contextmanager
    def _latching(self) -> Iterator[None]:
        """Remembers what went wrong with a powered arm: the next motion is refused, whatever comes in then."""
        try:
            yield
        except ArmError as error:
            if self._commanded is not None or isinstance(error, FeedbackError):
                self._latched = self._latched or error
            raise
