"""The cell that a command works in: its file with the calibration in use merged in."""

from pathlib import Path

from app.console import Console
from app.paths import calibrations, cell_file
from calibration.merge import age_days, calibrated_cell
from calibration.store import CalibrationStore
from core.cell import Cell, load_cell
from core.errors import CalibrationError, ConfigurationError
from hardware.robot.description import PARK_JOINTS


def load_calibrated(name: str) -> Cell:
    """A cell by name or file, where its calibration in use has its arms and camera; as the file has it without one.

    Raises:
        ConfigurationError: no such cell, one that cannot be built, or one with a fixture where an arm parks.
        CalibrationError: the calibration is of other hardware, or damaged.
    """
    cell = load_parkable(cell_file(name))
    return calibrated_cell(cell, store_of(cell))


def load_parkable(file: Path) -> Cell:
    """A cell as its file has it, where its arms have room to park: core, which checks the file, knows no arms.

    Raises:
        ConfigurationError: as `load_calibrated`.
    """
    cell = load_cell(file)
    if not cell.fixtures:
        return cell
    # Here, for it brings MuJoCo along, which commands that list or examine do without.
    from grasping.planning.starts import IN_A_FIXTURE, hindrances

    for one in hindrances(cell, dict.fromkeys(cell.arms, PARK_JOINTS)).values():
        if one.what == IN_A_FIXTURE:
            raise ConfigurationError(
                f"The cell file {file} cannot be used: one of its fixtures stands where the {one.arm} arm parks.",
                "See its center_m, size_m and bottom_m: metres, from the table's middle and upwards from its top.",
            )
    return cell


def store_of(cell: Cell) -> CalibrationStore:
    return CalibrationStore(calibrations(), cell.name)


def confirm_age(cell: Cell, console: Console, assume_yes: bool) -> None:
    """Has a person say whether a calibration older than the cell allows is still good.

    Raises:
        CalibrationError: it is too old to go unasked.
        KeyboardInterrupt: the person quits.
    """
    calibration = store_of(cell).current()
    if calibration is None:
        return
    days = age_days(calibration)
    if 0 <= days <= cell.calibration_days:
        return
    old = (
        f"The calibration of the cell {cell.name!r} is {days:.0f} days old; {cell.calibration_days:g} go unasked."
        if days > 0
        else f"The calibration of the cell {cell.name!r} is of {calibration.date[:10]}, which has not come yet."
    )
    if assume_yes:
        raise CalibrationError(
            old, "Calibrate it again (python main.py calibrate), or start without --yes and say by key that it holds."
        )
    if console.ask_key(f"{old} Has nothing been moved since?", {"y": "use it", "q": "quit"}) == "q":
        raise KeyboardInterrupt
