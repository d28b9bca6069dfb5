"""Whether a cell's written geometry may be trusted before anything moves on it."""

import re
from datetime import date
from math import degrees, radians

from core.cell import Cell
from core.errors import CalibrationError

_BY_CONSTRUCTION = "by construction"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
#: A bumped tripod or a re-hung camera exceeds these; taping out the nominal pose stays within.
MAX_SHIFT_M = 0.05
MAX_TURN_RAD = radians(5.0)


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
            "Measure each arm's base against the table's centre, write it into the cell's YAML and say when and how "
            "under 'calibrated:' (docs/hardware.md).",
        )
    measured_on(cell, date.today())
    if camera_serial != cell.camera.serial:
        raise CalibrationError(
            f"The cell {cell.name!r} was measured with camera {cell.camera.serial}, this is {camera_serial}.",
            f"Plug camera {cell.camera.serial} in, or measure the cell again and write {camera_serial} into its YAML.",
        )


def check_cell(cell: Cell, camera_serial: str, view_shift: tuple[float, float] | None, *, real: bool) -> None:
    """Refuses a real cell that is uncalibrated, seen by another camera, or whose camera has moved.

    Args:
        camera_serial: serial of the camera whose frame is about to be acted on.
        view_shift: how far [m] and by what angle [rad] the tags place the camera from the cell's
            nominal pose; None where no tags were seen.
        real: whether real arms would move. The digital cell is right by construction, its camera
            is shaken on purpose, and it passes.

    Raises:
        CalibrationError: naming what contradicts the cell and how to mend it.
    """
    if not real:
        return
    check_measured(cell, camera_serial)
    if view_shift is None:
        raise CalibrationError(
            f"No tag of the cell {cell.name!r} is in view, so the camera's place cannot be checked.",
            "Uncover the tags and light them evenly, then try again.",
        )
    shift_m, turn_rad = view_shift
    # Written so that NaN refuses.
    if not (shift_m <= MAX_SHIFT_M and turn_rad <= MAX_TURN_RAD):
        raise CalibrationError(
            f"The tags place the camera {shift_m * 1000:.0f} mm and {degrees(turn_rad):.1f} deg from where the cell "
            f"{cell.name!r} says it is; {MAX_SHIFT_M * 1000:.0f} mm and {degrees(MAX_TURN_RAD):.0f} deg are allowed.",
            "Look whether the camera or a tag was moved. Put it back, or measure again and mend the cell's YAML.",
        )
