"""What the gate asks of the numbers alone: finite, timed, continuous, within limits, from where the arm is."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grasping.planning.grasp_plan import Phase
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, MAX_ACCELERATION_RAD_S2, MAX_SPEED_RAD_S

#: The arm must stand where the plan starts, and each motion start where the last one ended.
START_RAD = np.deg2rad(1.0)
CONTINUITY_RAD = np.deg2rad(0.1)
#: Configurations are checked no farther apart than this, in the joint that moves most.
SAMPLE_RAD = np.deg2rad(0.5)
_ROUNDING_RAD = 1e-6
#: Sampling a parabola loses up to this share of its acceleration's accuracy.
_SLACK = 1.02


def limit_violations(
    motions: Mapping[Phase, JointTrajectory], arm: str, measured: Mapping[str, NDArray[np.float64]]
) -> list[str]:
    """Everything wrong with the numbers of a plan, in words; empty when nothing is."""
    if missing := [phase for phase in Phase if phase not in motions]:
        return [f"{', '.join(missing)} is missing"]
    violations = []
    for name, joints in measured.items():
        if np.shape(joints) != (6,) or not np.isfinite(joints).all():
            violations.append(f"the {name} arm's measured joints are unusable: {joints}")
    for phase in Phase:
        violations += [f"{phase}: {problem}" for problem in _problems(motions[phase])]
    if violations:
        return violations
    return _jumps(motions, arm, measured)


def sampled(motion: JointTrajectory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (M,) and joints (M, 6) along a motion, SAMPLE_RAD of travel apart, both ends among them."""
    moved = np.abs(np.diff(motion.positions_rad, axis=0)).max(axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(moved)])
    count = max(int(np.ceil(travelled[-1] / SAMPLE_RAD)), 1) + 1
    along = np.linspace(0.0, travelled[-1], count)
    times = np.interp(along, travelled + np.arange(len(travelled)) * 1e-12, motion.times_s)
    times[0], times[-1] = motion.times_s[0], motion.times_s[-1]
    return times, np.stack([np.interp(times, motion.times_s, column) for column in motion.positions_rad.T], axis=1)


def _problems(motion: JointTrajectory) -> list[str]:
    times, positions = motion.times_s, motion.positions_rad
    if times.ndim != 1 or len(times) < 2 or positions.shape != (len(times), 6):
        return [f"times {times.shape} and positions {positions.shape} do not make a motion of six joints"]
    if not (np.isfinite(times).all() and np.isfinite(positions).all()):
        return ["not all numbers are finite"]
    if times[0] != 0.0 or (np.diff(times) <= 0).any():
        return ["its times do not grow from 0"]
    problems = []
    if (positions < JOINT_LOWER_RAD - _ROUNDING_RAD).any() or (positions > JOINT_UPPER_RAD + _ROUNDING_RAD).any():
        problems.append("a joint leaves its limits")
    # At rest before the first and after the last sample.
    step = np.diff(times)
    speed = np.diff(positions, axis=0) / step[:, None]
    between = np.concatenate([step[:1] / 2, (step[:-1] + step[1:]) / 2, step[-1:] / 2])
    change = np.diff(np.concatenate([np.zeros((1, 6)), speed, np.zeros((1, 6))]), axis=0)
    if (fastest := np.abs(speed).max()) > MAX_SPEED_RAD_S * _SLACK:
        problems.append(f"a joint runs at {fastest:.1f} rad/s, {MAX_SPEED_RAD_S} allowed")
    if (hardest := np.abs(change / between[:, None]).max()) > MAX_ACCELERATION_RAD_S2 * _SLACK:
        problems.append(f"a joint accelerates at {hardest:.1f} rad/s², {MAX_ACCELERATION_RAD_S2} allowed")
    return problems


def _jumps(
    motions: Mapping[Phase, JointTrajectory], arm: str, measured: Mapping[str, NDArray[np.float64]]
) -> list[str]:
    violations = []
    here, whence, allowed = np.asarray(measured[arm], float), f"where the {arm} arm is", START_RAD
    for phase in Phase:
        away = float(np.abs(motions[phase].positions_rad[0] - here).max())
        if away > allowed:
            violations.append(f"{phase} starts {np.rad2deg(away):.1f} deg from {whence}")
        here, whence, allowed = motions[phase].positions_rad[-1], f"the end of {phase}", CONTINUITY_RAD
    return violations
