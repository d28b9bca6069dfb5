"""A gripper closes on nothing and opens wide: what it reads and how it presses then."""

from app.calibrate.sampling import Sampling
from calibration.result import GripperCheck

_FORCE_N = 5.0
#: How wide it is left [m]: closed it would press, which passes for something held.
_LEFT_M = 0.02


def check_gripper(sampling: Sampling, arm: str) -> GripperCheck:
    """Of an empty hand, once a person says that fingers may move.

    Raises:
        ArmError: it does not come to rest, or the arm is not ready.
        KeyboardInterrupt: a person stops it.
    """
    stroke_m = sampling.cell.arms[arm].gripper_stroke_m
    wide_mm, left_mm = round(1000 * stroke_m), round(1000 * _LEFT_M)
    sampling.confirm(f"  Fingers away: the {arm} gripper closes, opens to {wide_mm} mm and closes to {left_mm}.")
    closed = sampling.grip(arm, 0.0, _FORCE_N)
    opened = sampling.grip(arm, stroke_m, _FORCE_N)
    sampling.grip(arm, _LEFT_M, _FORCE_N)
    check = GripperCheck(closed.gripper_width_m, closed.gripper_effort_nm, opened.gripper_width_m)
    sampling.operator.console.say(
        f"    the gripper reads {1000 * check.closed_m:.1f} mm closed, {1000 * check.open_m:.1f} mm open"
    )
    return check
