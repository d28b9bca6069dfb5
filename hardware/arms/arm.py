"""The arm interface, the same for a PiPER on a CAN adapter and for the emulated one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hardware.arms.trajectory import JointTrajectory


@dataclass(frozen=True)
class ArmState:
    """What the arm last reported. stamp_s is the arm's clock when the newest feedback arrived; joint_effort_nm (6,):
    the motors' torques, NaN where none was told."""

    joints_rad: NDArray[np.float64]
    gripper_width_m: float
    gripper_effort_nm: float
    enabled: bool
    stopped: bool
    faults: tuple[str, ...]
    stamp_s: float
    joint_effort_nm: NDArray[np.float64] = field(default_factory=lambda: np.full(6, np.nan))


@dataclass(frozen=True)
class TrackingReport:
    """How a streamed trajectory was followed: worst lag on the way, error once settled [rad]."""

    worst_lag_rad: float
    final_error_rad: float
    interrupted: bool


class FollowedMotion(Protocol):
    """A trajectory of one arm that a loop feeds tick by tick; every failure is an `ArmError`."""

    def send(self, path_s: float) -> None:
        """Commands the target at this time of the path."""
        ...

    def check(self) -> None:
        """Looks at how the last command was followed."""
        ...

    @property
    def is_done(self) -> bool: ...
    def report(self, interrupted: bool) -> TrackingReport: ...
    def lead_back(self) -> None:
        """After a fault: takes the command back to where the arm is, so that it presses on nothing."""
        ...


class RunningGrip(Protocol):
    """The same of a gripper that moves until it stands still. state: the newest, None before the first check."""

    state: ArmState | None

    def send(self) -> None: ...
    def check(self) -> None: ...
    @property
    def is_done(self) -> bool: ...


class Arm(Protocol):
    """One six-joint arm with a parallel gripper. Every failure is an `ArmError`.

    No method moves the arm unless feedback is fresh, it is enabled and no fault is latched.
    """

    name: str

    def connect(self) -> None: ...
    def enable(self) -> None: ...
    def state(self, max_age_s: float = 0.2) -> ArmState:
        """Fresh state; raises ArmError when the newest feedback is older than `max_age_s`."""
        ...

    def ready(self, max_age_s: float = 0.1) -> ArmState:
        """Fresh state of an arm that may move; raises ArmError for any stop, fault or motor that is off, too."""
        ...

    def peek(self) -> ArmState:
        """The newest numbers, however old, for who only shows them; waits for nothing, changes nothing, any thread."""
        ...

    def follow(
        self,
        trajectory: JointTrajectory,
        should_stop: Callable[[], bool] = lambda: False,
        beside: RunningGrip | None = None,
    ) -> TrackingReport:
        """Streams a trajectory that starts at the measured joints; holds where it ends or is stopped. beside: a grip of
        this arm that goes on meanwhile, and is waited for."""
        ...

    def grip(self, width_m: float, force_n: float) -> ArmState:
        """Moves the gripper until it reaches `width_m` or stalls on an object; the settled state."""
        ...

    def followed_part(self, trajectory: JointTrajectory) -> FollowedMotion:
        """A trajectory that starts at the measured joints, for `hardware.arms.together`; nothing is sent yet."""
        ...

    def grip_part(self, width_m: float, force_n: float) -> RunningGrip:
        """The same of a grip."""
        ...

    def hold(self) -> None:
        """Stays where it is, powered."""
        ...

    def stop(self) -> None:
        """Emergency stop: latched, a damped descent on the real arm. Only an operator re-arms."""
        ...

    def close(self) -> None:
        """Leaves the arm holding and the bus closed."""
        ...


def measured_joints(arms: Mapping[str, Arm]) -> dict[str, NDArray[np.float64]]:
    """Joints (6,) [rad] of every arm now, by name. Raises as `Arm.state`."""
    return {name: arm.state().joints_rad for name, arm in arms.items()}
