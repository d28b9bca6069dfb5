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

from functools import partial
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import Matrix, apply, invert
from grasping.planning.gate.boxes import standing
from grasping.planning.gate.contacts import Encounter
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
    TOUCH_WIDTH_M,
    before_raised,
    grasp_violations,
    path_violations,
    touch_violations,
)
from grasping.planning.gate.report import Scan, report
from grasping.planning.grasp_plan import GateReport, Phase, seal_of
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import FINGERS, MAX_TOOL_SPEED_M_S

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
    leads_back: bool = False,
) -> GateReport:
    """Whether one motion through free space may be carried out from where the arms are.

    Args:
        width_m: finger opening; held_points_tcp_m: (K, 3) of what they hold, in the tool's frame.
        leads_back: it may begin up to SAGGED_RAD beyond a limit, and then goes straight and slowly back within.
    Others as `check_motions`. The report's seal is of this motion as a `Phase.TRANSIT`.
    """
    walk = _Walk(cell)

    def violations() -> list[str]:
        wrong = transit_violations(cell, motion, arm, width_m, measured, leads_back)
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
        sides_m = np.array([w.tool_x_m, w.tool_y_m, w.tool_z_m])
        self._lowest_m, self._highest_m = sides_m[:, 0] - WORKSPACE_SLACK_M, sides_m[:, 1] + WORKSPACE_SLACK_M
        self._seen: set[tuple[Phase, str, str]] = set()
        self.violations: list[str] = []
        self.scan = Scan()

    def along(self, phase: Phase, way: GateWay, world: GateWorld, width_m: float, T_world_tcp: Matrix) -> Matrix:
        """The tool's poses (M, 4, 4) on the way. T_world_tcp: the promised grasp."""
        tools, encounters = world.go(way.joints_rad, width_m, way.is_looked_at)
        if not self.scan.checked:
            self.scan.clearance_m = CLEARANCE_SEEN_M
        self.scan.checked += int(way.is_looked_at.sum())
        places_m, promised_m = tools[:, :3, 3], T_world_tcp[:3, 3]
        # Written so that NaN is refused.
        is_within = ((places_m >= self._lowest_m) & (places_m <= self._highest_m)).all(axis=1)
        met = [
            (number, "the tool", f"leaves the workspace at {np.round(places_m[number], 3).tolist()} m")
            for number in np.flatnonzero(way.is_looked_at & ~is_within)[:1].tolist()
        ]
        met += [(number, "the tool", what) for number, what in _too_fast(places_m, way.times_s)]
        closes_in = (phase is Phase.APPROACH) & (np.linalg.norm(places_m - promised_m, axis=1) < EXEMPT_M)
        is_low = (phase is Phase.LIFT) & before_raised(places_m[:, 2] - promised_m[2])
        for one in encounters:
            is_barred = ~_may_touch(one, closes_in[one.numbers], is_low[one.numbers])
            if not one.other.startswith(f"{world.arm} "):
                self.scan.clearance_m = min(self.scan.clearance_m, one.gaps_m[is_barred].min(initial=np.inf))
            overlaps = one.numbers[is_barred & (one.gaps_m < 0.0)]
            met += [(number, one.moving, f"meets {one.other}") for number in overlaps[:1].tolist()]
        for number, moving, what in sorted(met, key=itemgetter(0)):
            self._note(phase, float(way.times_s[number]), moving, what + way.whose)
        return tools

    def _note(self, phase: Phase, time_s: float, moving: str, what: str) -> None:
        """One line for each pair and phase: when it first happens."""
        key = (phase, moving, what.split(" at ")[0])
        if key not in self._seen:
            self._seen.add(key)
            self.violations.append(f"{phase} at {time_s:.2f} s: {moving} {what}")


def _too_fast(places_m: NDArray[np.float64], times_s: NDArray[np.float64]) -> list[tuple[int, str]]:
    """When the tool (M, 3) first moves faster than it may, in words."""
    speed = np.linalg.norm(np.diff(places_m, axis=0), axis=1) / np.diff(times_s)
    fast = np.flatnonzero(~(speed <= MAX_TOOL_SPEED_M_S))[:1].tolist()  # so that NaN is refused
    return [(number, f"moves at {speed[number]:.2f} m/s, {MAX_TOOL_SPEED_M_S} allowed") for number in fast]


def _may_touch(met: Encounter, closes_in: NDArray[np.bool_], is_low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(K,) whether the rules of a phase allow it, in each configuration."""
    fingers_close = met.moving.endswith(FINGERS) and met.other == "target"
    leaves_its_place = met.moving == "held" and met.other in ("table", "object")
    return (closes_in & fingers_close) | (is_low & leaves_its_place)
