"""What each stage of a trial found, as the line that the console shows."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.run.trial import Estimate
from core.cell import Cell
from core.report.words import counted
from grasping.grasp_set import OBJECT, SCORE, GraspSet
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import TrackingReport
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import MetricDepth, TableView


def capture_line(frames: Sequence[RgbdFrame]) -> str:
    frame = frames[-1]
    return f"{frame.source} {frame.serial}, frame {frame.number}"


def locate_line(view: TableView, cell: Cell) -> str:
    if view.source == "sensor":
        return f"no tag in view: table fitted to the sensor's depth, {view.residual_mm:.1f} mm median"
    wrong = view.sensor_factor - 1
    factor = f"; the sensor's depth is {abs(wrong):.1%} {'short' if wrong > 0 else 'long'}: corrected" if wrong else ""
    return f"{len(view.tags)} of {len(cell.tags)} tags, {view.residual_px:.2f} px{factor}"


def estimate_line(estimate: Estimate, shown: str = "") -> str:
    """shown: an estimator's letter, where its name is hidden: then nothing else that would tell it either."""
    if shown:
        return shown
    holes = 1.0 - float(np.isfinite(estimate.relative.values).mean())
    doubt = "" if estimate.unsure is None else f", unsure of {estimate.unsure:.0%} of the objects' area"
    return f"{estimate.relative.estimator}, {holes:.0%} without depth{doubt}"


def scale_line(metric: MetricDepth) -> str:
    left_out = metric.tag_residuals_mm.values()
    worst = f", worst tag {max(left_out):.1f} mm" if left_out else ""
    factor = f"× {metric.scale:.3f}, " if metric.shift == 0 and metric.scale != 1 else ""
    fit = f"{factor}{metric.residual_mm:.1f} mm median over {metric.anchors} anchors ({metric.anchor_source}){worst}"
    note = metric.correction
    if note is None or not note.used:
        return fit
    return (
        f"{fit}; bent back by up to {note.largest_mm:.0f} mm (places left out: {note.before_mm:.1f} → "
        f"{note.after_mm:.1f} mm)"
    )


def detect_line(grasps: GraspSet) -> str:
    note = f"; {grasps.note}" if grasps.note else ""
    objects = len(np.unique(grasps.rows[:, OBJECT]))
    return f"{len(grasps)} grasps on {counted(objects, 'object')}, best expects {grasps.rows[0, SCORE]:.0%}{note}"


def plan_line(plan: GraspPlan) -> str:
    seconds = sum(motion.duration_s for motion in plan.motions.values())
    return (
        f"{plan.arm} arm, expects {plan.row[SCORE]:.0%}, {counted(plan.candidates_tried, 'candidate')} tried, "
        f"{seconds:.1f} s of motion, gate passed {plan.gate.configurations_checked} configurations"
    )


def execute_line(arm: str, tracking: Mapping[Phase, TrackingReport]) -> str:
    lag_rad = max(report.worst_lag_rad for report in tracking.values())
    final_rad = max(report.final_error_rad for report in tracking.values())
    return f"{arm} arm, worst lag {np.rad2deg(lag_rad):.2f}°, settled within {np.rad2deg(final_rad):.2f}°"
