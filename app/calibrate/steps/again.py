"""One step of a calibration anew, all others as they are in the one in use."""

import numpy as np

from app.calibrate.cell import store_of
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.steps.hands import FINGERS, GRIPPER, TOUCH
from calibration.hand_eye import BoardView
from calibration.merge import merged
from calibration.result import CellCalibration
from calibration.sample_arrays import Arrays, stored_touch, stored_views, stored_zeros
from core.cell import Cell
from core.errors import CalibrationError, ConfigurationError
from core.json_values import plain
from perception.depth_types import SeenTag

#: The decision margin of tags that were sound enough to be stored.
_MARGIN = 100.0


def forget_step(step: str, samples: Samples, cell: Cell, rig: Rig) -> None:
    """Leaves in `samples` all but one step: of an unfinished calibration, else of the one in use.

    Raises:
        ConfigurationError: no such step.
        CalibrationError: none is in use, or it is of other hardware or of another board.
    """
    if step not in (*cell.arms, TOUCH, FINGERS, GRIPPER):
        steps = ", ".join((*cell.arms, TOUCH, FINGERS, GRIPPER))
        raise ConfigurationError(f"There is no step {step!r}.", f"Choose one of: {steps}.")
    if not samples.views:
        _take_stored(samples, cell, rig)
    samples.views.pop(step, None)
    for key in [key for key in samples.steps if step in key.split()]:  # an arm's views bring all of it
        del samples.steps[key]
    samples.write()


def _take_stored(samples: Samples, cell: Cell, rig: Rig) -> None:
    store = store_of(cell)
    version = store.current_version()
    if version is None:
        raise CalibrationError(
            f"No calibration of the cell {cell.name!r} is in use, of which a step could be repeated.",
            "Calibrate all of it: python main.py calibrate.",
        )
    calibration, arrays = store.load(version), store.samples(version)
    merged(cell, calibration)
    if abs(calibration.board["tag_m"] - rig.board.tag_m) > 1e-9:
        raise CalibrationError(
            f"The calibration in use was made with squares of {1000 * calibration.board['tag_m']:.2f} mm, these are of "
            f"{1000 * rig.board.tag_m:.2f} mm.",
            "Give the same --tag-mm, or calibrate all of it.",
        )
    for arm in cell.arms:
        samples.views[arm] = _views(arrays, arm, cell)
    samples.tags = [_tags(arrays)]
    samples.steps = _steps(calibration, arrays)


def _views(arrays: Arrays, arm: str, cell: Cell) -> list[BoardView]:
    """With the zeros that the cell's file has now."""
    more_rad = np.array(cell.arms[arm].zero_offset_rad) - stored_zeros(arrays, arm)
    views = stored_views(arrays, arm)
    return [BoardView(view.joints_rad + more_rad, view.board_m, view.corners_px) for view in views]


def _tags(arrays: Arrays) -> tuple[SeenTag, ...]:
    if "table ids" not in arrays:
        return ()
    sides_m = np.linalg.norm(arrays["table corners_m"][:, 1] - arrays["table corners_m"][:, 0], axis=1)
    rows = zip(arrays["table ids"], sides_m, arrays["table corners_px"], strict=True)
    return tuple(SeenTag(int(id_), float(side_m), corners, _MARGIN) for id_, side_m, corners in rows)


def _steps(calibration: CellCalibration, arrays: Arrays) -> dict[str, object]:
    touched = {f"{arm} {TOUCH}": stored_touch(arrays, arm) for arm in calibration.arms if f"{arm} touch" in arrays}
    fingers = {f"{arm} {FINGERS}": plain(touches) for arm, touches in calibration.fingers.items()}
    return {**plain(touched), **fingers, **{f"{arm} {GRIPPER}": plain(one) for arm, one in calibration.gripper.items()}}
