"""How high the closed fingertips truly are when they meet the table, felt by the motors' effort."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.result import CalibrationFinding, FingerTouch
from core.transforms import Matrix
from hardware.arms.arm import ArmState
from hardware.robot.description import Firmware
from hardware.robot.kinematics import forward_kinematics

#: Pressed by this much [N] above what it was shortly before, the fingers stand on something.
TOUCH_N = 4.0
#: Before is so long ago at least and at most [s]: gravity's share changes more slowly, a contact faster.
_BEFORE_S = (0.25, 0.8)
_STEP_RAD = 1e-6
#: Fingers that end this far from where they should [mm] are told; touches of one arm that differ by more, too.
_TOLD_MM, _SPREAD_MM = 2.0, 2.0
#: The kind of what says that a step told nothing of an arm.
NOT_MEASURED, _CLEAR = "not-measured", "Clear the table of all but its tags, then: python main.py"


class Feeler:
    """Tells a contact from below out of the joints' torques, one state after another."""

    def __init__(self, T_world_base: Matrix, firmware: Firmware) -> None:
        self._T_world_base, self._firmware = T_world_base, firmware
        self._past: deque[tuple[float, float]] = deque()
        self.height_m, self.force_n, self.most_n, self.felt = np.nan, 0.0, 0.0, False

    def feel(self, state: ArmState, now_s: float) -> bool:
        """Whether the fingers stand on something by now, or could not tell. The static upward force F at the tip adds
        -Jᵀ F to the torques; the arm's other directions are taken not to be loaded."""
        lever = self._lever(state.joints_rad)
        force_n = float(-(lever @ state.joint_effort_nm) / (lever @ lever))
        if not np.isfinite(force_n):
            return True
        before = [old for then_s, old in self._past if now_s - then_s >= _BEFORE_S[0]]
        self._past.append((now_s, force_n))
        while now_s - self._past[0][0] > _BEFORE_S[1]:
            self._past.popleft()
        if before:
            # Either way: which sign a motor's current has is the maker's.
            self.force_n = abs(force_n - float(np.median(before)))
            self.most_n = max(self.most_n, self.force_n)
        if self.force_n > TOUCH_N and not self.felt:
            self.felt, self.height_m = True, self._height_m(state.joints_rad)
        return self.felt

    def _height_m(self, joints_rad: NDArray[np.float64]) -> float:
        return float((self._T_world_base @ forward_kinematics(joints_rad, self._firmware))[2, 3])

    def _lever(self, joints_rad: NDArray[np.float64]) -> NDArray[np.float64]:
        """(6,) how the tip's height changes with each joint [m/rad]."""
        up = [self._height_m(joints_rad + step) - self._height_m(joints_rad - step) for step in _STEP_RAD * np.eye(6)]
        return np.array(up) / (2 * _STEP_RAD)


def touch_findings(misses_mm: Mapping[str, Mapping[int, float]]) -> list[CalibrationFinding]:
    """misses_mm: of the touch test, by arm and tag: arms of which nothing was touched are told."""
    return [
        CalibrationFinding(
            NOT_MEASURED,
            f"The {arm} arm found no free way above any tag: no touch proves its calibration.",
            f"{_CLEAR} calibrate --again touch.",
            False,
        )
        for arm, of_arm in misses_mm.items()
        if not of_arm
    ]


def finger_findings(touches: Mapping[str, Sequence[FingerTouch]]) -> list[CalibrationFinding]:
    """touches: by arm."""
    found = []
    for arm, of_arm in touches.items():
        heights = [touch.height_mm for touch in of_arm]
        if not heights:
            cause = f"The {arm} arm's fingertips met no table, or found no way to it: their height is not known."
            found.append(CalibrationFinding(NOT_MEASURED, cause, f"{_CLEAR} calibrate --again fingers.", False))
            continue
        middle = float(np.median(heights))
        if abs(middle) > _TOLD_MM:
            longer = "shorter" if middle < 0 else "longer"
            cause = f"The {arm} arm's fingers are {abs(middle):.1f} mm {longer} than the robot's model, by touch."
            remedy = "Set the fingers as the maker's drawing has them, then calibrate again: nothing allows for it."
            found.append(CalibrationFinding("finger-height", cause, remedy, False))
        elif np.ptp(heights) > _SPREAD_MM:
            cause = f"Where the {arm} arm touched the table its heights differ by {np.ptp(heights):.1f} mm."
            found.append(
                CalibrationFinding("finger-height", cause, "See that the table is flat and the base firm.", False)
            )
    return found
