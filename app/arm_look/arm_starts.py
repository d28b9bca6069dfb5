"""Before a picture is taken: every arm is ready, within its limits, and free to start from where it stands."""

import numpy as np
from numpy.typing import NDArray

from app.arm_look.gated_drive import drive, width_between_fingers_m
from app.run.operator import Operator
from core.cell import Cell
from core.errors import ArmError
from grasping.planning.grasp_plan import CheckedMotion
from grasping.planning.starts import hindrances, plan_way_back, what_frees
from hardware.arms.arm import measured_joints
from hardware.arms.standing import demand_near_limits, freeing, told_beyond
from hardware.robot.description import joint_limits
from hardware.world import World


def prepare_starts(world: World, cell: Cell, operator: Operator, points_m: NDArray[np.float64]) -> None:
    """Demands that the arms can start. One that stands a little beyond a stop is led back, with the person's consent;
    one that cannot start leaves the work to the others, which is said.

    points_m: (N, 3) of what stands in the bin, world.

    Raises:
        ArmError: an arm is silent, led by hand, at fault, not enabled or far beyond a stop; or none can start. Or the
            one that was led back did not follow.
        KeyboardInterrupt: the person quits, or stopped an arm that was led back.
        PlanningError: the gate's word on a way back is old.
    """
    for arm in world.arms.values():
        arm.ready()
    for name, joints_rad in measured_joints(world.arms).items():
        demand_near_limits(joints_rad, joint_limits(cell.arms[name].zero_offset_rad), name)
    for name, arm in world.arms.items():
        width_m = width_between_fingers_m(arm, cell.arms[name])
        back = plan_way_back(cell, name, measured_joints(world.arms), width_m, points_m)
        if back is not None and not back.gate.passed:
            operator.console.say(f"    the {name} arm is not led back: {back.gate.violations[0]}")
        elif back is not None:
            _lead_back(back, world, cell, operator)
    hindered = hindrances(cell, measured_joints(world.arms))
    if len(hindered) == len(world.arms):
        causes = "; ".join(map(str, hindered.values()))
        raise ArmError(f"No arm can start from where it is: {causes}.", what_frees(hindered.values()))
    for one in hindered.values():
        operator.console.say(f"    [yellow]![/] {one}, so it cannot start; the other goes on. {one.remedy}")


def _lead_back(back: CheckedMotion, world: World, cell: Cell, operator: Operator) -> None:
    limits_rad = joint_limits(cell.arms[back.arm].zero_offset_rad)
    beyond = told_beyond(back.measured_rad[back.arm], limits_rad)
    if not operator.assume_yes:
        question = f"The {back.arm} arm stands {beyond}. Lead it slowly back?"
        operator.ask(question, {"y": "lead it back", "q": "quit, leave it there"})
    drive(world, operator, back)
    joints_rad = world.arms[back.arm].state().joints_rad
    if still := told_beyond(joints_rad, limits_rad):
        raise ArmError(
            f"The {back.arm} arm stood {beyond}, was led back, and now stands {still}.",
            freeing(joints_rad, limits_rad, back.arm),
        )
    operator.console.say(f"    the {back.arm} arm stood {beyond} and was led back")
