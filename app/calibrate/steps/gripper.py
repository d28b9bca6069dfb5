"""A gripper closes on nothing and opens wide: what it reads and how it presses then."""

from app.calibrate.sampling import Sampling
from calibration.result import GripperCheck

_FORCE_N = 5.0


def check_gripper(sampling: Sampling, arm: str) -> GripperCheck:
    """Of an empty hand.

    Raises:
        ArmError: it does not come to rest, or the arm is not ready.
    """
    driven, stroke_m = sampling.rig.world.arms[arm], sampling.cell.arms[arm].gripper_stroke_m
    closed = driven.grip(0.0, _FORCE_N)
    opened = driven.grip(stroke_m, _FORCE_N)
    driven.grip(0.0, _FORCE_N)
    check = GripperCheck(closed.gripper_width_m, closed.gripper_effort_nm, opened.gripper_width_m)
    sampling.operator.console.say(
        f"    the gripper reads {1000 * check.closed_m:.1f} mm closed, {1000 * check.open_m:.1f} mm open"
    )
    return check
