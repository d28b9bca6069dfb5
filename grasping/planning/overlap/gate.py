"""The gate of two arms that move at once: both, and what they hold, in one MuJoCo world along one time axis.

Each arm's own motions have passed the gate of a pick, with the other arm parked. Here they are checked against each
other alone, by other means than the planner's and by the same rules as one arm's: as they are commanded, either behind
the other, and as arms go that lag and so cut their corners. It refuses, with the reason, and never raises.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from grasping.planning.gate.numbers import START_RAD, Joints
from grasping.planning.gate.report import Scan, report
from grasping.planning.grasp_plan import GateReport, GraspPlan, Phase
from grasping.planning.overlap.courses import Course, PairWay, side_by_side
from grasping.planning.overlap.pair_world import SEEN_M, PairWorld
from hardware.arms.together import TimedStep, TimeLine

#: Nearer than this [m] two moving arms may not come.
APART_M = 0.02
_ORDER = ((Phase.PLACE, "open", Phase.RETREAT), (Phase.TRANSIT, Phase.APPROACH, "close", Phase.LIFT))


def check_together(
    cell: Cell,
    carrying: GraspPlan,
    reaching: GraspPlan,
    steps: TimeLine,
    measured: Joints,
    held_m: Mapping[str, NDArray[np.float64]],
) -> GateReport:
    """Whether one arm may carry away what it holds while the other reaches for its object.

    Args:
        carrying, reaching: two arms' picks, each passed by the gate with the other arm parked.
        steps: what both do, by arm, on one time line.
        measured: joints (6,) [rad] of every arm of the cell, read back now.
        held_m: by arm, the points (M, 3) of its object where it stood, world.
    """
    scan = Scan()

    def violations() -> list[str]:
        wrong = list(_violations(cell, carrying, reaching, steps, measured))
        if not wrong:
            world = PairWorld(cell, carrying, reaching, held_m)
            courses = (Course.of(steps[plan.arm]) for plan in (carrying, reaching))
            wrong = list(_too_near(world, side_by_side(*courses), scan))
        return wrong

    seal = partial(seal_of_steps, carrying, reaching, steps, measured)
    return report(scan, "the motions cannot be checked together", violations, seal)


def _too_near(world: PairWorld, ways: Iterable[PairWay], scan: Scan) -> Iterator[str]:
    """Of each two things that come nearer than APART_M, when they first do."""
    scan.clearance_m, noted = SEEN_M, set[tuple[str, str]]()
    for way in ways:
        for time_s, *pair_is in zip(way.times_s, way.carry_rad, way.reach_rad, way.holds, strict=True):
            scan.checked += 1
            for touch in world.touches(*pair_is):
                scan.clearance_m = min(scan.clearance_m, touch.gap_m)
                pair = touch.moving, touch.other
                if touch.gap_m < APART_M and pair not in noted:
                    noted.add(pair)
                    within = f"{pair[0]} comes within {touch.gap_m * 1000:.0f} mm of {pair[1]}"
                    yield f"at {time_s:.2f} s: {within}{way.whose}"


def seal_of_steps(carrying: GraspPlan, reaching: GraspPlan, steps: TimeLine, measured: Joints) -> str:
    """A digest of both plans, of when which step begins, and of where the arms were."""
    digest = hashlib.sha256(f"{carrying.gate.seal} {reaching.gate.seal}".encode())
    for arm in sorted(steps):
        for step in steps[arm]:
            numbers = (step.begin_s, step.end_s, step.width_m, step.force_n, step.may_creep)
            digest.update(repr((arm, str(step.name), *map(float, numbers))).encode())
            if step.trajectory is not None:
                digest.update(np.ascontiguousarray(step.trajectory.times_s, float).tobytes())
                digest.update(np.ascontiguousarray(step.trajectory.positions_rad, float).tobytes())
    for arm in sorted(measured):
        digest.update(arm.encode() + np.ascontiguousarray(measured[arm], float).tobytes())
    return digest.hexdigest()


def _violations(
    cell: Cell, carrying: GraspPlan, reaching: GraspPlan, steps: TimeLine, measured: Joints
) -> Iterator[str]:
    """Everything wrong before the arms are placed in a world."""
    plans = {carrying.arm: carrying, reaching.arm: reaching}
    if len(plans) != 2 or set(steps) != set(plans) or set(cell.arms) != set(plans) or set(measured) != set(plans):
        yield "two arms move together, each with its plan, its steps and its measured joints"
        return
    for (name, plan), order in zip(plans.items(), _ORDER, strict=True):
        if not plan.is_sealed:
            yield f"the {name} arm's plan is not what the gate passed"
        yield from _of_steps(name, plan, steps[name], order)
        away = float(np.abs(plan.motions[_first(order)].positions_rad[0] - measured[name]).max())
        if not away <= START_RAD:
            yield f"the {name} arm is {np.rad2deg(away):.1f} deg from where it is to begin"
    ends, parked = carrying.motions[Phase.RETREAT].positions_rad[-1], carrying.measured_rad[reaching.arm]
    if not float(np.abs(reaching.measured_rad[carrying.arm] - ends).max()) <= START_RAD:
        yield f"the {reaching.arm} arm's plan does not know where the {carrying.arm} arm ends"
    if not float(np.abs(parked - measured[reaching.arm]).max()) <= START_RAD:
        yield f"the {carrying.arm} arm's plan takes the {reaching.arm} arm to stand elsewhere"


def _first(order: Sequence[str]) -> Phase:
    return next(name for name in order if isinstance(name, Phase))


def _of_steps(arm: str, plan: GraspPlan, steps: Sequence[TimedStep], order: Sequence[str]) -> Iterator[str]:
    """Whether these are the plan's own motions and grips, one after the other."""
    if tuple(step.name for step in steps) != tuple(order):
        yield f"the {arm} arm's steps are {', '.join(step.name for step in steps)}"
        return
    ended_s = 0.0
    for step in steps:
        length_s = 0.0 if step.trajectory is None else step.trajectory.duration_s
        if not (np.isfinite(step.end_s) and ended_s <= step.begin_s and step.begin_s + length_s < step.end_s):
            yield f"the {arm} arm's {step.name} is to be over before it can be"
        ended_s = step.end_s
        if isinstance(step.name, Phase):
            planned, motion = plan.motions[step.name], step.trajectory
            if step.name is Phase.TRANSIT and not (step.force_n > 0.0 and step.width_m == plan.pre_open_m):
                yield f"the {arm} arm's fingers do not open on the way"
            same = motion is not None and np.array_equal(motion.times_s, planned.times_s)
            if not (same and motion is not None and np.array_equal(motion.positions_rad, planned.positions_rad)):
                yield f"the {arm} arm's {step.name} is not what its plan has"
        elif step.trajectory is not None or step.width_m != (plan.pre_open_m if step.name == "open" else 0.0):
            yield f"the {arm} arm's {step.name} is not what its plan has"
