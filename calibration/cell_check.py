"""Whether a cell's written geometry may be trusted before anything moves on it."""

import re
from datetime import date
from math import degrees, radians

from core.cell import Cell
from core.errors import CalibrationError
from perception.table.camera_shift import CameraShift

_BY_CONSTRUCTION = "by construction"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
#: So much at least a digital cell's camera may be away: each trial puts its tripod back anew (`CAMERA_JITTER_M`).
SHAKEN_M, SHAKEN_RAD = 0.05, radians(5.0)


def measured_on(cell: Cell, today: date) -> date:
    """The day that `calibrated` names; today for the digital cell, which is right by construction.

    Raises:
        CalibrationError: it names none, or one that is still to come.
    """
    if (cell.calibrated or "").startswith(_BY_CONSTRUCTION):
        return today
    named = _DATE.search(cell.calibrated or "")
    try:
        day = date.fromisoformat(named[0] if named else "")
    except ValueError:
        day = date.max
    if day > today:
        raise CalibrationError(
            f"The cell {cell.name!r} does not say when it was measured: calibrated: {cell.calibrated}.",
            f"Write the day, how and by whom into its YAML, as: calibrated: {today}, by tape, KL.",
        )
    return day


def check_measured(cell: Cell, camera_serial: str) -> None:
    """Refuses a cell that nobody has measured, or that was measured with another camera.

    Raises:
        CalibrationError: what is missing or does not match, and how to mend it.
    """
    if cell.calibrated is None:
        raise CalibrationError(
            f"The cell {cell.name!r} is not calibrated: nobody has measured where its arms stand.",
            "Calibrate it: python main.py calibrate. Or measure each arm's base against the table's centre by hand, "
            "write it into the cell's YAML and say when and how under 'calibrated:' (docs/hardware.md).",
        )
    measured_on(cell, date.today())
    if camera_serial != cell.camera.serial:
        raise CalibrationError(
            f"The cell {cell.name!r} was measured with camera {cell.camera.serial}, this is {camera_serial}.",
            f"Plug camera {cell.camera.serial} in, or write {camera_serial} into the cell's YAML and calibrate again: "
            "python main.py calibrate.",
        )


def check_cell(cell: Cell, camera_serial: str, shift: CameraShift | None, *, real: bool) -> None:
    """Refuses a real cell that is uncalibrated or seen by another camera, and any whose camera has moved.

    Args:
        camera_serial: serial of the camera whose frame is about to be acted on.
        shift: where the tags place the camera from the cell's pose of it; None where no tags were seen.
        real: whether real arms would move. The digital cell needs no measuring, and its camera is shaken on purpose.

    Raises:
        CalibrationError: naming what contradicts the cell, what moved and which way, and how to mend it.
    """
    if real:
        check_measured(cell, camera_serial)
    if shift is None:
        raise CalibrationError(
            f"No tag of the cell {cell.name!r} is in view, so the camera's place cannot be checked.",
            "Uncover the tags and light them evenly, then try again.",
        )
    most_m, most_rad = cell.camera.max_shift_m, cell.camera.max_turn_rad
    if not real:
        most_m, most_rad = max(most_m, SHAKEN_M), max(most_rad, SHAKEN_RAD)
    # Written so that NaN refuses.
    if not (shift.distance_m <= most_m and shift.turn_rad <= most_rad):
        raise CalibrationError(
            f"The camera has moved, for all tags have moved alike in its picture: {shift} from where the cell "
            f"{cell.name!r} has it; {most_m * 1000:.0f} mm and {degrees(most_rad):.1f}° are allowed.",
            "Put it back (or the table under it), or calibrate the cell again: python main.py calibrate.",
        )
