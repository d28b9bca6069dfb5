"""From a frame to a checked plan: the stages that a live trial and a dry run share, and what each says it found."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.console import Console
from app.events import TrialChange
from app.run.pipeline import ArmJoints, Pipeline
from app.run.trial import Estimate, Trial
from app.run.worker import P, R
from core.cell import Cell
from core.errors import PlanningError, VitroError
from core.report.words import counted
from grasping.detection.detector import SPACING
from grasping.grasp_set import OBJECT, SCORE, GraspSet
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.remedies import LATE
from hardware.arms.arm import TrackingReport
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import MetricDepth, TableView
from perception.table.locate import locate_table
from perception.table.metric_factor import corrected
from trials.alias import hide_names

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: How unlike each other grasps are, where no usual one has a plan; see `DetectorInput`.
CLOSE = 1 / 3


class Stages:
    """One trial's way through the pipeline: each stage is shown and timed, its result added to `trial`."""

    def __init__(self, trial: Trial, pipeline: Pipeline, console: Console) -> None:
        self.pipeline = pipeline
        self.console = console
        #: (N, 3) what stands in the bin, world; a recording says nothing of it.
        self.binned_m: NDArray[np.float64] = np.zeros((0, 3))
        #: Whether what is known of it is told on: not while another trial is the one that people look at.
        self.is_told = True
        self.trial = trial

    @property
    def trial(self) -> Trial:
        return self._trial

    @trial.setter
    def trial(self, trial: Trial) -> None:
        self._trial = trial
        if self.is_told:
            self.console.events.tell(TrialChange(trial))

    def stage(
        self, name: str, work: Callable[[], Result], line: Callable[[Result], str], waits: bool = False
    ) -> Result:
        """What `work` returns; line: what the console says of it; waits: for a person."""
        started_s = time.monotonic()
        try:
            with self.console.stage(name, waits) as stage_line:
                result = work()
                stage_line.detail = line(result)
        except VitroError as error:
            self._hide_estimator(error)
            raise
        finally:
            seconds = round(time.monotonic() - started_s, 3)
            self.trial = replace(self.trial, stages_s={**self.trial.stages_s, name: seconds})
        return result

    def _hide_estimator(self, error: VitroError) -> None:
        """Before anybody reads the error: where the estimator's name is hidden, it has the letter too."""
        if self.trial.shown:
            estimator = self.pipeline.estimator
            names = estimator.name, estimator.specification.name, self.pipeline.options.estimator
            error.cause, error.remedy = (
                hide_names(text, names, self.trial.shown) for text in (error.cause, error.remedy)
            )
            error.args = (f"{error.cause} {error.remedy}",)

    def within(self, stage: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What a stage's function returns, if it does so before the stage's deadline; raises as `Worker.run`."""
        return self.pipeline.worker.run(stage, self.pipeline.deadlines_s[stage], function, *args, **kwargs)

    def locate(self, frame: RgbdFrame) -> TableView:
        return self.within("locate", locate_table, frame, self.pipeline.cell)

    def plan(self, frames: Sequence[RgbdFrame], joints: Callable[[], ArmJoints]) -> GraspPlan:
        """Locates, estimates, scales, detects and plans on the newest frame.

        Args:
            joints: where every arm stands, asked anew by each stage that needs it.

        Raises:
            VitroError: a stage that cannot go on; what came before is in `trial`.
        """
        pipeline, frame = self.pipeline, frames[-1]
        pipeline.prepare(self.console)  # a live trial's is ready since before its row
        view = self.stage("locate", lambda: self.locate(frame), lambda view: locate_line(view, pipeline.cell))
        self.trial = replace(self.trial, view=view)
        frames = corrected(frames, view)
        frame = frames[-1]
        estimate = self.stage(
            "estimate",
            lambda: self.within("estimate", pipeline.estimate, frames, view, joints()),
            lambda estimate: estimate_line(estimate, self.trial.shown),
        )
        self.trial = replace(self.trial, estimate=estimate)
        metric = self.stage(
            "scale",
            lambda: self.within("scale", pipeline.measure, frame, view, estimate.relative, joints()),
            scale_line,
        )
        self.trial = replace(self.trial, metric=metric)
        grasps = self.stage("detect", lambda: self._detect(frame, view, metric, joints()), detect_line)
        plan, _ = self.stage(
            "plan", lambda: self._plan(grasps, frame, view, metric, joints), lambda found: plan_line(*found)
        )
        self.trial = replace(self.trial, plan=plan)
        return plan

    def _plan(
        self, grasps: GraspSet, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: Callable[[], ArmJoints]
    ) -> tuple[GraspPlan, bool]:
        """A plan with one of these grasps; where all were tried and none has one, with one of many more that are like
        each other: some lie within reach, or clear of a neighbour, by a few degrees. And whether it is one of those."""

        def plan(grasps: GraspSet) -> GraspPlan:
            return self.within("plan", self.pipeline.plan, grasps, view, joints(), self.trial.seed, self.binned_m)

        try:
            return plan(grasps), False
        except NoPlanError as no_plan:
            if LATE in no_plan.rejections:
                raise
            try:
                more = self._find_grasps(frame, view, metric, joints(), CLOSE)
                bold = self._bold_enough(more)
            except VitroError as error:  # that there is no plan is what is to be told
                _log.info("No second look for grasps: %s", error)
                raise no_plan from None
            if len(bold) <= len(grasps):
                raise
        self.trial = replace(self.trial, grasps=more)
        return plan(bold), True

    def _find_grasps(
        self, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: ArmJoints, spacing: float = SPACING
    ) -> GraspSet:
        """What the detector finds, less likely where earlier attempts speak against it."""
        grasps = self.within("detect", self.pipeline.detect, frame, view, metric, joints, spacing)
        for attempt in self.trial.earlier:
            if attempt.failed_grasp is not None:
                grasps = attempt.failed_grasp.doubt(grasps)
        return grasps

    def _bold_enough(self, grasps: GraspSet) -> GraspSet:
        return self.pipeline.success.bold_enough(grasps, self.pipeline.options.boldness)

    def _detect(self, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: ArmJoints) -> GraspSet:
        grasps = self._find_grasps(frame, view, metric, joints)
        self.trial = replace(self.trial, grasps=grasps)
        if len(grasps) == 0:
            raise PlanningError(
                f"No grasp was found: {grasps.note or 'nothing graspable stands in the workspace'}.",
                "Look at the trial's pictures of depth and confidence: what is missing was not seen, what is red not "
                "known well. Move it or the light (in the digital cell: another --seed), or try another --estimator.",
            )
        return self._bold_enough(grasps)


def capture_line(frames: Sequence[RgbdFrame]) -> str:
    frame = frames[-1]
    return f"{frame.source} {frame.serial}, frame {frame.number}"


def locate_line(view: TableView, cell: Cell) -> str:
    if view.source == "sensor":
        at_m = float(view.T_camera_world[2, 3])  # no tag confirms it: people must see that it is their table
        return f"no tag in view: table fitted to the sensor's depth at {at_m:.2f} m, {view.residual_mm:.1f} mm median"
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
    graspable, found = (len(np.unique(ids[ids >= 0])) for ids in (grasps.rows[:, OBJECT], grasps.labels))
    share = f"{graspable} of " if graspable < found else ""
    objects = f"{share}{counted(max(graspable, found), 'object')}"
    return f"{counted(len(grasps), 'grasp')} on {objects}, best expects {grasps.rows[0, SCORE]:.0%}{note}"


def plan_line(plan: GraspPlan, is_second_look: bool = False) -> str:
    """is_second_look: of grasps more like each other, after none of the usual ones had a plan."""
    return (
        f"{plan.arm} arm, expects {plan.row[SCORE]:.0%}, {counted(plan.candidates_tried, 'candidate')} tried"
        f"{' in a second, closer look for grasps' if is_second_look else ''}, "
        f"{plan.duration_s:.1f} s of motion{f' ({plan.pace})' if plan.pace else ''}, {plan.merits}, "
        f"gate passed {plan.gate.configurations_checked} configurations"
        f"{''.join(f'; {one}, so it cannot start' for one in plan.hindered)}"
    )


def execute_line(arm: str, tracking: Mapping[Phase, TrackingReport]) -> str:
    lag_rad = max(report.worst_lag_rad for report in tracking.values())
    final_rad = max(report.final_error_rad for report in tracking.values())
    return f"{arm} arm, worst lag {np.rad2deg(lag_rad):.2f}°, settled within {np.rad2deg(final_rad):.2f}°"
