"""A joint path with times: what planners make, the gate checks and arms follow; and what an arm demands of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ArmError
from hardware.arms.standing import SAGGED_RAD
from hardware.robot.description import MAX_SPEED_RAD_S, JointLimits

#: How far [rad] from the measured joints a trajectory may start.
START_TOLERANCE_RAD = np.deg2rad(1.0)
#: Slack [rad] at the joint limits: an arm resting at a stop reads a few tenths of a degree beyond it. One found farther
#: out may begin there, and goes no farther out.
LIMIT_SLACK_RAD = np.deg2rad(0.5)
_SPEED_SLACK = 1.02
_REPLAN = "Plan again from the measured joints."


@dataclass(frozen=True)
class JointTrajectory:
    """times_s (N,) from 0, strictly increasing; positions_rad (N, 6); ends at rest."""

    times_s: NDArray[np.float64]
    positions_rad: NDArray[np.float64]

    @property
    def duration_s(self) -> float:
        return float(self.times_s[-1])

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Joint positions (6,) at a time, held at both ends."""
        return np.array([np.interp(time_s, self.times_s, column) for column in self.positions_rad.T])

    def slowed(self, speed: float) -> "JointTrajectory":
        """The same path at this share, above 0 up to 1, of its speed."""
        return JointTrajectory(self.times_s / speed, self.positions_rad)


def chain(pieces: Sequence[JointTrajectory]) -> JointTrajectory:
    """One after the other: each begins where the one before ends, at rest."""
    times, positions = pieces[0].times_s, pieces[0].positions_rad
    for piece in pieces[1:]:
        times = np.concatenate([times, times[-1] + piece.times_s[1:]])
        positions = np.concatenate([positions, piece.positions_rad[1:]])
    return JointTrajectory(times, positions)


def check_trajectory(
    trajectory: JointTrajectory, measured_rad: NDArray[np.float64], arm: str, limits_rad: JointLimits
) -> None:
    """Raises ArmError for a trajectory that is malformed, not finite, out of limits, too fast or elsewhere."""
    lower_rad, upper_rad = limits_rad
    times, positions = np.asarray(trajectory.times_s, float), np.asarray(trajectory.positions_rad, float)
    if times.ndim != 1 or len(times) < 1 or positions.shape != (len(times), 6):
        cause = f"The trajectory for the {arm} arm is malformed: times {times.shape}, positions {positions.shape}."
        raise ArmError(cause, "Give times (N,) and positions (N, 6).")
    if not (np.all(np.isfinite(times)) and np.all(np.isfinite(positions))):
        raise ArmError(f"The trajectory for the {arm} arm contains NaN or infinite values.", _REPLAN)
    if times[0] != 0.0 or np.any(np.diff(times) <= 0.0):
        raise ArmError(f"The trajectory for the {arm} arm has times that do not rise from 0.", _REPLAN)
    out_rad = np.maximum(lower_rad - positions, positions - upper_rad)
    farthest_rad, allowed_rad = out_rad.max(axis=0), np.clip(out_rad[0], LIMIT_SLACK_RAD, SAGGED_RAD)
    if (farthest_rad > allowed_rad).any():
        joint = int(np.argmax(farthest_rad - allowed_rad))
        low, high = np.rad2deg(lower_rad[joint]), np.rad2deg(upper_rad[joint])
        raise ArmError(
            f"The trajectory for the {arm} arm leaves joint {joint + 1}'s limits "
            f"({low:.0f} to {high:.0f} degrees) by {np.rad2deg(farthest_rad[joint]):.1f} degrees.",
            _REPLAN,
        )
    speeds = np.abs(np.diff(positions, axis=0) / np.diff(times)[:, None]).max(axis=0, initial=0.0)
    if np.max(speeds) > MAX_SPEED_RAD_S * _SPEED_SLACK:
        joint = int(np.argmax(speeds))
        raise ArmError(
            f"The trajectory for the {arm} arm moves joint {joint + 1} at {speeds[joint]:.1f} rad/s; "
            f"the arm allows {MAX_SPEED_RAD_S:.1f}.",
            "Plan again with more time.",
        )
    away = np.abs(positions[0] - measured_rad)
    if np.max(away) > START_TOLERANCE_RAD:
        joint = int(np.argmax(away))
        raise ArmError(
            f"The {arm} arm is not where the trajectory starts: joint {joint + 1} is at "
            f"{np.rad2deg(measured_rad[joint]):.1f} degrees, the start at {np.rad2deg(positions[0, joint]):.1f}.",
            _REPLAN,
        )
