"""`calibrate report`: a stored calibration as a page for the lab book."""

from pathlib import Path

from rich.markup import escape

from app.calibrate.store_options import CalibrationReportOptions
from app.calibrate.stored import named_store, version_in_use
from app.console import Console
from calibration.report.page import calibration_page, residuals_by_arm
from calibration.report.residuals import ArmResiduals
from calibration.result import CellCalibration
from calibration.sample_arrays import Arrays
from core.errors import ConfigurationError
from core.work import write_whole


def report_version(options: CalibrationReportOptions) -> int:
    """Raises:
    CalibrationError: there is no such version, or it is not as it was saved.
    ConfigurationError: the named file is there: none but a version's own report is written anew.
    StorageError: it cannot be written.
    """
    console, store = Console(options.as_json), named_store(options.cell)
    version = options.version or version_in_use(store)
    calibration, samples = store.load(version), store.samples(version)
    out = options.out or store.report_file(version)
    if options.out and out.exists():
        raise ConfigurationError(f"{out} exists already.", "Name another --out, or leave it out.")
    residuals = write_calibration_report(out, version, calibration, samples)
    console.say(f"The calibration {version} of {escape(store.cell)}: [bold]{escape(str(out))}[/]")
    views = {
        name: [{"view": view.number, "fit": view.fit, "left_out": view.left_out} for view in arm.views]
        for name, arm in residuals.items()
    }
    console.result({"version": version, "report": out, "views": views})
    return 0


def write_calibration_report(
    file: Path, version: str, calibration: CellCalibration, samples: Arrays
) -> dict[str, ArmResiduals]:
    """Whole or not at all, and the residuals that it shows; raises StorageError where it cannot be written."""
    residuals = residuals_by_arm(calibration, samples)
    page = calibration_page(version, calibration, samples, residuals)
    write_whole(file, page.encode())
    return residuals
