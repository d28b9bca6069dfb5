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
from hardware.arms.arm import ArmState, TrackingReport
from hardware.arms.can_interfaces import ChannelLock
from hardware.arms.motion import Follower, check_grip, settle_gripper
from hardware.arms.piper_bus import FEEDBACK, BusType, PiperBus, shake_hands, wait_until
from hardware.arms.trajectory import JointTrajectory, check_trajectory
from hardware.arms.watchdog import FeedbackError, JointWatch
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD

_POLL_S = 0.02
_ENABLE_TIMEOUT_S = 3.0
_MODE_TIMEOUT_S = 0.5
#: Once feedback looks stale, one pause for a reader thread that was only starved [s].
_GRACE_S = 0.03
#: Hold the last command unless the arm is farther from it than this [rad].
_HOLD_TOLERANCE_RAD = 0.05
#: Force with which `enable` keeps the gripper where it is [N].
_KEEP_FORCE_N = 10.0
_POWER_CYCLE = "Support the arm, clear the cause, switch its power off and on, then start again."


class PiperArm:
    """One PiPER with its gripper; closed, it is left holding its pose, powered.

    No method resumes an emergency stop or cuts the power: both would let the arm fall. A stop, and
    feedback once lost or false, stay latched until `close` and a new `connect`.
    """

    def __init__(self, name: str, channel: str, mount: ArmMount, clock: Clock, bustype: BusType = "socketcan") -> None:
        self.name = name
        self._mount = mount
        self._clock = clock
        self._bus = PiperBus(channel, bustype, clock)
        # An emulated arm lives in this process: nobody else can reach it.
        self._lock = ChannelLock(channel) if bustype == "socketcan" else None
        self._watch = JointWatch(name)
        self._stopped = False
        self._distrust: FeedbackError | None = None
        self._commanded: NDArray[np.float64] | None = None

    def connect(self) -> None:
        """Opens the bus and checks that the arm reports, with the firmware and gripper the cell names.

        Raises:
            ArmError: driven by another process, no interface, silent, in master mode, other firmware.
        """
        if self._bus.is_open:
            return
        self._stopped, self._distrust, self._commanded = False, None, None
        self._watch = JointWatch(self.name)
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._bus.open()
            shake_hands(self.name, self._mount, self._bus, self._clock)
        except BaseException:
            self.close()
            raise

    def enable(self) -> None:
        """Powers the motors and holds the present pose.

        Raises:
            ArmError: stopped or faulted, motors that stay off, or a controller that keeps another mode.
        """
        state = self._demand_no_fault(self.state())
        deadline_s = self._clock.now_s() + _ENABLE_TIMEOUT_S
        while not state.enabled:
            if self._clock.now_s() > deadline_s:
                cause = f"The {self.name} arm's motors did not switch on within {_ENABLE_TIMEOUT_S:.0f} s."
                raise ArmError(cause, "Check its 24 V supply and the emergency-stop button, then start again.")
            self._bus.send_enable()
            self._clock.sleep(_POLL_S)
            state = self._demand_no_fault(self.state())
        self._bus.send_gripper(min(max(state.gripper_width_m, 0.0), self._mount.gripper_stroke_m), _KEEP_FORCE_N)
        self.hold()
        if not wait_until(lambda: self._bus.control_mode() == protocol.ControlMode.CAN, self._clock, _MODE_TIMEOUT_S):
            cause = f"The {self.name} arm stays in control mode {self._bus.control_mode()} and ignores commands."
            raise ArmError(cause, "Leave teach mode at the arm's button (its light goes out), then start again.")

    def state(self, max_age_s: float = 0.2) -> ArmState:
        """What the arm reports now.

        Raises:
            ArmError: a feedback frame older than `max_age_s`, or joints that jumped.
        """
        self._require_fresh(max_age_s)
        reading = self._bus.read()
        with self._latching():
            self._watch.check_plausible(reading.joints_rad, reading.stamp_s)
        self._stopped = self._stopped or reading.stopped
        return replace(reading, stopped=self._stopped)

    def follow(self, trajectory: JointTrajectory, should_stop: Callable[[], bool] = lambda: False) -> TrackingReport:
        """Streams the trajectory; when `should_stop` turns true it slows down along the path and holds.

        Raises:
            ArmError: a trajectory that `check_trajectory` refuses (nothing moves then), feedback lost
                or frozen, a fault, a stop, or an arm that falls behind (it holds where it is).
        """
        start = self.ready()
        check_trajectory(trajectory, start.joints_rad, self.name)
        self._bus.send_joint_mode()
        with self._latching():
            return Follower(self, self._clock, self._watch, trajectory).run(should_stop)

    def grip(self, width_m: float, force_n: float) -> ArmState:
        """Moves the gripper to `width_m` or until it stalls on an object, pressing with `force_n`.

        Raises:
            ArmError: width or force out of range, not ready, feedback lost, or a gripper that keeps moving.
        """
        check_grip(width_m, force_n, self._mount.gripper_stroke_m, self.name)
        self.ready()
        return settle_gripper(self, self._clock, lambda: self._bus.send_gripper(width_m, force_n))

    def hold(self) -> None:
        """Stays where it is, powered. Raises as `ready`."""
        state = self.ready()
        self._bus.send_joint_mode()
        target, last = state.joints_rad, self._commanded
        if last is not None and np.max(np.abs(last - target)) < _HOLD_TOLERANCE_RAD:
            target = last  # repeating what gravity has pulled the arm to would let it sink step by step
        self.command(target)

    def stop(self) -> None:
        """Emergency stop, latched: the real arm sinks, damped. Safe from any thread or signal handler."""
        self._stopped = True
        self._bus.send_stop()

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
            ArmError: stale feedback, a latched stop, a fault, or motors off.
        """
        state = self._demand_no_fault(self.state(max_age_s))
        if not state.enabled:
            raise ArmError(f"The {self.name} arm's motors are off.", "Enable the arm first; support it if it hangs.")
        return state

    def command(self, joints_rad: NDArray[np.float64]) -> None:
        """Sends one joint target, clipped onto the limits; for `Follower`, which has checked its path."""
        if self._stopped:
            raise ArmError(f"The {self.name} arm is in emergency stop.", _POWER_CYCLE)
        self._commanded = np.clip(joints_rad, JOINT_LOWER_RAD, JOINT_UPPER_RAD)
        self._bus.send_joints(self._commanded)

    def _demand_no_fault(self, state: ArmState) -> ArmState:
        if state.stopped:
            raise ArmError(f"The {self.name} arm is in emergency stop.", _POWER_CYCLE)
        if self._distrust is not None:
            raise ArmError(f"The {self.name} arm stays still since: {self._distrust.cause}", self._distrust.remedy)
        if state.faults:
            raise ArmError(f"The {self.name} arm reports: {'; '.join(state.faults)}.", _POWER_CYCLE)
        return state

    @contextmanager
    def _latching(self) -> Iterator[None]:
        """Remembers feedback that was false: the next motion is refused, whatever comes in then."""
        try:
            yield
        except FeedbackError as error:
            self._distrust = error
            raise

    def _require_fresh(self, max_age_s: float) -> None:
        watch = self._bus.watch
        if self._clock.now_s() - watch.oldest_s(FEEDBACK)[1] <= max_age_s:
            return
        self._clock.sleep(_GRACE_S)
        identifier, arrived_s = watch.oldest_s(FEEDBACK)
        age_s = self._clock.now_s() - arrived_s
        if age_s <= max_age_s:
            return
        since = f"last came {age_s * 1000:.0f} ms ago" if np.isfinite(age_s) else "never came"
        channel = self._bus.channel
        with self._latching():
            raise FeedbackError(
                f"The {self.name} arm's feedback is lost: frame 0x{identifier:X} {since} on {channel}.",
                "Check the CAN cable, its adapter and the arm's power; then "
                f"sudo ip link set {channel} up type can bitrate {protocol.BITRATE}, and start again.",
            )
