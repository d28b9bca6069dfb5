"""`python main.py dry-run RECORDING`: everything but motion, leaving a report folder."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from app.calibrate.cell import load_calibrated
from app.comparison.estimator_run import COLUMNS, EstimatorRun, estimator_names, run_estimators, run_stages, table_row
from app.comparison.report import ComparisonReport, write_comparison
from app.comparison.sheet import camera_row, draw_sheet, estimator_row, shared_range
from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import home
from app.recordings.report import write_report
from app.run.options import DryRunOptions
from app.run.pipeline import ArmJoints, Pipeline
from app.run.trial import Trial
from core.cell import Cell
from core.errors import ConfigurationError, PlanningError, VitroError
from core.files import demand_writable, free_folder
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS


def dry_run_recording(options: DryRunOptions) -> int:
    """Perceives, detects and plans on one recorded frame; 0 when a metric depth came of it, by any estimator asked for.

    Raises:
        VitroError: no usable frame, table or depth. The report is written all the same, as far as
            it got. A frame without graspable or reachable objects is a finding, not a failure.
    """
    console = Console(options.as_json)
    folder = options.out or free_folder(home() / "dry-run" / options.recording.resolve().stem)
    demand_writable(folder)
    cell = load_calibrated(options.cell)
    console.say("dry run, nothing moves")
    if cell.calibrated is None:
        console.say(f"[yellow]![/] the cell {cell.name} was never measured: where its arms stand is assumed")
    if options.estimators:
        return _compare(options, console, cell, folder)
    estimator, why = choose_estimator(options.estimator, options.weights)
    pipeline = Pipeline(cell, replace(options, estimator=estimator))
    console.say(f"estimator [bold]{pipeline.estimator.name}[/] ({why})")
    frames = _open(options, console)
    trial, failure = run_stages(frames, pipeline, lambda: _parked_joints(cell), options.seed, console)
    if failure is not None:
        failure = _of_assumed_arms(failure, trial)
        trial = replace(trial, message=str(failure))
    with console.stage("report") as line:
        report = write_report(trial, pipeline, options.recording, folder)
        line.detail = str(folder / "report.html")
    console.result(report)
    if isinstance(failure, PlanningError):
        console.error(failure)
    elif failure is not None:
        raise failure
    return 0


def _compare(options: DryRunOptions, console: Console, cell: Cell, folder: Path) -> int:
    """Several estimators on the same frames; each leaves its own report in a folder of its name."""
    if options.estimator != "auto":
        raise ConfigurationError("--estimator and --estimators both say what to run.", "Name all with --estimators.")
    names = estimator_names(options.estimators, options)
    frames = _open(options, console)

    def keep(run: EstimatorRun, pipeline: Pipeline) -> None:
        assert run.trial is not None
        write_report(run.trial, pipeline, options.recording, folder / run.file_name)

    runs = run_estimators(frames, names, options, cell, _parked_joints(cell), options.seed, console, keep)
    frame = frames[-1]
    span_m = shared_range(frame, [run.trial.metric.depth_m for run in runs if run.trial and run.trial.metric])
    rows = [estimator_row(run.name, run.would, run.trial, frame, span_m) for run in runs]
    report = ComparisonReport(
        title=f"Dry run of {options.recording}",
        notes=(f"Frame {frame.number}; nothing moved.",),
        columns=COLUMNS,
        rows=tuple(map(table_row, runs)),
        facts={
            "recording": str(options.recording),
            "frame": frame.number,
            "cell": cell.name,
            "estimators": [run.facts() for run in runs],
        },
        sheet=draw_sheet([camera_row(frame, span_m), *rows], span_m),
    )
    facts = write_comparison(report, folder)
    console.table(f"{len(runs)} estimators on frame {frame.number}", report.columns, report.rows)
    console.say(f"  sheet and report: [bold]{folder / 'report.html'}[/]")
    console.result(facts)
    if not any(run.trial is not None and run.trial.metric is not None for run in runs):
        raise next(run.stopped for run in runs if run.stopped is not None)
    return 0


def _parked_joints(cell: Cell) -> ArmJoints:
    """A recording says nothing of arms."""
    return dict.fromkeys(cell.arms, PARK_JOINTS)


def _open(options: DryRunOptions, console: Console) -> tuple[RgbdFrame, ...]:
    """The frame with that index and those before it, as many as asked for where there are."""
    with console.stage("open") as line:
        with closing(open_recording(options.recording)) as camera:
            frames = tuple(deque(_read(camera, options), maxlen=options.clip))
        few = f" (of {options.clip} asked for {len(frames)} are there)" if len(frames) < options.clip else ""
        line.detail = "; ".join((f"{options.recording}, frame {frames[-1].number}{few}", *camera.notes))
    return frames


def _read(camera: Camera, options: DryRunOptions) -> Iterator[RgbdFrame]:
    """Frames up to the one that was asked for, which is the last of a clip where nothing else was said.

    Raises:
        EndOfRecording: it is not there.
    """
    last = options.clip - 1 if options.frame is None else options.frame
    for number in range(last + 1):
        try:
            yield camera.read()
        except EndOfRecording:
            if options.frame is not None or number == 0:
                raise
            return


def _of_assumed_arms(error: VitroError, trial: Trial) -> VitroError:
    """A plan that fails where no tag says where the arms are says nothing of the arms."""
    if not isinstance(error, PlanningError) or not trial.grasps:
        return error
    if trial.view is None or trial.view.source == "tags":
        return error
    return PlanningError(
        f"No tag is in view, so the arms' places are only assumed, and from there nothing was planned: {error.cause}",
        "The grasps stand on their own; for a plan, record with the cell's tags in view.",
    )
