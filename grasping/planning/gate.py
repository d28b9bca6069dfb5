"""The last word before anything moves: every motion of a plan checked again, by other means.

Independent of the planner by construction: its own MuJoCo world, its own sampling, its own limits.
What may touch what:
- In APPROACH the fingers (not the palm) may meet the target over the last EXEMPT_M.
- In LIFT and PLACE the target is part of the gripper: it meets the table and its former neighbours
  only once it has been raised out of their way, everything else at once.
- In RETREAT the target has gone into the bin.
- The moving arm stands on its own base; all other contacts are violations.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import Matrix, apply, invert, rotation_angle
from grasping.planning.gate_model import CLEARANCE_SEEN_M, GateWorld, Touch
from grasping.planning.grasp_plan import GateReport, Phase
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import (
    FINGERS,
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    MAX_ACCELERATION_RAD_S2,
    MAX_SPEED_RAD_S,
)

EXEMPT_M = 0.08
#: From this rise [m] on, what is held must be clear of the table and of what stood beside it.
RAISED_M = 0.03
#: The tool may leave the workspace by this much [m]; it must end on the promised grasp this closely.
WORKSPACE_SLACK_M = 0.002
POSE_SLACK_M, POSE_SLACK_RAD = 0.001, np.deg2rad(0.5)
#: The arm must stand where the plan starts, and each motion start where the last one ended.
START_RAD = np.deg2rad(1.0)
CONTINUITY_RAD = np.deg2rad(0.1)
#: Configurations are checked no farther apart than this, in the joint that moves most.
SAMPLE_RAD = np.deg2rad(0.5)
_ROUNDING_RAD = 1e-6
#: Sampling a parabola loses up to this share of its acceleration's accuracy.
_SLACK = 1.02
_MOST_VIOLATIONS = 6

Motions = Mapping[Phase, JointTrajectory]
Joints = Mapping[str, NDArray[np.float64]]


def check_motions(
    cell: Cell,
    motions: Motions,
    *,
    arm: str,
    T_world_tcp: Matrix,
    pre_open_m: float,
    grasp_width_m: float,
    measured: Joints,
    target_points_m: NDArray[np.float64],
    other_points_m: NDArray[np.float64],
) -> GateReport:
    """Whether a pick may be carried out from where the arms are.

    Args:
        motions: one trajectory for every phase.
        arm: the arm that moves; all others stay at `measured`.
        T_world_tcp: where the fingers are promised to close.
        pre_open_m, grasp_width_m: finger opening before and while holding.
        measured: joints (6,) [rad] of every arm, read back now.
        target_points_m, other_points_m: (M, 3) world points of the object to pick, and of all others.
    """
    violations = _limit_violations(motions, arm, measured)
    if violations:
        # Motions that are not even finite or continuous cannot be placed in the world.
        return GateReport(False, tuple(violations[:_MOST_VIOLATIONS]), 0, float("nan"))
    held_points = apply(invert(T_world_tcp), target_points_m)
    reaching = GateWorld(cell, arm, measured, other_points_m, target_points_m=target_points_m)
    carrying = GateWorld(cell, arm, measured, other_points_m, held_points_tcp_m=held_points)
    leaving = GateWorld(cell, arm, measured, other_points_m)
    stages = {
        Phase.TRANSIT: (reaching, pre_open_m),
        Phase.APPROACH: (reaching, pre_open_m),
        Phase.LIFT: (carrying, grasp_width_m),
        Phase.PLACE: (carrying, grasp_width_m),
        Phase.RETREAT: (leaving, pre_open_m),
    }
    walk = _Walk(cell, T_world_tcp)
    for phase, (world, width_m) in stages.items():
        walk.along(phase, motions[phase], world, width_m)
    violations = walk.violations
    return GateReport(not violations, tuple(violations[:_MOST_VIOLATIONS]), walk.checked, walk.clearance_m)


class _Walk:
    """Takes the arm through its motions and notes what it meets."""

    def __init__(self, cell: Cell, T_world_tcp: Matrix) -> None:
        self._promised = T_world_tcp
        w = cell.workspace
        self._lowest, self._highest = np.array([w.tool_x_m, w.tool_y_m, w.tool_z_m]).T
        self._seen: set[tuple[Phase, str, str]] = set()
        self.violations: list[str] = []
        self.checked = 0
        self.clearance_m = CLEARANCE_SEEN_M

    def along(self, phase: Phase, motion: JointTrajectory, world: GateWorld, width_m: float) -> None:
        tool, rotation = np.zeros(3), np.eye(3)
        for time_s, joints in zip(*_sample(motion), strict=True):
            tool, rotation = world.move(joints, width_m)
            self.checked += 1
            if (tool < self._lowest - WORKSPACE_SLACK_M).any() or (tool > self._highest + WORKSPACE_SLACK_M).any():
                self._note(phase, time_s, "the tool", f"leaves the workspace at {np.round(tool, 3).tolist()} m")
            for touch in self._relevant_touches(phase, tool, world):
                if not touch.other.startswith(f"{world.arm} "):
                    self.clearance_m = min(self.clearance_m, touch.gap_m)
                if touch.gap_m < 0.0:
                    self._note(phase, time_s, touch.moving, f"meets {touch.other}")
            if len(self.violations) >= _MOST_VIOLATIONS:
                return
        off_m = float(np.linalg.norm(tool - self._promised[:3, 3]))
        off_rad = rotation_angle(rotation, self._promised[:3, :3])
        if phase is Phase.APPROACH and (off_m > POSE_SLACK_M or off_rad > POSE_SLACK_RAD):
            self.violations.append(
                f"{Phase.APPROACH} ends {off_m * 1000:.1f} mm and {np.rad2deg(off_rad):.1f} deg from the promised grasp"
            )

    def _relevant_touches(self, phase: Phase, tool: NDArray, world: GateWorld) -> Iterator[Touch]:
        """The touches that the rules of a phase do not allow."""
        grasp = self._promised[:3, 3]
        closing_in = phase is Phase.APPROACH and np.linalg.norm(tool - grasp) < EXEMPT_M
        still_low = phase is Phase.LIFT and tool[2] - grasp[2] < RAISED_M
        for touch in world.touches():
            if closing_in and touch.other == "target" and touch.moving.endswith(FINGERS):
                continue
            if still_low and touch.moving == "held" and touch.other in ("table", "object"):
                continue
            yield touch

    def _note(self, phase: Phase, time_s: float, moving: str, what: str) -> None:
        """One line for each pair and phase: when it first happens."""
        key = (phase, moving, what.split(" at ")[0])
        if key not in self._seen:
            self._seen.add(key)
            self.violations.append(f"{phase} at {time_s:.2f} s: {moving} {what}")


def _limit_violations(motions: Motions, arm: str, measured: Joints) -> list[str]:
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
    here, whence, allowed = np.asarray(measured[arm], float), f"where the {arm} arm is", START_RAD
    for phase in Phase:
        away = float(np.abs(motions[phase].positions_rad[0] - here).max())
        if away > allowed:
            violations.append(f"{phase} starts {np.rad2deg(away):.1f} deg from {whence}")
        here, whence, allowed = motions[phase].positions_rad[-1], f"the end of {phase}", CONTINUITY_RAD
    return violations


def _sample(motion: JointTrajectory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
