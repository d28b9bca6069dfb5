"""From a frame to a checked plan: the stages that a live trial and a dry-run share.

Each stage reads and fills one `Trial`, returns a line for the console, and raises a `VitroError`
when it cannot go on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.run.doubt import unsure_share
from app.run.trial import Trial
from core.cell import Cell
from core.errors import PlanningError
from core.image import RgbdImage
from grasping.detection.detector import create_detector
from grasping.planning.planner import plan_grasp
from grasping.planning.registry import require
from perception.estimators import create_estimator
from perception.estimators.options import EstimatorOptions
from perception.objects.masks import object_region
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric

ArmJoints = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Choices:
    """What a person chose to perceive, detect and plan with."""

    estimator: str
    detector: str = "antipodal"
    planner: str = "ompl"
    settings: EstimatorOptions = field(default_factory=EstimatorOptions)
    #: Newest frames that the estimator sees at once.
    clip: int = 1


class Pipeline:
    """The perceiving and planning stages for one cell."""

    def __init__(self, cell: Cell, choices: Choices, truth: Callable[[RgbdImage], NDArray[np.float32]] | None) -> None:
        """Builds estimator and detector. truth goes to the oracle alone; nothing else can reach it.

        Raises:
            ConfigurationError: something chosen that there is not, or that cannot run here.
        """
        require(choices.planner)
        self.cell = cell
        self.choices = choices
        self.estimator = create_estimator(choices.estimator, truth, choices.settings)
        self.detector = create_detector(choices.detector, min(arm.gripper_stroke_m for arm in cell.arms.values()))

    def locate(self, trial: Trial) -> str:
        """Finds the tags and the table."""
        assert trial.frame is not None
        trial.view = view = locate_table(trial.frame, self.cell)
        if view.source == "sensor":
            return f"no tag in view: table fitted to the sensor's depth, {view.residual_mm:.1f} mm median"
        return f"{len(view.tags)} of {len(self.cell.tags)} tags, {view.residual_px:.2f} px"

    def estimate(self, trial: Trial) -> str:
        """Runs the estimator on the frame."""
        assert trial.frame is not None and trial.view is not None
        trial.relative = relative = self.estimator.estimate([*trial.earlier, trial.frame], trial.view.plane)
        holes = 1.0 - float(np.isfinite(relative.values).mean())
        trial.unsure = unsure_share(relative, trial.view, self.cell, trial.frame.intrinsics)
        told = "" if trial.unsure is None else f", unsure of {trial.unsure:.0%} of what stands there"
        return f"{relative.estimator}, {holes:.0%} without depth{told}"

    def scale(self, trial: Trial) -> str:
        """Makes relative depth metric."""
        assert trial.frame is not None and trial.view is not None and trial.relative is not None
        trial.metric = metric = fit_metric(trial.relative, trial.view, trial.frame)
        left_out = metric.tag_residuals_mm.values()
        worst = f", worst tag {max(left_out):.1f} mm" if left_out else ""
        fit = f"{metric.residual_mm:.1f} mm median over {metric.anchors} anchors ({metric.anchor_source}){worst}"
        note = metric.correction
        if note is None or not note.used:
            return fit
        return (
            f"{fit}; bent back by up to {note.largest_mm:.0f} mm (places left out: {note.before_mm:.1f} → "
            f"{note.after_mm:.1f} mm)"
        )

    def detect(self, trial: Trial, arm_joints: ArmJoints) -> str:
        """Finds grasps on what stands on the table."""
        assert trial.frame is not None and trial.view is not None and trial.metric is not None
        region = object_region(trial.view, self.cell, trial.frame.intrinsics, arm_joints, trial.metric.depth_m)
        metric = trial.metric
        trial.grasps = grasps = self.detector.detect(
            metric.depth_m, trial.frame.intrinsics, trial.view.plane, region, metric.confidence
        )
        if len(grasps) == 0:
            raise PlanningError(
                f"No grasp was found: {grasps.note or 'nothing graspable stands in the workspace'}.",
                "Look at the trial's pictures of depth and confidence: what is missing was not seen, what is red not "
                "known well. Move it or the light (in the digital cell: another --seed), or try another --estimator.",
            )
        besides = f"; {grasps.note}" if grasps.note else ""
        return (
            f"{len(grasps)} grasps on {len(np.unique(grasps.labels))} object(s), best {grasps.rows[0, 0]:.2f}{besides}"
        )

    def plan(self, trial: Trial, arm_joints: ArmJoints, budget_s: float = 8.0) -> str:
        """Plans the best reachable grasp and passes it through the gate."""
        assert trial.grasps is not None and trial.view is not None
        trial.plan = plan = plan_grasp(
            trial.grasps,
            trial.view,
            self.cell,
            arm_joints,
            planner=self.choices.planner,
            budget_s=budget_s,
            seed=trial.seed,
        )
        seconds = sum(motion.duration_s for motion in plan.motions.values())
        return (
            f"{plan.arm} arm, {plan.candidates_tried} candidate(s) tried, {seconds:.1f} s of motion, "
            f"gate passed {plan.gate.configurations_checked} configurations"
        )
