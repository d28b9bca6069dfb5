"""Guards against feedback that lies: silent buses, repeated values, values no arm can have.

The SDK keeps returning its last numbers when a bus goes silent, and zeros before the first frame.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.errors import ArmError
from hardware.robot.description import MAX_SPEED_RAD_S

#: Joints cannot jump: beyond this much [rad] plus twice the full speed, a reading is not believed.
_JUMP_RAD = 0.05
_JUMP_MEMORY_S = 0.5
#: Frozen: the joints repeat to the last digit while the command moves on by this much [rad], this long [s].
_FROZEN_TRAVEL_RAD = 0.02
_FROZEN_AFTER_S = 0.12


class FeedbackError(ArmError):
    """Feedback that is lost or cannot be true: nothing may move until a person has looked."""


class FrameWatch:
    """Notes when each CAN frame arrived, by the arm's clock, and passes it on.

    Stands between the bus reader and the SDK's parser; runs in the reader's thread.
    """

    def __init__(self, forward: Callable[[Any], None], clock: Clock) -> None:
        self._forward = forward
        self._clock = clock
        self._arrived_s: dict[int, float] = {}

    def __call__(self, message: Any) -> None:
        self._forward(message)
        self._arrived_s[message.arbitration_id] = self._clock.now_s()

    def saw(self, identifiers: Iterable[int]) -> bool:
        """Whether all of these frames have arrived since the bus was opened."""
        return all(identifier in self._arrived_s for identifier in identifiers)

    def saw_any(self) -> bool:
        return bool(self._arrived_s)

    def oldest_s(self, identifiers: Iterable[int]) -> tuple[int, float]:
        """The frame that arrived longest ago, and when (-inf: never)."""
        stamps = {identifier: self._arrived_s.get(identifier, -np.inf) for identifier in identifiers}
        oldest = min(stamps, key=lambda identifier: stamps[identifier])
        return oldest, stamps[oldest]


class JointWatch:
    """Refuses joint readings that jump, and readings that repeat while the arm is told to move."""

    def __init__(self, arm: str) -> None:
        self._arm = arm
        self._last: NDArray[np.float64] | None = None
        self._last_s = 0.0
        self.expect_motion_from(np.zeros(6), 0.0)

    def expect_motion_from(self, commanded_rad: NDArray[np.float64], now_s: float) -> None:
        """A new motion starts at this command."""
        self._moved_s = now_s
        self._command_then = commanded_rad
        self._repeated: NDArray[np.float64] | None = None

    def check_plausible(self, joints_rad: NDArray[np.float64], stamp_s: float) -> None:
        """Raises FeedbackError when the joints are not where an arm could have got to since the last reading."""
        if self._last is not None and stamp_s - self._last_s < _JUMP_MEMORY_S:
            allowed = _JUMP_RAD + 2.0 * MAX_SPEED_RAD_S * (stamp_s - self._last_s)
            jumps = np.abs(joints_rad - self._last)
            if np.max(jumps) > allowed:
                joint = int(np.argmax(jumps))
                cause = (
                    f"The {self._arm} arm's joint {joint + 1} read {np.rad2deg(self._last[joint]):.1f} and then "
                    f"{np.rad2deg(joints_rad[joint]):.1f} degrees: no arm moves so fast, the feedback is false."
                )
                raise FeedbackError(cause, "Check the CAN wiring and the joint's encoder cable, then start again.")
        self._last, self._last_s = joints_rad, stamp_s

    def check_moving(self, joints_rad: NDArray[np.float64], commanded_rad: NDArray[np.float64], now_s: float) -> None:
        """Raises FeedbackError when the readings repeat exactly although the command has moved on."""
        if self._repeated is None or not np.array_equal(joints_rad, self._repeated):
            self._repeated, self._moved_s, self._command_then = joints_rad, now_s, commanded_rad
            return
        travel = float(np.max(np.abs(commanded_rad - self._command_then)))
        if travel > _FROZEN_TRAVEL_RAD and now_s - self._moved_s > _FROZEN_AFTER_S:
            raise FeedbackError(
                f"The {self._arm} arm's joint feedback is frozen: it repeats while the command moved "
                f"{np.rad2deg(travel):.1f} degrees.",
                "See whether the arm is blocked or its joints lost their CAN connection; then start again.",
            )
