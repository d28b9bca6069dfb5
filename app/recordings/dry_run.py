"""`python main.py dry-run RECORDING`: everything but motion, leaving a report folder."""

import html
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.calibrate.cell import load_calibrated
from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import home
from app.run.options import DryRunOptions
from app.run.pipeline import Pipeline, Stages
from app.run.trial import Trial
from app.run.trial_files import save_pictures
from core.errors import PlanningError, VitroError
from core.files import demand_writable, free_folder, writing
from core.json_values import plain, to_json
from grasping.detection.gripper import as_openings
from grasping.grasp_set import SCORE, write_grasps
from grasping.planning.grasp_plan import GraspPlan
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS
from perception.objects.clouds import organised_cloud, save_cloud, without_flying_pixels

#: What a report writes beside its pictures; an earlier report's are removed, so that none is taken for new.
FILES = ("report.html", "report.json", "depth_m.npy", "cloud.ply", "grasps.npy")
CAPTIONS = {
    "color": "What the camera saw",
    "tags": "The tags that say where the table is",
    "depth": "Depth beside colour: near is red, holes are black",
    "objects": "The objects on the table, and how thick each is believed to be",
    "confidence": "How sure the estimator is; grasps on what is red are the less likely",
    "relative": "What the estimator said, which could not be made metric: near is red",
    "grasps": "The best grasps, numbered by rank",
    "chosen": "The grasp that an arm can carry out, with its rank",
}


def dry_run_recording(options: DryRunOptions) -> int:
    """Perceives, detects and plans on one recorded frame; 0 when a metric depth came of it.

    Raises:
        VitroError: no usable frame, table or depth. The report is written all the same, as far as
            it got. A frame without graspable or reachable objects is a finding, not a failure.
    """
    console = Console(options.as_json)
    folder = options.out or free_folder(home() / "dry-run" / options.recording.resolve().stem)
    demand_writable(folder)
    cell = load_calibrated(options.cell)
    estimator, why = choose_estimator(options.estimator, options.weights)
    pipeline = Pipeline(cell, replace(options, estimator=estimator))
    console.say(f"dry run, nothing moves; estimator [bold]{pipeline.estimator.name}[/] ({why})")
    if cell.calibrated is None:
        console.say(f"[yellow]![/] the cell {cell.name} was never measured: where its arms stand is assumed")
    with console.stage("open") as line:
        # The frame with that index and those before it, as many as asked for where there are.
        with closing(open_recording(options.recording)) as camera:
            frames = tuple(deque(_read(camera, options), maxlen=options.clip))
        few = f" (of {options.clip} asked for {len(frames)} are there)" if len(frames) < options.clip else ""
        line.detail = "; ".join((f"{options.recording}, frame {frames[-1].number}{few}", *camera.notes))
    stages = Stages(Trial("", options.seed, frames), pipeline, console)
    failure: VitroError | None = None
    try:
        stages.plan(frames, lambda: dict.fromkeys(cell.arms, PARK_JOINTS))  # a recording says nothing of arms
    except VitroError as error:
        failure = _of_assumed_arms(error, stages.trial)
        stages.trial = replace(stages.trial, message=str(error))
    with console.stage("report") as line:
        report = write_report(stages.trial, pipeline, options.recording, folder)
        line.detail = str(folder / "report.html")
    console.result(report)
    if isinstance(failure, PlanningError):
        console.error(failure)
    elif failure is not None:
        raise failure
    return 0


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


def write_report(trial: Trial, pipeline: Pipeline, recording: Path, folder: Path) -> dict[str, Any]:
    """Writes report.html, report.json, pictures, depth_m.npy, cloud.ply and grasps.npy; returns the JSON object."""
    with writing(folder):
        for name in (*FILES, *(f"{name}.png" for name in CAPTIONS)):
            (folder / name).unlink(missing_ok=True)
    save_pictures(trial, folder)
    report = plain(_facts(trial, pipeline, recording))
    frame = trial.frame
    with writing(folder):
        if trial.metric is not None and frame is not None:
            np.save(folder / "depth_m.npy", trial.metric.depth_m)
            points = organised_cloud(without_flying_pixels(trial.metric.depth_m), frame.intrinsics)
            save_cloud(folder / "cloud.ply", points, frame.color)
        if trial.grasps is not None:
            write_grasps(folder / "grasps.npy", as_openings(trial.grasps.rows, pipeline.max_opening_m))
        pictures = [name for name in CAPTIONS if (folder / f"{name}.png").exists()]
        (folder / "report.json").write_text(to_json(report, indent=2))
        (folder / "report.html").write_text(_page(report, pictures))
    return {"report": str(folder), **report}


def _facts(trial: Trial, pipeline: Pipeline, recording: Path) -> dict[str, Any]:
    view, grasps, plan, notes = trial.view, trial.grasps, trial.plan, trial.notes()
    residuals_mm = {} if trial.metric is None else trial.metric.tag_residuals_mm
    return {
        "recording": str(recording),
        "cell": pipeline.cell.name,
        "estimator": pipeline.estimator.name,
        "detector": pipeline.detector_name,
        "planner": pipeline.planner_name,
        "stages_s": trial.stages_s,
        "stopped_by": trial.message or None,
        "table": None
        if view is None
        else {
            "source": view.source,
            "tags": [tag.id for tag in view.tags],
            "residual_px": view.residual_px,
            "residual_mm": view.residual_mm,
            "sensor_factor": view.sensor_factor,
        },
        "metric": plain(trial.fit())
        | {
            "tag_residuals_mm": {tag: mm for tag, mm in residuals_mm.items() if np.isfinite(mm)},
            "table_correction": notes.get("table_correction"),
        },
        "unsure": notes.get("unsure"),
        "objects": notes.get("objects"),
        "grasps": 0 if grasps is None else len(grasps),
        "best_scores": [] if grasps is None else np.round(grasps.rows[:8, SCORE], 3),
        "plan": None if plan is None else _plan(plan, nominal=view is not None and view.source == "sensor"),
    }


def _plan(plan: GraspPlan, nominal: bool) -> dict[str, Any]:
    return {
        "arm": plan.arm,
        "placement": "nominal: no tag in view, the arms' places are assumed" if nominal else "by tags",
        "planner": plan.planner,
        "expected": round(float(plan.row[SCORE]), 3),
        "T_world_tcp": np.round(plan.T_world_tcp, 5),
        "pre_open_m": plan.pre_open_m,
        "motions_s": {phase: round(motion.duration_s, 2) for phase, motion in plan.motions.items()},
        "gate": {
            "passed": plan.gate.passed,
            "violations": plan.gate.violations,
            "configurations": plan.gate.configurations_checked,
        },
    }


def _page(report: dict[str, Any], pictures: list[str]) -> str:
    figures = "\n".join(
        f'<figure><img src="{name}.png" alt="{CAPTIONS[name]}"><figcaption>{CAPTIONS[name]}</figcaption></figure>'
        for name in pictures
    )
    facts = html.escape(to_json(report, indent=2))
    stopped = f"<p class=stopped>{html.escape(report['stopped_by'])}</p>" if report["stopped_by"] else ""
    title = html.escape(f"Dry run of {report['recording']}")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1600px; margin: 2rem auto; padding: 0 1rem; }}
figure {{ margin: 1.5rem 0; }} img {{ max-width: 100%; height: auto; }} figcaption {{ color: #555; }}
.stopped {{ background: #fde8e8; padding: .7rem 1rem; }} pre {{ background: #f4f4f4; padding: 1rem; overflow-x: auto; }}
</style>
<h1>{title}</h1>
<p>Estimator {html.escape(report["estimator"])}, {report["grasps"]} grasps. Nothing moved.</p>
{stopped}
{figures}
<h2>Facts</h2>
<pre>{facts}</pre>
</html>
"""
