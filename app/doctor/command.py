"""`python main.py doctor`: what this machine can run, and the command that mends what it cannot."""

from collections.abc import Callable, Iterable
from datetime import date

from app.calibrate.cell import store_of
from app.console import Console
from app.doctor import devices, parts, system
from app.doctor.finding import Finding, Machine
from app.doctor.options import DoctorOptions
from app.paths import cell_file
from calibration.cell_check import measured_on
from calibration.merge import calibrated_cell
from core.cell import Cell, load_cell
from core.errors import VitroError

MARKS = {"pass": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}


def examine(options: DoctorOptions) -> int:
    """Prints every finding; 1 if something fails, which the digital cell needs or a cell that is plugged in."""
    console = Console(options.as_json)
    findings = examination(Machine(), load_cell(cell_file(options.cell)))
    for finding in findings:
        if options.fix:
            if finding.command and finding.state != "pass":
                console.say(finding.command)
            continue
        remedy = " ".join(filter(None, (finding.remedy, finding.command)))
        console.say(
            f"  {MARKS[finding.state]} {finding.subject:<16} {finding.found}"
            + (f"\n      → {remedy}" if remedy else "")
        )
    console.result({"findings": findings})
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def examination(machine: Machine, cell: Cell) -> list[Finding]:
    """Everything, in the order in which one thing stands on another."""
    checks: dict[str, Callable[[], Finding | Iterable[Finding]]] = {
        "OS packages": system.libraries,
        "disk": system.disk,
        "clock": lambda: system.clock(machine),
        "trial log": system.log,
        "page": system.page_port,
        "camera": lambda: devices.cameras(machine, cell),
        "udev": lambda: devices.udev(machine),
        "CAN": lambda: devices.can(machine, cell),
        "calibration": lambda: calibration(calibrated_cell(cell, store_of(cell)), date.today()),
        "renderer": system.renderer,
        "CUDA": parts.cuda,
        "models": parts.models,
        "AnyGrasp": parts.anygrasp,
        "GraspGen": parts.graspgen,
        "cuRobo": parts.curobo,
    }
    return [finding for subject, check in checks.items() for finding in _run(subject, check)]


def calibration(cell: Cell, today: date) -> Finding:
    """Whether and when the cell was measured; real arms stay still until it was."""
    where = ", ".join(
        f"{name} {mount.gripper_stroke_m * 1000:.0f} mm, {mount.firmware}" for name, mount in cell.arms.items()
    )
    if cell.calibrated is None:
        return Finding(
            "calibration",
            "warn",
            f"the cell {cell.name} was never measured",
            "It leads there:",
            f"python main.py bringup --cell {cell.name}",
        )
    day = measured_on(cell, today)
    what = f"{cell.name}, camera {cell.camera.serial}, {day} ({where})"
    if (today - day).days > cell.calibration_days:
        return Finding("calibration", "warn", f"{what}: {(today - day).days} days ago", "Measure again where in doubt.")
    return Finding("calibration", "pass", what)


def _run(subject: str, check: Callable[[], Finding | Iterable[Finding]]) -> list[Finding]:
    """A check that breaks is a finding too: the doctor never falls ill."""
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except VitroError as error:
        return [Finding(subject, "fail", error.cause, error.remedy)]
    except Exception as error:  # a broken library can raise anything
        return [Finding(subject, "fail", f"{type(error).__name__}: {error}", "Run ./setup.sh again.")]
