"""What perceives and plans for one cell: estimator, detector and planner as they were chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.console import Console
from app.run.options import PipelineOptions
from app.run.trial import Estimate
from app.run.worker import DEADLINES_S, Worker
from core.cell import Cell
from core.image import RgbdImage
from core.plugins import part_name
from grasping.detection.confidence import unsure_share
from grasping.detection.detector import SPACING, DetectorInput
from grasping.detection.registry import create_detector, find_detector
from grasping.grasp_set import GraspSet
from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.planner import plan_grasp
from grasping.planning.registry import find_planner
from grasping.success import load_success_model
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import MetricDepth, RelativeDepth, TableView
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.objects.crisp import crisp_depth
from perception.objects.masks import cell_masks, confirmed, object_region
from perception.table.metric_scale import fit_metric

if TYPE_CHECKING:
    from perception.objects.model import ObjectFinder

ArmJoints = Mapping[str, NDArray[np.float64]]


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

    def close(self) -> None:
        """Lets go of the thread that its stages ran in; it is used no more."""
        self.worker.close()

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
        self, frame: RgbdFrame, view: TableView, metric: MetricDepth, joints: ArmJoints, spacing: float = SPACING
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
