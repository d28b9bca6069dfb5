"""Faults of the camera and of what it looks at."""

import threading

from app.bench.faults.cell import FaultyCell
from app.bench.faults.kinds import Fault
from app.bench.faults.script import Stage
from core.errors import CameraError
from trials.record import Outcome, Reason

_SEEN = (Stage.IDLE, Stage.CAPTURE)
_GONE = CameraError("d435 0 was unplugged and did not come back.", "Plug it in and start again.")
_SILENT = CameraError("d435 0 gave no frame in 1.0 s.", "Check its USB 3 cable, then run `python main.py doctor`.")


def _camera(name: str, *reasons: Reason, estimator: str = "", **changes: object) -> Fault:
    def strike(cell: FaultyCell) -> None:
        for attribute, value in changes.items():
            setattr(cell.camera.faults, attribute, value)

    return Fault(
        name,
        "camera",
        _SEEN,
        strike,
        reasons or (Reason.CAMERA,),
        exits=(0, 1),
        estimator=estimator,
        hangs="hangs" in changes,
    )


def _repeat(cell: FaultyCell) -> None:
    cell.camera.read()
    cell.camera.faults.repeats = True


def _wait_for_ever() -> None:
    threading.Event().wait()


FAULTS = (
    _camera("camera unplugged", raises=_GONE),
    _camera("camera silent", raises=_SILENT),
    _camera("camera hangs", hangs=_wait_for_ever),
    Fault("frame repeated", "camera", _SEEN, _repeat, (Reason.CAMERA,), exits=(0, 1)),
    _camera("frame of 100 s ago", age_s=100.0),
    _camera("depth all holes", Reason.DEPTH, Reason.SCALE, Reason.NO_GRASP, no_depth=True, estimator="raw"),
    _camera("tags covered", Reason.TABLE, covered=True),
    _camera("picture black", Reason.CAMERA, Reason.TABLE, black=True),
    Fault("camera turned away", "camera", _SEEN, FaultyCell.turn_camera, (Reason.TABLE,), exits=(0, 1)),
    Fault(
        "tag moved",
        "camera",
        _SEEN,
        FaultyCell.move_tag,
        (Reason.TABLE,),
        exits=(0, 1),
        stop_s=None,
        outcomes=(Outcome.REFUSED, Outcome.SUCCESS),  # the other five agree, and can do without it
    ),
)
