"""A gripper's zero and stroke against what its cell file says."""

from collections.abc import Mapping

from calibration.result import CalibrationFinding, GripperCheck
from core.cell_parts import ArmMount

#: Closed on nothing it reads 0, opened wide its stroke, give or take this much [m].
_ZERO_M, _STROKE_M = 0.0015, 0.003
#: Closed on nothing it presses by less than this [N m] above its fingers' own friction.
_PRESSED_NM = 0.3


def gripper_findings(checks: Mapping[str, GripperCheck], mounts: Mapping[str, ArmMount]) -> list[CalibrationFinding]:
    """checks, mounts: by arm."""
    found = []
    for arm, check in checks.items():
        stroke_m = mounts[arm].gripper_stroke_m
        off_m = check.open_m - check.closed_m - stroke_m
        if check.closed_m > _ZERO_M and check.closed_nm > _PRESSED_NM:
            cause = f"The {arm} gripper stops {check.closed_m * 1000:.1f} mm open and presses: it closed on something."
            found.append(
                CalibrationFinding("gripper-blocked", cause, "Empty the hand, then: calibrate --again gripper.", False)
            )
        elif abs(check.closed_m) > _ZERO_M:
            cause = f"The {arm} gripper reads {check.closed_m * 1000:+.1f} mm when it is closed: its zero is off."
            remedy = "Set its zero anew with the maker's tool: widths tell a held object from an empty hand."
            found.append(CalibrationFinding("gripper-zero", cause, remedy, False))
        if abs(off_m) > _STROKE_M:
            cause = (
                f"The {arm} gripper opens by {(check.open_m - check.closed_m) * 1000:.1f} mm, the cell's file has "
                f"{stroke_m * 1000:.1f} mm."
            )
            remedy = "Write its stroke into the cell's YAML (gripper_stroke_m), or see what keeps it from opening."
            found.append(CalibrationFinding("gripper-stroke", cause, remedy, False))
    return found
