"""From a frame to a checked plan: the stages that a live trial and a dry run share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.console import Console
from app.events import TrialChange
from app.run.options import PipelineOptions
from app.run.stage_lines import detect_line, estimate_line, locate_line, plan_line, scale_line
from app.run.trial import Estimate, Trial
from app.run.worker import DEADLINES_S, P, R, Worker
from core.cell import Cell
from core.errors import PlanningError, VitroError
from core.image import RgbdImage
from core.plugins import part_name
from grasping.detection.confidence import unsure_share
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector, find_detector
from grasping.grasp_set import GraspSet
from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.planner import plan_grasp
from grasping.planning.registry import find_planner
from grasping.success import load_success_model
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import MetricDepth, RelativeDepth, TableView
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.objects.crisp import crisp_depth
from perception.objects.masks import cell_masks, confirmed, object_region
from perception.table.locate import locate_table
from perception.table.metric_factor import corrected
from perception.table.metric_scale import fit_metric
from trials.alias import hide_names

if TYPE_CHECKING:
    from perception.objects.model import ObjectFinder

ArmJoints = Mapping[str, NDArray[np.float64]]
Result = TypeVar("Result")


#: How unlike each other grasps are, where no usual one has a plan; see `DetectorInput`.
CLOSE_SPACING = 1 / 3


class Pipeline:
    """What perceives and plans for one cell, with the models loaded."""

    def __init__(
        self, cell: Cell, options: PipelineOptions, truth: Callable[[RgbdImage], NDArray[np.float32]] | None = None
    ) -> None:
        """Builds estimator and detector.

        Args:
            truth: (H, W) [m] of a picture. It goes to the oracle alone; nothing else can reach it.

        Raises:
            ConfigurationError: something chosen that there is not, or that cannot run here.
        """
        self.cell = cell
        self.options = options
        #: For logs.
        planner = find_planner(options.planner)
        self.planner_name = part_name(planner.name, options.planner)
        self.detector_name = part_name(find_detector(options.detector).name, options.detector)
        self.estimator = open_estimator(options.estimator, EstimatorOptions(weights=options.weights), truth)
        self.success = load_success_model()
        self.max_opening_m = min(arm.gripper_stroke_m for arm in cell.arms.values())
        self.detector = create_detector(options.detector, self.max_opening_m)
        limit_s = options.estimate_deadline or self.estimator.specification.deadline_s
        self.deadlines_s = DEADLINES_S | {"estimate": limit_s}
        #: What runs the stages, so that none is waited for beyond its deadline.
        self.worker = Worker()
        self._prepare_planner = planner.prepare

    def prepare(self, console: Console) -> None:
        """Makes a planner ready that takes long to be, once, so that no trial's stage waits for it; raises a
        PlanningError where it cannot be."""
        if self._prepare_planner is not None:
            with console.stage("prepare") as line:
                self.worker.run("prepare", self.deadlines_s["prepare"], self._prepare_planner, self.cell)
                line.detail = f"planner {self.planner_name}"
            self._prepare_planner = None

    @cached_property
    def _finder(self) -> "ObjectFinder":
        """For estimators that tell no objects apart themselves; torch is not imported for those that need none."""
        from perception.estimators.running import pick_device
        from perception.objects.model import load_finder

        return load_finder(device=str(pick_device("auto")))

    def estimate(self, frames: Sequence[RgbdFrame], view: TableView, joints: ArmJoints) -> Estimate:
        """Depth of the newest frame, and how unsure of it the estimator is."""
        relative = self.estimator.estimate(
            frames, view.plane, cell_masks(view, self.cell, frames[-1].intrinsics, joints)
        )
        return Estimate(relative, unsure_share(relative, view, self.cell, frames[-1].intrinsics))

    def measure(self, frame: RgbdFrame, view: TableView, relative: RelativeDepth, joints: ArmJoints) -> MetricDepth:
        """Depth in metres, crisp at the outlines of the objects in the workspace, which it holds too.

        It holds none where the depth's own edges tell them apart: a sensor's, or the truth.
        """
        metric = fit_metric(relative, view, frame)
        if metric.objects is None:
            if self.estimator.specification.is_crisp or relative.is_sensor:
                return metric
            masks = cell_masks(view, self.cell, frame.intrinsics, joints)
            look = self._finder.predict(frame.color, frame.intrinsics, view.plane, metric.depth_m, frame.depth_m, masks)
            depth_m = crisp_depth(metric.depth_m, look, view.plane, frame.intrinsics.rays(), is_learnt=False)
            metric = replace(metric, depth_m=depth_m, objects=look.objects)
        assert metric.objects is not None
        region = object_region(view, self.cell, frame.intrinsics, joints, metric.depth_m)
        return replace(metric, objects=metric.objects.inside(region))

    def detect(
        self, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: ArmJoints, spacing: float = 1.0
    ) -> GraspSet:
        """Grasps on what stands on the table, their score the probability of success; none where nothing does.
        spacing: see `DetectorInput`."""
        region = object_region(view, self.cell, frame.intrinsics, joints, metric.depth_m)
        if metric.objects is not None:
            told = metric.objects.mask
            region &= told | confirmed(region & ~told, view, self.cell, frame, joints, metric.depth_m)
        given = DetectorInput(
            metric.depth_m,
            frame.intrinsics,
            view.plane,
            region,
            metric.confidence,
            objects=metric.objects,
            spacing=spacing,
        )
        return self.success.rank(self.detector.detect(given))

    def plan(
        self, grasps: GraspSet, view: TableView, joints: ArmJoints, seed: int, binned_m: NDArray[np.float64]
    ) -> GraspPlan:
        """The best grasp that an arm can reach, with motions that the gate passed; binned_m: see `plan_grasp`."""
        options = self.options
        return plan_grasp(
            grasps,
            view,
            self.cell,
            joints,
            planner=options.planner,
            seed=seed,
            speed=options.speed,
            binned_m=binned_m,
        )


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
        plan = self.stage("plan", lambda: self._plan(grasps, frame, view, metric, joints), plan_line)
        self.trial = replace(self.trial, plan=plan)
        return plan

    def _plan(
        self, grasps: GraspSet, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: Callable[[], ArmJoints]
    ) -> GraspPlan:
        """A plan with one of these grasps; where none has one, with one of many more that are like each other: some
        lie within reach, or clear of a neighbour, by a few degrees."""

        def plan(grasps: GraspSet) -> GraspPlan:
            return self.within("plan", self.pipeline.plan, grasps, view, joints(), self.trial.seed, self.binned_m)

        try:
            return plan(grasps)
        except NoPlanError:
            more = self._detect(frame, view, metric, joints(), CLOSE_SPACING)
            if len(more) <= len(grasps):
                raise
            return plan(more)

    def _detect(
        self, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: ArmJoints, spacing: float = 1.0
    ) -> GraspSet:
        grasps = self.within("detect", self.pipeline.detect, frame, view, metric, joints, spacing)
        for attempt in self.trial.earlier:
            if attempt.failed_grasp is not None:
                grasps = attempt.failed_grasp.doubt(grasps)
        self.trial = replace(self.trial, grasps=grasps)
        if len(grasps) == 0:
            raise PlanningError(
                f"No grasp was found: {grasps.note or 'nothing graspable stands in the workspace'}.",
                "Look at the trial's pictures of depth and confidence: what is missing was not seen, what is red not "
                "known well. Move it or the light (in the digital cell: another --seed), or try another --estimator.",
            )
        return self.pipeline.success.bold_enough(grasps, self.pipeline.options.boldness)
