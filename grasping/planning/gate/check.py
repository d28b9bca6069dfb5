"""The last word before anything moves: every motion of a plan checked again, by other means.

Independent of the planner by construction: its own MuJoCo world, its own sampling, its own limits; it refuses, with
the reason, and never raises. What may touch what:
- In APPROACH the fingers (not the palm) may meet the target over the last EXEMPT_M.
- In LIFT and PLACE the target is part of the gripper: it meets the table and its former neighbours
  only until it has been raised out of their way, straight up; everything else at once.
- In RETREAT the target has gone into the bin.
- The moving arm stands on its own base; all other contacts are violations.
All of it holds for the path as it is commanded, and as an arm goes that lags and so cuts its corners; but a touch,
which goes straight and has no corners, as it is commanded alone.
"""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import Matrix, apply, invert
from grasping.planning.gate.boxes import standing
from grasping.planning.gate.contacts import Touch
from grasping.planning.gate.lag import GateWay, as_told, both_ways
from grasping.planning.gate.model import CLEARANCE_SEEN_M, GateWorld
from grasping.planning.gate.numbers import (
    Joints,
    Motions,
    number_violations,
    parking_violations,
    transit_violations,
)
from grasping.planning.gate.paths import (
    EXEMPT_M,
    RAISED_M,
    TOUCH_WIDTH_M,
    grasp_violations,
    path_violations,
    touch_violations,
)
from grasping.planning.gate.report import MOST_VIOLATIONS, Scan, report
from grasping.planning.grasp_plan import GateReport, Phase, seal_of
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import FINGERS

#: The tool may leave the workspace by this much [m].
WORKSPACE_SLACK_M = 0.002


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
    walk = _Walk(cell)

    def violations() -> list[str]:
        points = {"target": target_points_m, "other objects": other_points_m}
        wrong = number_violations(cell, motions, arm, T_world_tcp, pre_open_m, grasp_width_m, measured, points)
        if wrong:  # motions that are not even finite or continuous cannot be placed in the world
            return wrong
        seen_points = apply(invert(T_world_tcp), target_points_m)
        held_points = apply(invert(T_world_tcp), standing(target_points_m))
        wrong += grasp_violations(seen_points, pre_open_m)
        world = GateWorld(cell, arm, measured, other_points_m, target_points_m, held_points)
        for phase in Phase:
            holds = phase in (Phase.LIFT, Phase.PLACE)
            world.show(target=phase in (Phase.TRANSIT, Phase.APPROACH), held=holds)
            for way in both_ways(motions[phase]):
                tools = walk.along(phase, way, world, grasp_width_m if holds else pre_open_m, T_world_tcp)
                off = path_violations(phase, tools, T_world_tcp, seen_points, held_points, cell.bin)
                wrong += [f"{phase} {what}{way.whose}" for what in off]
        return [*wrong, *walk.violations, *parking_violations(motions[Phase.RETREAT])]

    seal = partial(seal_of, arm, motions, T_world_tcp, pre_open_m, measured)
    return report(walk.scan, "the plan cannot be checked", violations, seal)


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
    walk = _Walk(cell)

    def violations() -> list[str]:
        wrong = transit_violations(cell, motion, arm, width_m, measured)
        if wrong:
            return wrong
        world = GateWorld(cell, arm, measured, other_points_m, held_points_tcp_m=held_points_tcp_m)
        for way in both_ways(motion):
            walk.along(Phase.TRANSIT, way, world, width_m, np.eye(4))
        return walk.violations

    seal = partial(seal_of, arm, {Phase.TRANSIT: motion}, np.eye(4), width_m, measured)
    return report(walk.scan, "the motion cannot be checked", violations, seal)


def check_touch(cell: Cell, motion: JointTrajectory, *, arm: str, measured: Joints) -> GateReport:
    """Whether all but closed fingers may come straight down onto the empty table, or go straight up from it: the
    fingers alone may meet it, no deeper than TOUCH_DEPTH_M, and near it come down no faster than TOUCH_SPEED_M_S.

    Others as `check_transit`.
    """
    scan = Scan()

    def violations() -> list[str]:
        wrong = transit_violations(cell, motion, arm, TOUCH_WIDTH_M, measured)
        if wrong:
            return wrong
        world, way = GateWorld(cell, arm, measured, np.zeros((0, 3))), as_told(motion)
        tools = []
        for joints in way.joints_rad:
            tools.append(world.move(joints, TOUCH_WIDTH_M))
            met = [touch for touch in world.touches() if touch.gap_m < 0.0]
            barred = [one for one in met if not (one.other == "table" and one.moving.endswith(FINGERS))]
            wrong += [f"{one.moving} meets {one.other}" for one in barred[:1]]
        scan.checked = len(tools)
        return [*wrong, *touch_violations(np.array(tools), way.times_s, cell.workspace)]

    seal = partial(seal_of, arm, {Phase.TRANSIT: motion}, np.eye(4), TOUCH_WIDTH_M, measured)
    return report(scan, "the touch cannot be checked", violations, seal)


class _Walk:
    """Takes the arm through its motions and notes what it meets."""

    def __init__(self, cell: Cell) -> None:
        w = cell.workspace
        sides = (w.tool_x_m, w.tool_y_m, w.tool_z_m)
        self._allowed_m = [(low - WORKSPACE_SLACK_M, high + WORKSPACE_SLACK_M) for low, high in sides]
        self._seen: set[tuple[Phase, str, str]] = set()
        self.violations: list[str] = []
        self.scan = Scan()

    def along(self, phase: Phase, way: GateWay, world: GateWorld, width_m: float, T_world_tcp: Matrix) -> Matrix:
        """The tool's poses (M, 4, 4) on the way. T_world_tcp: the promised grasp."""
        tools, raised = [], False
        promised_m = T_world_tcp[:3, 3].tolist()
        for time_s, joints, is_looked_at in zip(way.times_s, way.joints_rad, way.is_looked_at.tolist(), strict=True):
            tools.append(world.move(joints, width_m))
            # A handful of numbers is compared sooner one by one than as an array.
            tool_m = tools[-1][:3, 3].tolist()
            raised |= tool_m[2] - promised_m[2] >= RAISED_M
            if not is_looked_at or len(self.violations) >= MOST_VIOLATIONS:
                continue
            if not self.scan.checked:
                self.scan.clearance_m = CLEARANCE_SEEN_M
            self.scan.checked += 1
            if not self._is_within(*tool_m):
                where = f"leaves the workspace at {np.round(tool_m, 3).tolist()} m"
                self._note(phase, time_s, "the tool", where + way.whose)
            closing_in = phase is Phase.APPROACH and math.dist(tool_m, promised_m) < EXEMPT_M
            for touch in _relevant_touches(world, closing_in, phase is Phase.LIFT and not raised):
                if not touch.other.startswith(f"{world.arm} "):
                    self.scan.clearance_m = min(self.scan.clearance_m, touch.gap_m)
                if touch.gap_m < 0.0:
                    self._note(phase, time_s, touch.moving, f"meets {touch.other}{way.whose}")
        return np.array(tools)

    def _is_within(self, x_m: float, y_m: float, z_m: float) -> bool:
        """Whether the tool may be there; NaN is refused."""
        (x0, x1), (y0, y1), (z0, z1) = self._allowed_m
        return x0 <= x_m <= x1 and y0 <= y_m <= y1 and z0 <= z_m <= z1

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
