"""Before a scene is laid: an arm that stands between the camera and the table goes back to where it is parked, where a
person says that nothing lies in its way. What lies on the table is not known yet: nobody else can say so."""

from app.arm_look.gated_drive import drive, width_between_fingers_m
from app.run.operator import Operator
from calibration.poses import BoardScene, plan_move
from core.cell import Cell
from core.errors import PlanningError
from grasping.planning.collision import TABLE_CLEARANCE_M
from hardware.arms.arm import measured_joints
from hardware.robot.description import PARK_JOINTS
from hardware.world import World
from perception.arms.in_view import ArmInView, arms_in_view

#: Share of full speed.
_SPEED = 0.25


def clear_view(world: World, cell: Cell, operator: Operator) -> None:
    """Asks of each arm that hides the table whether it may go back, and has it go. With --yes there is nobody to ask,
    and where there is no way it stays: no picture is taken then, which says why.

    Raises:
        ArmError: an arm moved meanwhile, or does not follow.
        KeyboardInterrupt: the person quits, or stops it; it holds.
    """
    if operator.assume_yes:
        return
    for hiding in arms_in_view(cell, world.camera.intrinsics, measured_joints(world.arms)):
        try:
            _park(hiding, world, cell, operator)
        except PlanningError as error:
            cause = f"The {hiding.arm} arm is not led back to its parked pose: {error.cause}"
            operator.console.error(PlanningError(cause, "Bring it there by hand (teach mode at its button)."))


def _park(hiding: ArmInView, world: World, cell: Cell, operator: Operator) -> None:
    arm, camera, joints_rad = hiding.arm, cell.camera.T_world_camera, measured_joints(world.arms)
    width_m = width_between_fingers_m(world.arms[arm], cell.arms[arm])
    scene = BoardScene(cell, arm, None, world.camera.intrinsics, camera, joints_rad, width_m, TABLE_CLEARANCE_M)
    motion = plan_move(scene, PARK_JOINTS, _SPEED, seed=0)
    text = f"From where it stands {hiding}. Take everything off the table and out of the bin, hands out of the cell."
    operator.ask(text, {"p": f"park the {arm} arm ({motion.way.duration_s:.1f} s)", "q": "quit, leave it there"})
    drive(world, operator, motion)
