"""`calibrate list|show|report|diff|rollback|export`: calibrations that were stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.options import CellOption, JsonOption, add_command

commands = typer.Typer()

Version = Annotated[str, typer.Argument(help="A version, as `calibrate list` names it; default: the one in use.")]


@dataclass(frozen=True, kw_only=True)
class VersionsOptions(CellOption, JsonOption):
    """The calibrations of a cell, oldest first."""


@dataclass(frozen=True, kw_only=True)
class ShowOptions(CellOption, JsonOption):
    """One calibration: where things stand, how sure that is, what was found."""

    version: Version = ""


@dataclass(frozen=True, kw_only=True)
class CalibrationReportOptions(CellOption, JsonOption):
    """One calibration as an HTML page for the lab book: numbers, residuals, coverage, findings."""

    version: Version = ""
    out: Annotated[
        Path | None, typer.Option(help="The page to write; default: beside the stored version.", show_default=False)
    ] = None


@dataclass(frozen=True, kw_only=True)
class DiffOptions(CellOption, JsonOption):
    """How far arms and camera stand apart in two calibrations."""

    first: Annotated[str, typer.Argument(help="A version, as `calibrate list` names it.")]
    second: Version = ""


@dataclass(frozen=True, kw_only=True)
class RollbackOptions(CellOption, JsonOption):
    """Take the calibration into use that was in use before; nothing is deleted."""

    to: Annotated[str, typer.Option(metavar="VERSION", help="This one instead.", show_default=False)] = ""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(CellOption, JsonOption):
    """Write the cell as one YAML, a calibration merged in."""

    version: Version = ""
    out: Annotated[Path, typer.Option(help="The cell YAML to write.")]


add_command(commands, "list", "app.calibrate.stored:list_versions", VersionsOptions)
add_command(commands, "show", "app.calibrate.stored:show_version", ShowOptions)
add_command(commands, "report", "app.calibrate.report:report_version", CalibrationReportOptions)
add_command(commands, "diff", "app.calibrate.stored:compare_versions", DiffOptions)
add_command(commands, "rollback", "app.calibrate.stored:roll_back", RollbackOptions)
add_command(commands, "export", "app.calibrate.stored:export_cell", ExportOptions)
