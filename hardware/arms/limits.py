"""What an arm may be told, whoever says it: checked last, before the bus."""

import numpy as np
from numpy.typing import NDArray

from core.errors import ArmError
from hardware.arms.can_protocol import MAX_GRIP_FORCE_N
from hardware.arms.trajectory import LIMIT_SLACK_RAD, START_TOLERANCE_RAD
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, MAX_SPEED_RAD_S

#: Targets may run ahead of the clock by so long [s] of full speed: a machine's ticks are uneven.
MAX_ADVANCE_S = 0.03
_SPEED_SLACK = 1.05
_BUG = "Nothing was sent. This is a fault in the program: report it with the log."


class StepLimit:
    """Joint targets no farther apart than the arm can move in the time between them."""

    def __init__(self) -> None:
        self._last_rad: NDArray[np.float64] | None = None
        self._last_s = 0.0
        self._most_rad = MAX_SPEED_RAD_S * MAX_ADVANCE_S + START_TOLERANCE_RAD
        self._left_rad = self._most_rad

    def allow(self, joints_rad: NDArray[np.float64], now_s: float, arm: str, read_rad: NDArray[np.float64]) -> None:
        """Counts a target (6,) in; the first one ever is measured from the joints that are read.

        Raises:
            ArmError: it is too far away.
        """
        elapsed_s, last_rad = now_s - self._last_s, read_rad if self._last_rad is None else self._last_rad
        left_rad = min(self._left_rad + MAX_SPEED_RAD_S * _SPEED_SLACK * elapsed_s, self._most_rad)
        steps_rad = np.abs(joints_rad - last_rad)
        if not np.max(steps_rad) <= left_rad:
            joint = int(np.argmax(steps_rad))
            step = np.rad2deg(steps_rad[joint])
            raise ArmError(f"A step of {step:.1f} degrees was asked of joint {joint + 1} of the arm on {arm}.", _BUG)
        self._last_rad, self._last_s, self._left_rad = joints_rad.copy(), now_s, left_rad - float(np.max(steps_rad))


def check_target(joints_rad: NDArray[np.float64], arm: str) -> None:
    """Raises ArmError for joints (6,) that are not finite or outside the limits."""
    inside = (joints_rad >= JOINT_LOWER_RAD - LIMIT_SLACK_RAD) & (joints_rad <= JOINT_UPPER_RAD + LIMIT_SLACK_RAD)
    if joints_rad.shape != (6,) or not np.all(inside):
        asked = np.array2string(np.rad2deg(joints_rad), precision=1)
        raise ArmError(f"The arm on {arm} was asked to go to {asked} degrees, outside its limits.", _BUG)


def check_grip(width_m: float, force_n: float, stroke_m: float, arm: str) -> None:
    """Raises ArmError for a width outside 0..stroke or a force the gripper cannot give (NaN included)."""
    if not 0.0 <= width_m <= stroke_m:
        cause = f"The {arm} gripper opens from 0 to {stroke_m * 1000:.0f} mm; {width_m * 1000:.0f} mm was asked for."
        raise ArmError(cause, "Ask for a width within its stroke.")
    if not 0.0 < force_n <= MAX_GRIP_FORCE_N:
        cause = f"The {arm} gripper presses with up to {MAX_GRIP_FORCE_N:.0f} N; {force_n:.1f} N was asked for."
        raise ArmError(cause, "Ask for a force within that.")
