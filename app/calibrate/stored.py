"""`calibrate list|show|diff|rollback|export`: what was stored, told and taken into use."""

from typing import Any

import numpy as np
import yaml
from rich.markup import escape

from app.calibrate.cell import store_of
from app.calibrate.store_options import DiffOptions, ExportOptions, RollbackOptions, ShowOptions, VersionsOptions
from app.console import Console
from app.paths import cell_file
from calibration.compare import differences
from calibration.merge import merged
from calibration.result import CellCalibration
from calibration.store import CalibrationStore
from core.cell import load_cell
from core.errors import CalibrationError, ConfigurationError
from core.json_values import plain
from core.report.words import counted
from core.work import write_whole


def list_versions(options: VersionsOptions) -> int:
    console, store = Console(options.as_json), named_store(options.cell)
    try:
        current = store.current_version()
    except CalibrationError as error:  # what there is must be listed all the same: it says to look here
        console.error(error)
        current = None
    versions = [_summary(store, version) | {"current": version == current} for version in store.versions()]
    rows = [
        (
            "*" if one["current"] else "",
            one["version"],
            one["camera_serial"] or "",
            *(" ".join(f"{arm[key]:.2f}" for arm in one["arms"].values()) for key in ("holdout_px", "holdout_mm")),
            " ".join(f"{mm:.1f}" for mm in one["touch_mm"]),
            one["damaged"] or "",
        )
        for one in versions
    ]
    columns = ("used", "version", "camera", "left out, px", "left out, mm", "touch, mm", "damaged")
    console.table(f"{counted(len(versions), 'calibration')} of {store.cell} in {store.folder}", columns, rows)
    console.result({"cell": store.cell, "current": current, "versions": versions})
    return 0


def show_version(options: ShowOptions) -> int:
    console, store = Console(options.as_json), named_store(options.cell)
    version = options.version or version_in_use(store)
    calibration = store.load(version)
    console.say(f"[bold]{version}[/] of the cell {escape(store.cell)}, camera {escape(calibration.camera_serial)}")
    _say_pose(console, "camera", calibration.T_world_camera)
    for name, arm in calibration.arms.items():
        _say_pose(console, f"{name} arm", arm.T_world_base)
        zeros = ", ".join(f"{offset:+.2f}" for offset in np.rad2deg(arm.offsets_rad))
        console.say(
            f"      ± {arm.sigma_mm.max():.2f} mm, ± {arm.sigma_deg.max():.3f}° (one sigma); zeros {zeros}°; "
            f"{arm.views} views, left out {arm.holdout_px:.2f} px, {arm.holdout_mm:.2f} mm; unseen: "
            f"{', '.join(arm.unseen) or 'nothing'}"
        )
    for name, touches in calibration.fingers.items():
        heights = ", ".join(f"{touch.height_mm:+.1f}" for touch in touches)
        felt = f"the table felt at {heights} mm" if touches else "the table was not felt"
        check = calibration.gripper[name]
        console.say(
            f"  {name} hand: {felt}; gripper {1000 * check.closed_m:.1f} mm closed, {1000 * check.open_m:.1f} mm open"
        )
    for finding in [*calibration.findings, *(one for arm in calibration.arms.values() for one in arm.findings)]:
        console.say(f"  [yellow]![/] {escape(finding.cause)}\n      → {escape(finding.remedy)}")
    console.result({"version": version, **plain(calibration)})
    return 0


def compare_versions(options: DiffOptions) -> int:
    console, store = Console(options.as_json), named_store(options.cell)
    second = options.second or version_in_use(store)
    found = list(differences(store.load(options.first), store.load(second)))
    rows = [
        (one.what, f"{one.mm:.2f}", f"{one.deg:.3f}", "" if one.zeros_deg is None else f"{one.zeros_deg:.3f}")
        for one in found
    ]
    console.table(f"From {options.first} to {second}", ("", "mm", "°", "a joint's zero, °"), rows)
    console.result({"from": options.first, "to": second, "differences": found})
    return 0


def roll_back(options: RollbackOptions) -> int:
    console, store = Console(options.as_json), named_store(options.cell)
    before = store.current_version() if not options.to else None
    version = store.rollback(options.to or None)
    now = f"[bold]{version}[/] is in use" if version else "no calibration is in use: the cell counts as its file has it"
    left = f"; calibrate rollback --to {before} undoes this" if before else ""
    console.say(f"{now} (cell {escape(store.cell)}){left}")
    console.result({"cell": store.cell, "current": version, "before": before})
    return 0


def export_cell(options: ExportOptions) -> int:
    """Raises ConfigurationError for a file that is there: none is overwritten."""
    console, cell = Console(options.as_json), load_cell(cell_file(options.cell))
    if options.out.exists():
        raise ConfigurationError(f"{options.out} exists already.", "Name another --out: no cell is overwritten.")
    store = store_of(cell)
    version = options.version or version_in_use(store)
    content = merged(cell, store.load(version)).model_dump(mode="json")
    write_whole(options.out, yaml.safe_dump(content, sort_keys=False, default_flow_style=None).encode())
    console.say(f"The cell {escape(cell.name)} as of {version}: [bold]{escape(str(options.out))}[/]")
    console.result({"cell": str(options.out), "version": version})
    return 0


def named_store(cell: str) -> CalibrationStore:
    return store_of(load_cell(cell_file(cell)))


def version_in_use(store: CalibrationStore) -> str:
    version = store.current_version()
    if version is None:
        raise CalibrationError(
            f"No calibration of the cell {store.cell!r} is in use.",
            "Calibrate it (python main.py calibrate), or name a version (calibrate list).",
        )
    return version


def _summary(store: CalibrationStore, version: str) -> dict[str, Any]:
    """What a list says of a version; of a damaged one, what is wrong."""
    try:
        return {"version": version, "damaged": None, **_facts(store.load(version))}
    except CalibrationError as error:
        nothing: dict[str, Any] = {"date": None, "camera_serial": None, "arms": {}, "touch_mm": ()}
        return {"version": version, "damaged": error.cause, **nothing}


def _facts(calibration: CellCalibration) -> dict[str, Any]:
    arms = {
        name: {"views": arm.views, "holdout_px": arm.holdout_px, "holdout_mm": arm.holdout_mm}
        for name, arm in calibration.arms.items()
    }
    return {
        "date": calibration.date,
        "camera_serial": calibration.camera_serial,
        "arms": arms,
        "touch_mm": calibration.touch_mm,
    }


def _say_pose(console: Console, what: str, T_world_part: Any) -> None:
    from scipy.spatial.transform import Rotation

    x, y, z = 1000 * T_world_part[:3, 3]
    turn = ", ".join(f"{angle:.2f}" for angle in np.rad2deg(Rotation.from_matrix(T_world_part[:3, :3]).as_rotvec()))
    console.say(f"  {escape(what)}: {x:.1f}, {y:.1f}, {z:.1f} mm; rotation vector {turn}°")
