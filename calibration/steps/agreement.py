"""Whether both arms' calibrations tell of one cell: they saw one board and one camera, and stand at one table."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from calibration.result import Agreement, ArmCalibration, CalibrationFinding, FingerTouch
from core.cell import Cell

#: What is told: the board's size in two arms' eyes, in standard deviations and as a share; the table's height in them
#: [mm]; the feet's distance beside the one in the file [mm]: a ruler errs by less.
_SIGMAS, _SHARE, _HEIGHT_MM, _FEET_MM = 4.0, 0.004, 3.0, 40.0


def agreements(
    cell: Cell, arms: Mapping[str, ArmCalibration], touches: Mapping[str, Sequence[FingerTouch]]
) -> Iterator[Agreement]:
    """Of every two arms. cell: as its file has it."""
    for one, other in combinations(sorted(arms), 2):
        a, b = arms[one], arms[other]
        feet_m = float(np.linalg.norm(a.T_world_base[:3, 3] - b.T_world_base[:3, 3]))
        stated_m = float(np.linalg.norm(np.subtract(cell.arms[one].base_m, cell.arms[other].base_m)))
        heights = [np.median([touch.height_mm for touch in touches.get(name, ())] or [np.nan]) for name in (one, other)]
        yield Agreement(
            between=(one, other),
            feet_mm=1000 * feet_m,
            stated_mm=1000 * stated_m,
            size_share=a.board_scale / b.board_scale - 1,
            size_sigma=float(np.hypot(a.board_sigma, b.board_sigma)),
            height_mm=float(heights[0] - heights[1]),
        )


def agreement_findings(told: Sequence[Agreement]) -> list[CalibrationFinding]:
    found = []
    for one in told:
        names = " and ".join(one.between)
        causes = []
        if abs(one.size_share) > max(_SHARE, _SIGMAS * one.size_sigma):
            causes.append(f"their one board is {one.size_share:+.1%} larger in the first one's hand")
        if abs(one.height_mm) > _HEIGHT_MM:
            causes.append(f"they feel the table at heights {abs(one.height_mm):.1f} mm apart")
        if abs(one.feet_mm - one.stated_mm) > _FEET_MM:
            causes.append(f"their feet are {one.feet_mm:.0f} mm apart, {one.stated_mm:.0f} mm in the cell's file")
        if causes:
            cause = f"The {names} arms do not tell of one cell: {'; '.join(causes)}."
            remedy = "Check each arm's firmware in the cell's file and its fingers, then calibrate --again the one."
            found.append(CalibrationFinding("arms-disagree", cause, remedy, False))
    return found
