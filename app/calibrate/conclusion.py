"""What a calibration came to: told, accepted by a person, stored, and written as a page for the lab book."""

from pathlib import Path
from typing import Any

from rich.markup import escape

from app.calibrate.report import write_calibration_report
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.console import Console
from app.events import CalibrationSolved
from app.paths import home
from app.question import Question
from app.run.operator import Operator
from calibration.result import ArmCalibration, CellCalibration
from calibration.solve import poses_apart
from calibration.steps.fingers import NOT_MEASURED
from calibration.store import CalibrationStore
from core.errors import StorageError
from core.report.words import counted
from core.transforms import Matrix

#: So many standard deviations hold what is true in 95 % of cases.
SURE = 1.96


def conclude(calibration: CellCalibration, rig: Rig, operator: Operator, samples: Samples) -> int:
    """Says what came of it, and stores it unless something, or a person, forbids that."""
    console = operator.console
    for name, arm in calibration.arms.items():
        console.say(_line(name, arm))
    findings = calibration.all_findings
    for finding in findings:
        mark = "[red]✗[/]" if finding.fatal else "[yellow]![/]"
        console.say(f"  {mark} {escape(finding.cause)}\n      → {escape(finding.remedy)}")
    console.events.tell(CalibrationSolved(calibration))
    accepted = not any(finding.fatal for finding in findings) and _is_accepted(operator)
    report: Path | None = None
    if accepted:
        store = CalibrationStore(home() / "calibrations", calibration.cell)
        version = store.save(calibration)
        samples.forget()
        missing = sum(finding.kind == NOT_MEASURED for finding in findings)
        short = f", [yellow]without {counted(missing, 'step')} that told nothing (above)[/]" * bool(missing)
        console.say(f"  [green]✓[/] stored as {version} and in use{short}; calibrate rollback undoes it")
        report = _report(store, version, calibration, console)
    console.events.tell(CalibrationSolved(calibration, accepted, report))
    console.result(_figures(calibration, rig) | {"findings": findings, "accepted": accepted, "report": report})
    return 0 if accepted else 1


def _figures(calibration: CellCalibration, rig: Rig) -> dict[str, Any]:
    """What it came to, of the worst arm, and where that is known what it is off."""
    arms = calibration.arms
    return {
        "errors": {name: _error(arm, rig.T_camera_base(name)) for name, arm in arms.items()},
        "holdout": {
            "px": max(arm.holdout_px for arm in arms.values()),
            "mm": max(arm.holdout_mm for arm in arms.values()),
        },
        "driven": {
            "px": max(arm.driven_px for arm in arms.values()),
            "mm": max(arm.driven_mm for arm in arms.values()),
        },
        "error_sigmas": {name: rig.error_sigmas(name, arm) for name, arm in arms.items()},
        "touch_mm": calibration.touch_mm,
        "lens": calibration.lens,
        "fingers": calibration.fingers,
        "gripper": calibration.gripper,
        "agreement": calibration.agreement,
    }


def _error(arm: ArmCalibration, truth: Matrix | None) -> dict[str, float] | None:
    """None where no truth is known."""
    if truth is None:
        return None
    return dict(zip(("translation_mm", "rotation_deg"), poses_apart(arm.T_camera_base, truth), strict=True))


def _is_accepted(operator: Operator) -> bool:
    """By a person, who sees what it came to; by --yes where nothing forbids it."""
    if operator.assume_yes:
        return True
    choices = {"y": "accept", "n": "reject"}
    reply = operator.reply(Question("Store this calibration and take it into use?", choices, "accept"))
    if reply.key == "n":
        operator.console.say("  not stored; calibrate solves these views again, calibrate --fresh takes new ones")
    return reply.key == "y"


def _report(store: CalibrationStore, version: str, calibration: CellCalibration, console: Console) -> Path | None:
    """Its file; None where it cannot be written, which undoes no calibration."""
    file = store.report_file(version)
    try:
        write_calibration_report(file, version, calibration, calibration.samples)
    except StorageError as error:
        console.error(error)
        return None
    console.say(f"  for the lab book: [bold]{escape(str(file))}[/]")
    return file


def _line(name: str, arm: ArmCalibration) -> str:
    apart = [mm for mm, _ in arm.disagreement.values()]
    sure = f"± {SURE * arm.sigma_mm.max():.2f} mm ± {SURE * arm.sigma_deg.max():.3f}° (95 %)"
    return (
        f"  {name} arm: {arm.views} views, left out {arm.holdout_px:.2f} px {arm.holdout_mm:.2f} mm (driven by its "
        f"zeros alone {arm.driven_mm:.2f} mm); base {sure}; {len(apart)} closed forms differ by "
        f"{min(apart):.1f} to {max(apart):.1f} mm"
    )
