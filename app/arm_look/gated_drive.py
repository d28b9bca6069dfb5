"""One arm driven along one motion through free space: as the gate passed it, from where it passed it, or not at all."""

from collections.abc import Callable

from app.run.look import require_fresh
from app.run.operator import Operator
from calibration.looks.arm_look import LEAST_WIDTH_M
from core.cell_parts import ArmMount
from core.errors import PlanningError
from grasping.execution import MotionStopped
from grasping.planning.grasp_plan import CheckedMotion
from hardware.arms.arm import Arm, measured_joints
from hardware.world import World


def width_between_fingers_m(arm: Arm, mount: ArmMount) -> float:
    """For a motion that is checked with them: closed ones touch, and none are wider open than their stroke."""
    return min(max(arm.state().gripper_width_m, LEAST_WIDTH_M), mount.gripper_stroke_m)


def drive(world: World, operator: Operator, motion: CheckedMotion, feels: Callable[[], bool] = lambda: False) -> None:
    """Drives an approved motion until it ends or `feels`.

    Raises:
        PlanningError: it is not what the gate passed, or that is long ago; nothing is sent.
        ArmError: an arm moved meanwhile, or does not follow.
        KeyboardInterrupt: a person stops it; the arm holds.
    """
    arm, should_stop = world.arms[motion.arm], operator.interrupts.should_stop
    if not motion.is_sealed:
        raise PlanningError(
            f"The motion of the {motion.arm} arm is not one that the gate passed: it was refused, or changed since. "
            "Nothing is sent.",
            "Start again: it is planned and checked anew.",
        )
    require_fresh(motion.gate, motion.measured_rad, measured_joints(world.arms))
    try:
        with operator.motion(arm):
            arm.follow(motion.way, lambda: should_stop() or feels())
    except MotionStopped as stop:
        raise KeyboardInterrupt from stop
