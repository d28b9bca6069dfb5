"""Other estimators on a trial's stored frames, beside what happened: a sheet each, one table, a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.comparison.estimator_run import COLUMNS, EstimatorRun, cells_of, estimator_names, run_estimators, table_row
from app.comparison.report import ComparisonReport, write_comparison
from app.comparison.sheet import SheetRow, Span, camera_row, draw_sheet, estimator_row, fill_gaps, shared_range
from app.console import Console
from app.replay.options import ReplayOptions
from app.replay.stored_trial import StoredTrial, cell_of
from app.replay.timeline import timeline_of
from app.run.options import PipelineOptions
from app.run.trial_files import ESTIMATE, StoredDepth, read_depth, read_frames
from app.trial_recording.notes import BEGINS
from app.trial_recording.software import software_version
from core.cell import Cell
from core.errors import CameraError, ConfigurationError
from core.files import writing
from core.image_file import read_image, write_image
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import PARK_JOINTS
from perception.pictures import Image, colour_depth, titled


@dataclass(frozen=True)
class StoredAttempt:
    """What one attempt of a trial left: frames, the newest last; its depth and pictures, where they were reached.

    facts: as `EstimatorRun.facts`, as far as the row knows them.
    """

    number: int
    folder: Path
    frames: tuple[RgbdFrame, ...]
    depth: StoredDepth | None
    facts: Mapping[str, Any]
    ended: str


def compare_estimators(trial: StoredTrial, options: ReplayOptions, folder: Path, console: Console) -> dict[str, Any]:
    """Runs `--estimators` and writes the sheets and the report; the JSON object.

    Raises:
        TrialError: frames that are missing, or not what they were.
        ConfigurationError: an estimator or an attempt that there is not.
        StorageError: the report cannot be written.
    """
    chosen = PipelineOptions(detector=options.detector, planner=options.planner, boldness=options.boldness)
    names = estimator_names(options.estimators, chosen)
    trial.demand_frames()
    attempt = stored_attempt(trial, options.attempt)
    cell, said = cell_of(trial, options.cell)
    runs = run_estimators(
        attempt.frames, names, chosen, cell, attempt_joints(trial, cell, attempt.number), trial.seed, console
    )
    notes = tuple(filter(None, (*trial.missing, said, _other_software(trial))))
    return _report(trial, attempt, runs, notes, folder, console)


def _other_software(trial: StoredTrial) -> str:
    ran = trial.record.software if trial.record is not None else trial.facts.get("software", "")
    now = software_version()
    return "" if not ran or ran == now else f"It ran with Vitro {ran}; the others are run with {now}."


def stored_attempt(trial: StoredTrial, number: int | None) -> StoredAttempt:
    """One attempt, the last where none is named. Raises ConfigurationError for one that kept no frames."""
    folders = {_number(folder, trial.folder): folder for folder in trial.attempts}
    number = max(folders) if number is None else number
    if number not in folders:
        raise ConfigurationError(
            f"{trial.name} has no attempt {number} with frames.", f"Choose --attempt {', '.join(map(str, folders))}."
        )
    record, folder = trial.record, folders[number]
    notes: Mapping[str, Any] = {} if record is None else record.notes
    attempts = notes.get("attempts") or []
    if number <= len(attempts):
        notes = attempts[number - 1]
    depth = read_depth(folder / ESTIMATE)
    ended = "" if record is None else record.ending
    if attempts and number <= len(attempts):
        ended = " ".join(filter(None, (notes.get("outcome"), notes.get("reason"), notes.get("detail"))))
    return StoredAttempt(number, folder, tuple(read_frames(folder)), depth, _facts(trial, notes, depth), ended)


def _number(folder: Path, first: Path) -> int:
    return 1 if folder == first else int(folder.name.removeprefix("attempt-"))


def _facts(trial: StoredTrial, notes: Mapping[str, Any], depth: StoredDepth | None) -> dict[str, Any]:
    """What the row and the folder tell of an attempt, in the words of `EstimatorRun.facts`."""
    record = trial.record
    return {
        "estimator": trial.estimator,
        "stages_s": notes.get("stages_s") or (record.stages_s if record else {}),
        "metric": {key: depth.facts.get(key) for key in ("scale", "shift", "residual_mm")} if depth else {},
        "objects": notes.get("objects"),
        "unsure": notes.get("unsure"),
        "plan": notes.get("plan"),
        "expected": notes.get("expected", record.expected if record else None),
    }


def attempt_joints(trial: StoredTrial, cell: Cell, attempt: int) -> dict[str, NDArray[np.float64]]:
    """Where the arms stood when the attempt's depth was estimated; parked where nobody wrote it down."""
    joints = dict.fromkeys(cell.arms, PARK_JOINTS)
    if trial.recording is None:
        return joints
    timeline = timeline_of(trial.recording)
    begun_s = [note.time_s for note in timeline.notes if note.name == "locate" and note.words == BEGINS]
    at_s = begun_s[attempt - 1] if attempt <= len(begun_s) else 0.0
    measured = {name: track.before(at_s) for name, track in timeline.measured.items() if name in joints}
    return joints | measured


def _report(
    trial: StoredTrial,
    attempt: StoredAttempt,
    runs: list[EstimatorRun],
    notes: tuple[str, ...],
    folder: Path,
    console: Console,
) -> dict[str, Any]:
    frame = attempt.frames[-1]
    depths = [run.trial.metric.depth_m for run in runs if run.trial is not None and run.trial.metric is not None]
    stored = [] if attempt.depth is None else [attempt.depth.depth_m]
    span_m = shared_range(frame, [*stored, *depths])
    happened = _trial_row(trial, attempt, frame, span_m)
    rows = [estimator_row(run.name, run.would, run.trial, frame, span_m) for run in runs]
    camera = camera_row(frame, span_m)
    title = f"{trial.name}, attempt {attempt.number}: what happened, and what others would have done"
    report = ComparisonReport(
        title=title[0].upper() + title[1:],
        notes=notes,
        columns=COLUMNS,
        rows=(cells_of(happened.title, attempt.facts, happened.words), *map(table_row, runs)),
        facts={
            "trial": trial.name.removeprefix("trial "),
            "folder": str(trial.folder),
            "attempt": attempt.number,
            "happened": {**attempt.facts, "ended": attempt.ended},
            "estimators": [run.facts() for run in runs],
            "notes": notes,
        },
        sheet=draw_sheet([camera, happened, *rows], span_m),
    )
    facts = write_comparison(report, folder)
    with writing(folder):
        for run, row in zip(runs, rows, strict=True):
            write_image(folder / f"sheet-{run.file_name}.png", draw_sheet([camera, happened, row], span_m))
    console.table(report.title, report.columns, report.rows)
    console.say(f"  sheets and report: [bold]{folder / 'report.html'}[/]")
    return facts


def _trial_row(trial: StoredTrial, attempt: StoredAttempt, frame: RgbdFrame, span_m: Span) -> SheetRow:
    """The trial itself, from the depth and the pictures that it left."""
    plan, expected = attempt.facts.get("plan"), attempt.facts.get("expected")
    what = "nothing was planned"
    if plan:
        what = f"{plan['arm']} arm" + ("" if expected is None else f", expected {expected:.0%}")
    depth = None
    if attempt.depth is not None and attempt.depth.depth_m.shape == frame.depth_m.shape:
        depth = titled(colour_depth(attempt.depth.depth_m, *span_m), "depth, as the trial had it")
    panels = [depth, *(_picture(attempt.folder / f"{name}.png", frame) for name in ("objects", "grasps", "chosen"))]
    words = f"{what}; {attempt.ended or 'how it ended is not known'}"
    return SheetRow(f"happened ({trial.estimator})", words, fill_gaps(panels, frame))


def _picture(file: Path, frame: RgbdFrame) -> Image | None:
    """A stored picture's left part, which is as large as the frame; None where it is missing or damaged."""
    height, width = frame.color.shape[:2]
    try:
        image = read_image(file)
    except CameraError:
        return None
    return image[:, :width] if image.shape[0] == height and image.shape[1] >= width else None
