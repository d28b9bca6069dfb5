"""Whether an arm that holds its object in the air may carry it away: a question may have taken its time."""

from app.run.look import Joints, require_fresh
from core.errors import PlanningError
from grasping.execution import demand_held
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.plan import OverlapPlan
from hardware.arms.arm import Arm


def demand_carrying(plan: GraspPlan, joints: Joints, arm: Arm) -> None:
    """Whether what was lifted may still be carried away.

    Args:
        joints: (6,) [rad] of every arm, measured now. arm: the plan's.

    Raises:
        PlanningError: the gate's check of it is old.
        ArmError: the object is held no longer, or the arms are not where they were.
    """
    stand = {**plan.measured_rad, plan.arm: plan.motions[Phase.PLACE].positions_rad[0]}
    try:
        require_fresh(plan.gate, stand, joints)
    except PlanningError as error:
        raise PlanningError(
            f"{error.cause} The {plan.arm} arm holds its object in the air.",
            "Start again without --yes: you are asked to support it before the gripper opens.",
        ) from error
    demand_held(arm)


def too_late(overlap: OverlapPlan, age_s: float) -> str:
    """What is said of an answer after which the picture [s] is too old for two arms."""
    return (
        f"too late: the picture is {age_s:.0f} s old, and no other can be taken while an arm holds its object over the "
        f"table; the {overlap.reaching.arm} arm waits, the {overlap.carrying.arm} one carries alone"
    )
