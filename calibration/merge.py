"""A cell as its calibration in use has it: where arms and camera stand, and whether it is this cell's at all."""

from datetime import UTC, datetime

from pydantic import ValidationError

from calibration.result import CellCalibration
from calibration.store import CalibrationStore
from core.cell import Cell
from core.errors import CalibrationError

_REMEDY = (
    "With the same --cell: calibrate it (python main.py calibrate), or go back to another calibration (python main.py "
    "calibrate rollback). Or put back what was changed."
)


def calibrated_cell(cell: Cell, store: CalibrationStore) -> Cell:
    """The cell with the calibration in use merged in; as it is where none is.

    Raises:
        CalibrationError: it is of another camera, resolution, set of arms, firmware or stroke, or damaged.
    """
    version = store.current_version()
    if version is None:
        return cell
    return merged(cell, store.load(version)).model_copy(update={"calibration": version})


def merged(cell: Cell, calibration: CellCalibration) -> Cell:
    """As `calibrated_cell`, with one calibration."""
    for what, ours, theirs in _keys(cell, calibration):
        if ours != theirs:
            raise CalibrationError(
                f"The calibration of {calibration.date[:10]} is of {what} {theirs}, the cell {cell.name!r} has {ours}.",
                _REMEDY,
            )
    try:
        arms = {
            name: cell.arms[name]
            .placed(arm.T_world_base)
            .model_copy(update={"zero_offset_rad": tuple(map(float, arm.offsets_rad))})
            for name, arm in calibration.arms.items()
        }
        camera = cell.camera.placed(calibration.T_world_camera).model_copy(
            update={"lens_px": _lens_px(cell, calibration)}
        )
        # By the clock on the wall: whoever reads it asks whether that day has come yet.
        day = datetime.fromisoformat(calibration.date).astimezone()
        calibrated = f"{day:%Y-%m-%d %H:%M} by python main.py calibrate"
        changes = {"arms": arms, "camera": camera, "calibrated": calibrated}
        return Cell.model_validate(cell.model_copy(update=changes).model_dump())
    except ValidationError as error:
        what = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise CalibrationError(
            f"With the calibration of {calibration.date[:10]} the cell {cell.name!r} cannot stand: {what}.", _REMEDY
        ) from error


def _lens_px(cell: Cell, calibration: CellCalibration) -> tuple[float, float, float, float] | None:
    """None where the camera states its lens as it is. A lens that needed no refining is the one that the cell's file
    has, as an exported calibration wrote it: the arms were solved with that one."""
    if calibration.lens is None or calibration.lens.kind == "factory":
        return cell.camera.lens_px
    k = calibration.lens.intrinsics
    return k.fx, k.fy, k.cx, k.cy


def age_days(calibration: CellCalibration, now: datetime | None = None) -> float:
    """How old it is; negative where its date has not come yet. now: with its time zone."""
    return ((now or datetime.now(UTC)) - datetime.fromisoformat(calibration.date)).total_seconds() / 86400


def _keys(cell: Cell, calibration: CellCalibration) -> list[tuple[str, str, str]]:
    """What must agree: (name, the cell's, the calibration's)."""
    camera, seen = cell.camera, calibration.intrinsics
    keys = [
        ("the camera", camera.serial, calibration.camera_serial),
        ("pictures of", f"{camera.width}x{camera.height}", f"{seen.width}x{seen.height}"),
        ("the arms", _list_words(cell.arms), _list_words(calibration.arms)),
    ]
    for name, mount in cell.arms.items():
        theirs = calibration.firmware.get(name, "unknown"), calibration.stroke_m.get(name, 0.0)
        keys.append((f"the {name} arm's firmware", f"`{mount.firmware}`", f"`{theirs[0]}`"))
        keys.append((f"the {name} gripper's stroke", _mm(mount.gripper_stroke_m), _mm(theirs[1])))
    return keys


def _list_words(names: object) -> str:
    return ", ".join(sorted(names))  # type: ignore[call-overload]


def _mm(length_m: float) -> str:
    return f"{length_m * 1000:.1f} mm"
