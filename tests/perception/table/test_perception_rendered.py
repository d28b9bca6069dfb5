"""Perception on path-traced frames of every surface, and on real captures of glass where there are any."""

import numpy as np
import pytest

from core.surfaces import SURFACES
from core.transforms import invert, look_at, rotation_angle
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.sim_camera import cell_intrinsics
from perception.depth_types import RelativeDepth
from perception.estimators.registry import open_estimator
from perception.objects.masks import object_region
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric, to_metres
from tests.support.drawn_cell import CELL, table_plane
from tests.support.real_captures import captures_folder, load_captures
from tests.support.scenes.rendering import render

#: A quarter of the pixels: enough for 18 px tags, and a second a frame.
_SMALL = CELL.model_copy(
    update={"camera": CELL.camera.model_copy(update={"width": 424, "height": 240, "focal_px": 305.0})}
)
_CAPTURES = load_captures(captures_folder())


@pytest.fixture(scope="module")
def physics():
    return CellPhysics(_SMALL)


@pytest.fixture(scope="module", params=SURFACES)
def scene(request, physics):
    """(frame, truth depth, T_world_camera) of four objects on a surface, the camera not quite in its place."""
    rng = np.random.default_rng(SURFACES.index(request.param))
    mount = _SMALL.camera
    T_world_camera = look_at(mount.position_m + rng.normal(0, 0.006, 3), mount.target_m + rng.normal(0, 0.006, 3))
    stage(physics, rng, 4, request.param)
    state = CellState(request.param, physics.object_poses(), physics.robot_shapes(), T_world_camera, 11)
    rendering = render(_SMALL, state, 8)
    blind = np.full(rendering.color.shape[:2], np.nan, np.float32)
    frame = RgbdFrame(rendering.color, blind, cell_intrinsics(_SMALL), "sim", 1, 0.0, "rendered")
    return frame, rendering.truth.depth_m, T_world_camera


def test_every_tag_is_found_and_the_camera_with_them(scene) -> None:
    frame, _, T_world_camera = scene
    view = locate_table(frame, _SMALL)
    assert [tag.id for tag in view.tags] == [tag.id for tag in _SMALL.tags]
    error = view.T_camera_world @ T_world_camera
    assert np.linalg.norm(error[:3, 3]) < 2e-3
    assert rotation_angle(error[:3, :3], np.eye(3)) < np.deg2rad(0.2)


@pytest.mark.parametrize("seed", range(3))
def test_truth_of_unknown_scale_and_shift_gives_the_table_within_two_millimetres(scene, seed: int) -> None:
    frame, truth_m, T_world_camera = scene
    rng = np.random.default_rng(seed)
    disparity = rng.uniform(0.1, 10) / truth_m + rng.uniform(-2, 2)
    view = locate_table(frame, _SMALL)
    metric = fit_metric(RelativeDepth(disparity.astype(np.float32), "disparity", "disturbed"), view, frame)
    table_m = table_plane(invert(T_world_camera)).depth(frame.intrinsics.rays())
    bare = np.abs(truth_m - table_m) < 0.001
    assert 1000 * np.median(np.abs(metric.depth_m - table_m)[bare]) < 2.0
    assert max(metric.tag_residuals_mm.values()) < 2.0


def test_the_oracle_is_metric_on_the_objects_too(scene) -> None:
    frame, truth_m, _ = scene
    view = locate_table(frame, _SMALL)
    relative = open_estimator("oracle", truth=lambda image: truth_m).estimate([frame], view.plane)
    metric = fit_metric(relative, view, frame)
    near = truth_m < 1.2
    assert 1000 * np.percentile(np.abs(metric.depth_m - truth_m)[near], 95) < 3.0


def test_an_answer_that_bends_over_the_image_is_bent_back_on_every_surface(scene) -> None:
    frame, truth_m, _ = scene
    v, u = np.mgrid[:240, :424]
    bowl = 1 + 0.05 * (((u - 212) ** 2 + (v - 120) ** 2) / 212**2 - 0.5)
    view = locate_table(frame, _SMALL)
    metric = fit_metric(RelativeDepth((bowl / truth_m).astype(np.float32), "disparity", "bent"), view, frame)
    plain_m = to_metres((bowl / truth_m).astype(np.float32), "disparity", metric.scale, metric.shift)
    assert metric.correction.used
    between = object_region(view, _SMALL, frame.intrinsics, {}, truth_m)
    before_mm, after_mm = (1000 * np.median(np.abs(m - truth_m)[between]) for m in (plain_m, metric.depth_m))
    assert after_mm < 3.0 and after_mm < 0.5 * before_mm


@pytest.mark.skipif(not _CAPTURES, reason="real captures are not part of the repository (shared/real)")
@pytest.mark.parametrize("capture", _CAPTURES, ids=lambda capture: capture.name)
def test_real_captures_show_their_table_and_take_a_relative_depth_to_it(capture) -> None:
    frame, truth_m = capture.frame, capture.truth_m
    view = locate_table(frame, CELL)
    assert view.source == "sensor" and view.residual_mm < 3.0
    relative = RelativeDepth((0.4 / truth_m - 0.1).astype(np.float32), "disparity", "disturbed truth")
    metric = fit_metric(relative, view, frame)
    assert 1000 * np.nanmedian(np.abs(metric.depth_m - truth_m)[capture.mask]) < 5.0
    raw = fit_metric(open_estimator("raw").estimate([frame], view.plane), view, frame)
    wrong_or_missing = ~(np.abs(raw.depth_m - truth_m) < 0.02)[capture.mask & np.isfinite(truth_m)]
    assert wrong_or_missing.mean() > 0.6  # what the sensor makes of glass
