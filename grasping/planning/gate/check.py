"""The last word before anything moves: every motion of a plan checked again, by other means.

Independent of the planner by construction: its own MuJoCo world, its own sampling, its own limits; it refuses, with
the reason, and never raises. What may touch what:
- In APPROACH the fingers (not the palm) may meet the target over the last EXEMPT_M.
- In LIFT and PLACE the target is part of the gripper: it meets the table and its former neighbours
  only until it has been raised out of their way, straight up; everything else at once.
- In RETREAT the target has gone into the bin.
- The moving arm stands on its own base; all other contacts are violations.
"""

import logging
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import Matrix, apply, invert, transform
from grasping.planning.gate_model import CLEARANCE_SEEN_M, GateWorld, Touch, standing
from grasping.planning.gate_numbers import (
    Joints,
    Motions,
    number_violations,
    parking_violations,
    transit_violations,
)
from grasping.planning.gate_paths import (
    EXEMPT_M,
    RAISED_M,
    TOUCH_WIDTH_M,
    grasp_violations,
    path_violations,
    touch_violations,
)
from grasping.planning.grasp_plan import GateReport, Phase, seal_of
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import FINGERS

_log = logging.getLogger(__name__)
#: The tool may leave the workspace by this much [m].
WORKSPACE_SLACK_M = 0.002
#: Configurations are checked no farther apart than this, in the joint that moves most.
SAMPLE_RAD = np.deg2rad(0.5)
_MOST_VIOLATIONS = 6


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
        measured: joints (6,) [rad] of every arm of the cell, read back now.
        target_points_m, other_points_m: (M, 3) world points of the object to pick, and of all others.
    """
    begun_s = time.monotonic()
    walk = _Walk(cell)
    try:
        points = {"target": target_points_m, "other objects": other_points_m}
        violations = number_violations(cell, motions, arm, T_world_tcp, pre_open_m, grasp_width_m, measured, points)
        # Motions that are not even finite or continuous cannot be placed in the world.
        if not violations:
            seen_points = apply(invert(T_world_tcp), target_points_m)
            held_points = apply(invert(T_world_tcp), standing(target_points_m))
            violations = list(grasp_violations(seen_points, pre_open_m))
            reaching = GateWorld(cell, arm, measured, other_points_m, target_points_m=target_points_m)
            carrying = GateWorld(cell, arm, measured, other_points_m, held_points_tcp_m=held_points)
            leaving = GateWorld(cell, arm, measured, other_points_m)
            worlds = (reaching, pre_open_m), (reaching, pre_open_m), *[(carrying, grasp_width_m)] * 2
            for phase, (world, width_m) in zip(Phase, (*worlds, (leaving, pre_open_m)), strict=True):
                tools = walk.along(phase, motions[phase], world, width_m, T_world_tcp)
                violations += [
                    f"{phase} {what}"
                    for what in path_violations(phase, tools, T_world_tcp, seen_points, held_points, cell.bin)
                ]
            violations += [*walk.violations, *parking_violations(motions[Phase.RETREAT])]
        seal = "" if violations else seal_of(arm, motions, T_world_tcp, pre_open_m, measured)
    except Exception as error:  # a check that cannot be made is no check passed
        _log.exception("The gate could not check a plan")
        violations, seal = [f"the plan cannot be checked: {type(error).__name__}: {error}"], ""
    first = tuple(islice(violations, _MOST_VIOLATIONS))
    clearance_m = walk.clearance_m if walk.checked else float("nan")
    return GateReport(not first, first, walk.checked, clearance_m, seal, begun_s)


def check_transit(
    cell: Cell,
    motion: JointTrajectory,
    *,
    arm: str,
    width_m: float,
    measured: Joints,
    other_points_m: NDArray[np.float64],
    held_points_tcp_m: NDArray[np.float64] | None = None,
) -> GateReport:
    """Whether one motion through free space may be carried out from where the arms are.

    Args:
        width_m: finger opening; held_points_tcp_m: (K, 3) of what they hold, in the tool's frame.
    Others as `check_motions`. The report's seal is of this motion as a `Phase.TRANSIT`.
    """
    begun_s, walk, seal = time.monotonic(), _Walk(cell), ""
    try:
        violations = transit_violations(cell, motion, arm, width_m, measured)
        if not violations:
            world = GateWorld(cell, arm, measured, other_points_m, held_points_tcp_m=held_points_tcp_m)
            walk.along(Phase.TRANSIT, motion, world, width_m, np.eye(4))
            violations += walk.violations
        if not violations:
            seal = seal_of(arm, {Phase.TRANSIT: motion}, np.eye(4), width_m, measured)
    except Exception as error:  # a check that cannot be made is no check passed
        _log.exception("The gate could not check a motion")
        violations = [f"the motion cannot be checked: {type(error).__name__}: {error}"]
    first = tuple(islice(violations, _MOST_VIOLATIONS))
    clearance_m = walk.clearance_m if walk.checked else float("nan")
    return GateReport(not first, first, walk.checked, clearance_m, seal, begun_s)


def check_touch(cell: Cell, motion: JointTrajectory, *, arm: str, measured: Joints) -> GateReport:
    """Whether all but closed fingers may come straight down onto the empty table, or go straight up from it: the
    fingers alone may meet it, no deeper than TOUCH_DEPTH_M, and near it come down no faster than TOUCH_SPEED_M_S.

    Others as `check_transit`.
    """
    begun_s, checked, seal = time.monotonic(), 0, ""
    try:
        violations = transit_violations(cell, motion, arm, TOUCH_WIDTH_M, measured)
        if not violations:
            world, times = GateWorld(cell, arm, measured, np.zeros((0, 3))), _sample(motion)[0]
            tools = []
            for joints in _sample(motion)[1]:
                tool, rotation = world.move(joints, TOUCH_WIDTH_M)
                tools.append(transform(rotation, tool))
                met = [touch for touch in world.touches() if touch.gap_m < 0.0]
                wrong = [one for one in met if not (one.other == "table" and one.moving.endswith(FINGERS))]
                violations += [f"{one.moving} meets {one.other}" for one in wrong[:1]]
            checked = len(tools)
            violations += touch_violations(np.array(tools), times, cell.workspace)
        if not violations:
            seal = seal_of(arm, {Phase.TRANSIT: motion}, np.eye(4), TOUCH_WIDTH_M, measured)
    except Exception as error:  # a check that cannot be made is no check passed
        _log.exception("The gate could not check a touch")
        violations = [f"the touch cannot be checked: {type(error).__name__}: {error}"]
    first = tuple(islice(violations, _MOST_VIOLATIONS))
    return GateReport(not first, first, checked, float("nan"), seal, begun_s)


class _Walk:
    """Takes the arm through its motions and notes what it meets."""

    def __init__(self, cell: Cell) -> None:
        w = cell.workspace
        self._lowest, self._highest = np.array([w.tool_x_m, w.tool_y_m, w.tool_z_m]).T
        self._seen: set[tuple[Phase, str, str]] = set()
        self.violations: list[str] = []
        self.checked = 0
        self.clearance_m = CLEARANCE_SEEN_M

    def along(
        self, phase: Phase, motion: JointTrajectory, world: GateWorld, width_m: float, T_world_tcp: Matrix
    ) -> Matrix:
        """The tool's poses (M, 4, 4) on the way. T_world_tcp: the promised grasp."""
        tools, raised = [], False
        for time_s, joints in zip(*_sample(motion), strict=True):
            tool, rotation = world.move(joints, width_m)
            tools.append(transform(rotation, tool))
            raised |= bool(tool[2] - T_world_tcp[2, 3] >= RAISED_M)
            self.checked += 1
            if len(self.violations) >= _MOST_VIOLATIONS:
                continue
            if (tool < self._lowest - WORKSPACE_SLACK_M).any() or (tool > self._highest + WORKSPACE_SLACK_M).any():
                self._note(phase, time_s, "the tool", f"leaves the workspace at {np.round(tool, 3).tolist()} m")
            closing_in = phase is Phase.APPROACH and bool(np.linalg.norm(tool - T_world_tcp[:3, 3]) < EXEMPT_M)
            for touch in _relevant_touches(world, closing_in, phase is Phase.LIFT and not raised):
                if not touch.other.startswith(f"{world.arm} "):
                    self.clearance_m = min(self.clearance_m, touch.gap_m)
                if touch.gap_m < 0.0:
                    self._note(phase, time_s, touch.moving, f"meets {touch.other}")
        return np.array(tools)

    def _note(self, phase: Phase, time_s: float, moving: str, what: str) -> None:
        """One line for each pair and phase: when it first happens."""
        key = (phase, moving, what.split(" at ")[0])
        if key not in self._seen:
            self._seen.add(key)
            self.violations.append(f"{phase} at {time_s:.2f} s: {moving} {what}")


def _relevant_touches(world: GateWorld, closing_in: bool, still_low: bool) -> Iterator[Touch]:
    """The touches that the rules of a phase do not allow."""
    for touch in world.touches():
        if closing_in and touch.other == "target" and touch.moving.endswith(FINGERS):
            continue
        if still_low and touch.moving == "held" and touch.other in ("table", "object"):
            continue
        yield touch


def _sample(motion: JointTrajectory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (M,) and joints (M, 6) along a motion, SAMPLE_RAD of travel apart, both ends among them."""
    moved = np.abs(np.diff(motion.positions_rad, axis=0)).max(axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(moved)])
    count = max(int(np.ceil(travelled[-1] / SAMPLE_RAD)), 1) + 1
    along = np.linspace(0.0, travelled[-1], count)
    times = np.interp(along, travelled + np.arange(len(travelled)) * 1e-12, motion.times_s)
    times[0], times[-1] = motion.times_s[0], motion.times_s[-1]
    return times, np.stack([np.interp(times, motion.times_s, column) for column in motion.positions_rad.T], axis=1)
