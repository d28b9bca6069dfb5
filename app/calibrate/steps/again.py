"""One step of a calibration anew, all others as they are in the one in use."""

from collections.abc import Sequence

import numpy as np

from app.calibrate.cell import store_of
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.steps.hands import FINGERS, GRIPPER, TOUCH, step_key
from app.console import Console
from calibration.board_view import mean_tags
from calibration.hand_eye import BoardView
from calibration.merge import merged
from calibration.result import CellCalibration
from calibration.sample_arrays import Arrays, stored_touch, stored_views, stored_zeros
from calibration.solve import poses_apart
from core.cell import Cell
from core.errors import CalibrationError, ConfigurationError, did_you_mean
from core.image import Intrinsics
from core.json_values import plain
from core.transforms import invert
from perception.depth_types import SeenTag
from perception.table.pose import solve_pose

#: A camera that moved by more since earlier views joins no new ones to them [mm], [deg]; told by so many tags.
_MOVED_MM, _MOVED_DEG, _LEAST_TAGS = 2.0, 0.1, 3
#: The decision margin of tags that were sound enough to be stored.
_MARGIN = 100.0


def forget_step(step: str, samples: Samples, cell: Cell, rig: Rig, wanted: int, console: Console) -> None:
    """Leaves in `samples` all but one step: of an unfinished calibration, else of the one in use. Of an arm whose views
    were being repeated it leaves those that there are.

    wanted: views of each arm.

    Raises:
        ConfigurationError: no such step.
        CalibrationError: none is in use, or it is of other hardware or of another board.
    """
    steps = (*cell.arms, TOUCH, FINGERS, GRIPPER)
    if step not in steps:
        cause = f"There is no step {step!r}.{did_you_mean(step, steps)}"
        raise ConfigurationError(cause, f"Choose one of: {', '.join(steps)}.")
    if samples.again == step and 0 < len(samples.views.get(step, [])) < wanted:
        console.say(f"  {step} arm: its {len(samples.views[step])} new views are gone on with")
        return
    if samples.views:
        console.say("  A calibration is unfinished: its step is repeated; --fresh repeats it of the one in use.")
    else:
        _take_stored(samples, cell, rig)
    samples.again = step
    samples.views.pop(step, None)
    for key in [key for key in samples.steps if step in key.split()]:  # an arm's views bring all of it
        del samples.steps[key]
    samples.write()


def demand_still_camera(
    before: Sequence[Sequence[SeenTag]], now: Sequence[SeenTag], intrinsics: Intrinsics, cell: Cell
) -> None:
    """Refuses to join views from before with new ones where the camera was moved between them.

    before: the table's tags in each picture of then; now: those of now.

    Raises:
        CalibrationError: by how much.
    """
    then = mean_tags(before)
    known = {tag.id for tag in then} & {tag.id for tag in now}
    if len(known) < _LEAST_TAGS:
        return
    then, now = (tuple(tag for tag in tags if tag.id in known) for tags in (then, now))
    moved_mm, moved_deg = poses_apart(*(invert(solve_pose(tags, intrinsics, cell)[0]) for tags in (then, now)))
    if moved_mm > _MOVED_MM or moved_deg > _MOVED_DEG:
        raise CalibrationError(
            f"The camera has moved by {moved_mm:.1f} mm and {moved_deg:.2f}° since these views were taken.",
            "Put it back, or calibrate all of it: python main.py calibrate --fresh.",
        )


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
    samples.steps = _steps(calibration, samples, arrays)


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


def _steps(calibration: CellCalibration, samples: Samples, arrays: Arrays) -> dict[str, object]:
    touched = {arm: stored_touch(arrays, arm) for arm in calibration.arms if f"{arm} touch" in arrays}
    told = ((TOUCH, touched), (FINGERS, calibration.fingers), (GRIPPER, calibration.gripper))
    return {
        step_key(samples, arm, name, calibration.lens): plain(one)
        for name, by_arm in told
        for arm, one in by_arm.items()  # type: ignore[attr-defined]
    }
