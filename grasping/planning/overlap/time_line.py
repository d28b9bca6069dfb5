"""One arm carries to the bin and parks while the other reaches, closes and lifts: when which step begins."""

import numpy as np

from grasping.execution import GRIP_FORCE_N
from grasping.grasp_set import WIDTH
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.together import TimedStep, TimeLine
from hardware.arms.trajectory import JointTrajectory

OPEN, CLOSE = "open", "close"
#: A motion is given this long [s] to come to rest, a grip this long beyond its travel at this speed [m/s]; where that
#: is too short both arms wait.
REST_S, GRIP_S, GRIP_SPEED_M_S = 0.15, 0.25, 0.16


class _Steps:
    """Steps one after the other."""

    def __init__(self) -> None:
        self.steps: list[TimedStep] = []
        self._end_s = 0.0

    def wait_until(self, time_s: float) -> None:
        self._end_s = max(self._end_s, time_s)

    def move(self, phase: Phase, trajectory: JointTrajectory, width_m: float, opens: bool = False) -> None:
        takes_s, force_n = trajectory.duration_s + REST_S, GRIP_FORCE_N if opens else 0.0
        if opens:
            takes_s = max(takes_s, GRIP_S + width_m / GRIP_SPEED_M_S)
        self.steps.append(TimedStep(phase, self._end_s, self._end_s + takes_s, width_m, trajectory, force_n))
        self._end_s += takes_s

    def grip(self, name: str, to_m: float, travel_m: float) -> None:
        end_s = self._end_s + GRIP_S + travel_m / GRIP_SPEED_M_S
        self.steps.append(TimedStep(name, self._end_s, end_s, to_m, None, GRIP_FORCE_N, may_creep=name == CLOSE))
        self._end_s = end_s


def carry_steps(plan: GraspPlan) -> list[TimedStep]:
    """To the bin with what is held, let go, and back to the parked pose."""
    line, held_m = _Steps(), float(plan.row[WIDTH])
    line.move(Phase.PLACE, plan.motions[Phase.PLACE], held_m)
    line.grip(OPEN, plan.pre_open_m, plan.pre_open_m - held_m)
    line.move(Phase.RETREAT, plan.motions[Phase.RETREAT], plan.pre_open_m)
    return line.steps


def reach_steps(plan: GraspPlan, delay_s: float) -> list[TimedStep]:
    """From the parked pose to the object and up with it, from delay_s on; the fingers open on the way, which was
    checked with them open all along."""
    line, held_m = _Steps(), float(plan.row[WIDTH])
    line.wait_until(delay_s)
    line.move(Phase.TRANSIT, plan.motions[Phase.TRANSIT], plan.pre_open_m, opens=True)
    line.move(Phase.APPROACH, plan.motions[Phase.APPROACH], plan.pre_open_m)
    line.grip(CLOSE, 0.0, plan.pre_open_m - held_m)
    line.move(Phase.LIFT, plan.motions[Phase.LIFT], held_m)
    return line.steps


def time_line(carrying: GraspPlan, reaching: GraspPlan, delay_s: float) -> TimeLine:
    """By arm."""
    return {carrying.arm: carry_steps(carrying), reaching.arm: reach_steps(reaching, delay_s)}


def duration_s(steps: TimeLine) -> float:
    return float(np.max([line[-1].end_s for line in steps.values()]))
