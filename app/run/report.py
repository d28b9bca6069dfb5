"""The report of a dry run: one page with pictures, and the same facts as JSON."""

import html
import json
from pathlib import Path
from typing import Any

import numpy as np

from app.run.pictures import save_pictures
from app.run.pipeline import Pipeline
from app.run.trial import Trial
from core.files import writing
from grasping.grasp_set import write_grasps
from grasping.planning.grasp_plan import GraspPlan
from perception.objects.clouds import organised_cloud, save_cloud, without_flying_pixels

#: What a report writes beside its pictures; an earlier report's are removed, so that none is taken for new.
FILES = ("report.html", "report.json", "depth_m.npy", "cloud.ply", "grasps.npy")
CAPTIONS = {
    "color": "What the camera saw",
    "tags": "The tags that say where the table is",
    "depth": "Depth beside colour: near is red, holes are black",
    "confidence": "How sure the estimator is; nothing is planned on what is red",
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
    report = _facts(trial, pipeline, recording)
    with writing(folder):
        if trial.metric is not None:
            np.save(folder / "depth_m.npy", trial.metric.depth_m)
            _save_cloud(trial, folder / "cloud.ply")
        if trial.grasps is not None:
            write_grasps(folder / "grasps.npy", trial.grasps.rows)
        pictures = [name for name in CAPTIONS if (folder / f"{name}.png").exists()]
        (folder / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False))
        (folder / "report.html").write_text(_page(report, pictures))
    return {"report": str(folder), **report}


def _save_cloud(trial: Trial, path: Path) -> None:
    assert trial.frame is not None and trial.metric is not None
    points = organised_cloud(without_flying_pixels(trial.metric.depth_m), trial.frame.intrinsics)
    save_cloud(path, points, trial.frame.color)


def _facts(trial: Trial, pipeline: Pipeline, recording: Path) -> dict[str, Any]:
    view, grasps, plan, notes = trial.view, trial.grasps, trial.plan, trial.notes()
    return {
        "recording": str(recording),
        "cell": pipeline.cell.name,
        "estimator": pipeline.estimator.name,
        "detector": pipeline.choices.detector,
        "planner": pipeline.choices.planner,
        "stages_s": trial.stages_s,
        "stopped_by": trial.message or None,
        "table": None
        if view is None
        else {
            "source": view.source,
            "tags": [tag.id for tag in view.tags],
            "residual_px": view.residual_px,
            "residual_mm": view.residual_mm,
        },
        "metric": trial.metric_summary()
        | {
            "tag_residuals_mm": {} if trial.metric is None else _finite(trial.metric.tag_residuals_mm),
            "table_correction": notes.get("table_correction"),
        },
        "unsure": notes.get("unsure"),
        "grasps": 0 if grasps is None else len(grasps),
        "best_scores": [] if grasps is None else [round(float(row[0]), 3) for row in grasps.rows[:8]],
        "plan": None if plan is None else _plan(plan, nominal=view is not None and view.source == "sensor"),
    }


def _finite(values: dict[int, float]) -> dict[str, float]:
    return {str(key): float(value) for key, value in values.items() if np.isfinite(value)}


def _plan(plan: GraspPlan, nominal: bool) -> dict[str, Any]:
    return {
        "arm": plan.arm,
        "placement": "nominal: no tag in view, the arms' places are assumed" if nominal else "by tags",
        "planner": plan.planner,
        "T_world_tcp": np.round(plan.T_world_tcp, 5).tolist(),
        "pre_open_m": plan.pre_open_m,
        "motions_s": {phase.value: round(motion.duration_s, 2) for phase, motion in plan.motions.items()},
        "gate": {
            "passed": plan.gate.passed,
            "violations": list(plan.gate.violations),
            "configurations": plan.gate.configurations_checked,
        },
    }


def _page(report: dict[str, Any], pictures: list[str]) -> str:
    figures = "\n".join(
        f'<figure><img src="{name}.png" alt="{CAPTIONS[name]}"><figcaption>{CAPTIONS[name]}</figcaption></figure>'
        for name in pictures
    )
    facts = html.escape(json.dumps(report, indent=2))
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
