"""From an answer to metres: soft depth becomes crisp and is told apart, and crisp depth stays as it is."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from core.transforms import invert
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.rendering.renderer import Rendering
from hardware.simulation.sim_camera import cell_intrinsics
from perception.depth_types import TableView
from perception.estimators.estimator import Estimator
from perception.estimators.specification import EstimatorSpecification, Map, Observation
from perception.objects.masks import arms_mask, fixed_mask, object_region
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL
from tests.support.scenes.rendering import render

#: A quarter of the pixels, which is what the network sees of a D435's picture.
_SMALL = CELL.model_copy(
    update={"camera": CELL.camera.model_copy(update={"width": 424, "height": 240, "focal_px": 305.0})}
)
JOINTS = {name: PARK_JOINTS for name in _SMALL.arms}


class Blurred:
    """The true depth, which the frames here show, as an estimator with soft edges gives it."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        depth_m = np.nan_to_num(seen[-1].depth_m, nan=3.0)
        return (1 / cv2.GaussianBlur(1 / depth_m, (0, 0), 2.5)).astype(np.float32)


BLURRED = EstimatorSpecification("blurred", "for these tests", "metric", lambda options: Blurred(), needs_depth=True)


@pytest.fixture(scope="module")
def rendering() -> Rendering:
    """Three objects on a table that hides nothing."""
    physics = CellPhysics(_SMALL)
    stage(physics, np.random.default_rng(5100), 3, "diffuse")
    T = _SMALL.camera.T_world_camera
    return render(_SMALL, CellState("diffuse", physics.object_poses(), physics.robot_shapes(), T, 5100), 8)


@pytest.fixture(scope="module")
def frame(rendering: Rendering) -> RgbdFrame:
    """A sensor sees the truth."""
    return RgbdFrame(rendering.color, rendering.truth.depth_m, cell_intrinsics(_SMALL), "sim", 1, 0.0, "rendered")


@pytest.fixture(scope="module")
def view(frame: RgbdFrame) -> TableView:
    return locate_table(frame, _SMALL)


@pytest.mark.slow
def test_depth_that_is_crisp_is_measured_as_it_is(frame: RgbdFrame, view: TableView) -> None:
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="raw"))
    relative = pipeline.estimate((frame,), view, JOINTS).relative
    metric = pipeline.measure(frame, view, relative, JOINTS)
    np.testing.assert_array_equal(metric.depth_m, fit_metric(relative, view, frame).depth_m)
    assert metric.objects is None


@pytest.mark.slow
def test_depth_that_is_soft_becomes_crisp_and_holds_the_objects(
    rendering: Rendering, frame: RgbdFrame, view: TableView
) -> None:
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="raw"))
    pipeline.estimator = Estimator(BLURRED, Blurred())
    relative = pipeline.estimate((frame,), view, JOINTS).relative
    metric = pipeline.measure(frame, view, relative, JOINTS)
    true = rendering.truth.instance_ids > 0
    assert metric.objects is not None and metric.objects.count >= 2
    assert (metric.objects.mask & true).sum() > 0.6 * (metric.objects.mask | true).sum()
    beside = cv2.dilate(true.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ~true & ~metric.objects.mask
    off_m = [np.abs(depth_m - rendering.truth.depth_m)[beside].mean() for depth_m in (metric.depth_m, relative.values)]
    assert off_m[0] < 0.5 * off_m[1], "around the objects lies the table again"


@pytest.mark.slow
def test_an_estimator_that_told_objects_apart_is_believed_inside_the_workspace(
    frame: RgbdFrame, view: TableView
) -> None:
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="vitro-s"))
    relative = pipeline.estimate((frame,), view, JOINTS).relative
    assert relative.objects is not None and relative.objects.count >= 2
    metric = pipeline.measure(frame, view, relative, JOINTS)
    assert metric.objects is not None and metric.objects.count >= 2
    region = object_region(view, _SMALL, frame.intrinsics, JOINTS, metric.depth_m)
    for id_ in range(1, metric.objects.count + 1):
        assert region[metric.objects.ids == id_].mean() > 0.5
    assert metric.objects.count <= relative.objects.count


def test_what_was_told_apart_is_what_grasps_are_found_on(frame: RgbdFrame, view: TableView) -> None:
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="vitro-s"))
    metric = pipeline.measure(frame, view, pipeline.estimate((frame,), view, JOINTS).relative, JOINTS)
    grasps = pipeline.detect(frame, view, metric, JOINTS)
    assert len(grasps) and metric.objects is not None
    assert len(set(grasps.labels.tolist()) - {-1}) <= metric.objects.count


@pytest.mark.slow
def test_an_arm_that_an_estimator_sees_nearer_than_it_is_stands_in_no_grasps_way(
    frame: RgbdFrame, view: TableView
) -> None:
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="vitro-s"))
    metric = pipeline.measure(frame, view, pipeline.estimate((frame,), view, JOINTS).relative, JOINTS)
    shown = fixed_mask(view, _SMALL, frame.intrinsics) | arms_mask(view, _SMALL, frame.intrinsics, JOINTS)
    T_world_camera = invert(view.T_camera_world)
    over_workspace = (np.array([-0.06, 0.18, 0.14]) - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    nearer_m = np.where(shown, over_workspace[2], metric.depth_m).astype(np.float32)
    given = replace(metric, depth_m=nearer_m)
    assert object_region(view, _SMALL, frame.intrinsics, JOINTS, nearer_m)[shown].any(), "by its depth alone it stands"
    grasps = pipeline.detect(frame, view, given, JOINTS)
    pixels = np.rint(frame.intrinsics.project(grasps.cloud_m.astype(float))).astype(int)
    assert metric.objects is not None
    told = metric.objects.within(1)
    assert not (shown & ~told)[pixels[:, 1], pixels[:, 0]].any()

    both = pipeline.detect(replace(frame, depth_m=nearer_m), view, given, JOINTS)
    pixels = np.rint(frame.intrinsics.project(both.cloud_m.astype(float))).astype(int)
    assert (shown & ~told)[pixels[:, 1], pixels[:, 0]].any(), "what the sensor sees there too is kept clear of"
