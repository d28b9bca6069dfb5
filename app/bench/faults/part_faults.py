"""Faults of estimator, detector and planner, as a lab's own can have them."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from app.bench.faults.cell import FaultyCell
from app.bench.faults.kinds import Fault
from app.bench.faults.script import BROKEN, Stage
from hardware.arms.trajectory import JointTrajectory
from trials.record import Reason

#: What gives a part's answer, taking what would give the right one.
Wrong = Callable[[Callable[[], Any]], Any]


def _part(part: str, what: str, wrong: Wrong, phase: Stage, *reasons: Reason) -> Fault:
    def strike(cell: FaultyCell) -> None:
        BROKEN[part] = wrong

    return Fault(f"{part} {what}", part, (phase,), strike, reasons, exits=(0,), hangs=wrong is _hangs)


def _raises(error: BaseException) -> Wrong:
    def wrong(work: Callable[[], Any]) -> Any:
        raise error

    return wrong


def _cuda_full(work: Callable[[], Any]) -> Any:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def _hangs(work: Callable[[], Any]) -> Any:
    threading.Event().wait()


def _answers(change: Callable[[Any], Any]) -> Wrong:
    return lambda work: change(work())


def _moved(by_rad: float) -> Wrong:
    """All joints of all motions elsewhere; NaN: nowhere."""

    def moved(motions: dict[Any, JointTrajectory]) -> dict[Any, JointTrajectory]:
        return {phase: replace(one, positions_rad=one.positions_rad + by_rad) for phase, one in motions.items()}

    return _answers(moved)


def _estimator(what: str, wrong: Wrong) -> Fault:
    return _part("estimator", what, wrong, Stage.ESTIMATE, Reason.DEPTH, Reason.SCALE)


def _detector(what: str, wrong: Wrong) -> Fault:
    return _part("detector", what, wrong, Stage.ESTIMATE, Reason.NO_GRASP)


def _planner(what: str, wrong: Wrong) -> Fault:
    return _part("planner", what, wrong, Stage.PLAN, Reason.NO_PLAN)


FAULTS = (
    _estimator("raises ValueError", _raises(ValueError("shapes do not match"))),
    _estimator("runs out of memory", _raises(MemoryError("Unable to allocate 8.00 GiB"))),
    _estimator("fills the GPU", _cuda_full),
    _estimator("exits", _raises(SystemExit(3))),
    _estimator("gives NaN", _answers(lambda map_: np.full_like(map_, np.nan))),
    _estimator("gives infinity", _answers(lambda map_: np.full_like(map_, np.inf))),
    _estimator("gives a wrong shape", _answers(lambda map_: map_[::2, ::2])),
    _estimator("gives None", _answers(lambda map_: None)),
    _estimator("hangs", _hangs),
    _detector("raises ValueError", _raises(ValueError("empty cloud"))),
    _detector("runs out of memory", _raises(MemoryError("Unable to allocate 8.00 GiB"))),
    _detector("gives None", _answers(lambda grasps: None)),
    _detector("gives NaN", _answers(lambda grasps: replace(grasps, rows=grasps.rows * np.nan))),
    _detector("gives a wrong shape", _answers(lambda grasps: replace(grasps, rows=grasps.rows[:, :10]))),
    _detector("hangs", _hangs),
    _planner("raises ValueError", _raises(ValueError("no such frame"))),
    _planner("runs out of memory", _raises(MemoryError("Unable to allocate 8.00 GiB"))),
    _planner("gives None", _answers(lambda motions: None)),
    _planner("gives no motions", _answers(lambda motions: {})),
    _planner("gives NaN", _moved(np.nan)),
    _planner("starts elsewhere", _moved(0.5)),
    _planner("hangs", _hangs),
)
