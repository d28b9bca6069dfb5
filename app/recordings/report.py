"""The report of a dry run: pictures, depth, cloud, grasps, and the facts as JSON and as a page."""

import html
from pathlib import Path
from typing import Any

import numpy as np

from app.run.pipeline import Pipeline
from app.run.trial import Trial
from app.run.trial_files import save_pictures
from core.files import writing
from core.json_values import plain, to_json
from core.report.words import counted
from grasping.detection.gripper import as_openings
from grasping.grasp_set import SCORE, write_grasps
from grasping.planning.grasp_plan import GraspPlan
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
<p>Estimator {html.escape(report["estimator"])}, {counted(report["grasps"], "grasp")}. Nothing moved.</p>
{stopped}
{figures}
<h2>Facts</h2>
<pre>{facts}</pre>
</html>
"""
