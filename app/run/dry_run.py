"""`python main.py dry-run RECORDING`: everything but motion, leaving a report folder."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import cell_file, home
from app.run.pipeline import ArmJoints, Choices, Pipeline
from app.run.report import write_report
from app.run.trial import Trial
from core.cell import Cell, load_cell
from core.errors import PlanningError, VitroError
from core.files import free_folder
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS
from perception.estimators.options import EstimatorOptions


@dataclass(frozen=True)
class DryRunOptions:
    """What was asked for on the command line."""

    recording: Path
    out: Path | None
    frame: int
    estimator: str
    weights: Path | None
    clip: int
    detector: str
    planner: str
    cell: str
    seed: int


def dry_run_recording(options: DryRunOptions, as_json: bool) -> int:
    """Perceives, detects and plans on one recorded frame; 0 when a metric depth came of it.

    Raises:
        VitroError: no usable frame, table or depth. The report is written all the same, as far as
            it got. A frame without graspable or reachable objects is a finding, not a failure.
    """
    console = Console(as_json)
    cell = load_cell(cell_file(options.cell))
    estimator, why = choose_estimator(options.estimator, options.weights)
    settings = EstimatorOptions(weights=options.weights)
    choices = Choices(estimator, options.detector, options.planner, settings, options.clip)
    pipeline = Pipeline(cell, choices, truth=None)
    console.say(f"dry run, nothing moves; estimator [bold]{pipeline.estimator.name}[/] ({why})")
    trial = Trial(surface="", seed=options.seed)
    failure: VitroError | None = None
    folder = options.out or free_folder(home() / "dry-run" / options.recording.resolve().stem)
    with console.stage("open") as line:
        *trial.earlier, trial.frame = _frames(options.recording, options.frame, options.clip)
        line.detail = f"{options.recording}, frame {trial.frame.number}"
    try:
        _perceive_and_plan(pipeline, trial, console, parked(cell))
    except VitroError as error:
        failure = _without_place(error, trial)
        trial.message = str(error)
    with console.stage("report") as line:
        report = write_report(trial, pipeline, options.recording, folder)
        line.detail = str(folder / "report.html")
    console.result(report)
    if isinstance(failure, PlanningError):
        console.error(failure)
    elif failure is not None:
        raise failure
    return 0


def _without_place(error: VitroError, trial: Trial) -> VitroError:
    """A plan that fails where no tag says where the arms are says nothing of the arms."""
    if not isinstance(error, PlanningError) or trial.grasps is None or not len(trial.grasps):
        return error
    if trial.view is None or trial.view.source == "tags":
        return error
    return PlanningError(
        f"No tag is in view, so the arms' places are only assumed, and from there nothing was planned: {error.cause}",
        "The grasps stand on their own; for a plan, record with the cell's tags in view.",
    )


def parked(cell: Cell) -> ArmJoints:
    """Every arm where it parks: a recording says nothing of arms."""
    return {name: PARK_JOINTS for name in cell.arms}


def _frames(recording: Path, index: int, clip: int) -> deque[RgbdFrame]:
    """The frame with that index and those before it, `clip` in all where there are as many."""
    with closing(open_recording(recording)) as camera:
        return deque((camera.read() for _ in range(index + 1)), maxlen=clip)


def _perceive_and_plan(pipeline: Pipeline, trial: Trial, console: Console, joints: ArmJoints) -> None:
    stages: dict[str, Callable[[Trial], str]] = {
        "locate": pipeline.locate,
        "estimate": pipeline.estimate,
        "scale": pipeline.scale,
        "detect": lambda t: pipeline.detect(t, joints),
        "plan": lambda t: pipeline.plan(t, joints),
    }
    for name, stage in stages.items():
        started_s = time.monotonic()
        try:
            with console.stage(name) as line:
                line.detail = stage(trial)
        finally:
            trial.stages_s[name] = round(time.monotonic() - started_s, 3)
