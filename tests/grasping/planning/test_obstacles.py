"""What planner and gate keep clear of is whole: the sides that no camera sees, and glass that it looked through."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.transforms import apply, invert, rotation_z
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.detection.whole_objects import LEAST_HEIGHT_M
from grasping.grasp_set import GraspSet
from grasping.planning.gate.boxes import upright_boxes
from grasping.planning.obstacles import FAR_M, VOXEL_M, DistanceField, bin_boxes
from grasping.scene_cloud import SceneCloud, hidden_behind
from perception.depth_types import TableView
from perception.objects.object_map import ObjectMap
from tests.support.scenes.planning import CELL, cylinder, table_view
from tests.support.scenes.tabletop import EVERYWHERE, INTRINSICS, Tabletop, drawn, lay

NEAR_M = 0.008


@pytest.fixture(scope="module")
def flask() -> Tabletop:
    """Its back is seen by nobody, nor does all of it lie below what is seen: it widens to its foot."""
    return lay(drawn("flask", seed=3))


def outlines(scene: Tabletop) -> ObjectMap:
    """What a perfect network would tell of one object, but nothing of its back."""
    mask = scene.plane.height(INTRINSICS.rays() * scene.depth_m[..., None]) > LEAST_HEIGHT_M
    unknown = np.full(mask.shape, np.nan, np.float32)
    return ObjectMap(mask.astype(np.int32), mask.astype(np.float32), unknown)


def seen(scene: Tabletop, depth_m: NDArray, objects: ObjectMap | None = None) -> GraspSet:
    given = DetectorInput(depth_m, INTRINSICS, scene.plane, EVERYWHERE, objects=objects)
    return create_detector("antipodal", 0.10).detect(given)


def missing(scene: Tabletop, grasps: GraspSet) -> tuple[float, float]:
    """The shares of the object's true back that the planner and the gate know nothing of."""
    back = scene.points_m[scene.normals @ scene.T_world_camera[:3, 2] > 0.3]
    back = back[back[:, 2] > 0.01]
    view = TableView("tags", scene.plane, invert(scene.T_world_camera), (), 0.0, 0.0)
    cloud = SceneCloud.from_grasps(grasps, view)
    field = DistanceField.empty(CELL).with_points(cloud.points_m)
    boxes = upright_boxes(cloud.points_m, to_ground=True)
    center, half = (np.array(part) for part in zip(*boxes, strict=True))
    _, near = cKDTree(center[:, :2]).query(back[:, :2], k=8)
    outside = np.maximum(np.abs(back[:, None] - center[near]) - half[near], 0.0)
    return float((field.at(back) > NEAR_M).mean()), float((np.linalg.norm(outside, axis=2).min(axis=1) > NEAR_M).mean())


def test_what_is_joined_is_as_near_as_the_nearest_of_all_and_nowhere_nearer() -> None:
    rng = np.random.default_rng(0)
    nothing = DistanceField.empty(CELL)
    things = [rng.uniform(-0.04, 0.04, (200, 3)) + np.array([x, y, 0.05]) for x, y in rng.uniform(-0.25, 0.25, (5, 2))]
    parts = [nothing.with_points(points) for points in things] + [nothing.with_boxes(bin_boxes(CELL.bin)), nothing]
    whole = parts[-1].joined(*parts[:3]).joined(*parts[3:]).distance_m
    assert np.array_equal(whole, np.minimum.reduce([part.distance_m for part in parts]))
    beyond = whole.copy()
    beyond[nothing.joined(*parts).near] = FAR_M
    assert (beyond == FAR_M).all()
    assert nothing.joined(nothing).distance_m.min() == np.float32(FAR_M)


def test_a_field_is_the_same_inside_at_the_border_and_beyond_of_what_it_keeps() -> None:
    rng = np.random.default_rng(1)
    nothing = DistanceField.empty(CELL)
    field = nothing.with_points(rng.uniform([0.05, 0.05, 0.01], [0.15, 0.15, 0.11], (300, 3))).with_boxes(
        bin_boxes(CELL.bin)
    )
    whole = field.distance_m
    points = nothing.origin_m + VOXEL_M * rng.uniform(-3.0, np.array(whole.shape) + 3.0, (20_000, 3))
    index = np.floor((points - nothing.origin_m) / VOXEL_M).astype(int)
    is_in = ((index >= 0) & (index < whole.shape)).all(axis=1)
    expected = np.full(len(points), FAR_M, np.float32)
    expected[is_in] = whole[tuple(index[is_in].T)]
    np.testing.assert_array_equal(field.at(points), expected)
    assert (nothing.at(points) == np.float32(FAR_M)).all() and is_in.any() and not is_in.all()


def test_what_no_camera_sees_is_an_obstacle_to_planner_and_gate(flask: Tabletop) -> None:
    grasps = seen(flask, flask.depth_m)
    fronts = replace(grasps, completed_m=grasps.completed_m[:0], completed_labels=grasps.completed_labels[:0])
    assert min(missing(flask, fronts)) > 0.1
    assert max(missing(flask, grasps)) < 0.01


def test_a_glass_whose_stem_was_told_apart_from_its_bowl_is_moved_whole_and_its_neighbour_is_not() -> None:
    stem, bowl, neighbour = (
        cylinder(0.0, 0.1, 0.01, 0.07),
        cylinder(0.0, 0.1, 0.03, 0.06) + np.array([0.0, 0.0, 0.09]),
        cylinder(0.0, 0.17, 0.03, 0.06),
    )
    parts = np.concatenate([bowl, stem, neighbour])
    labels = np.repeat([0, 1, 2], [len(bowl), len(stem), len(neighbour)]).astype(np.int32)
    view = table_view()
    grasps = GraspSet(np.zeros((0, 17)), apply(view.T_camera_world, parts).astype(np.float32), labels, "test")
    cloud = SceneCloud.from_grasps(grasps, view)
    assert len(cloud.of(0)) == len(cloud.of(1)) == len(stem) + len(bowl)
    assert len(cloud.without(0)) == len(cloud.without(1)) == len(neighbour) == len(cloud.of(2))


def bar(turn_rad: float, lowest_m: float, highest_m: float, half_m: float = 0.08, aside_m: float = 0.0) -> NDArray:
    """Points (N, 3) of a long bar, turned about its middle and put to its side."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-half_m, -0.006 + aside_m, lowest_m], [half_m, 0.006 + aside_m, highest_m], (800, 3))
    return points @ rotation_z(turn_rad)[:3, :3].T


@pytest.mark.parametrize(
    "things",
    [
        (bar(0.0, 0.006, 0.012), bar(np.pi / 2, 0.006, 0.012)),  # crossed spoons: neither stands on the other
        (bar(np.pi / 4, 0.010, 0.060), bar(np.pi / 4, 0.002, 0.012, 0.03, 0.06)),  # a spoon beside a lying bottle
    ],
)
def test_what_lies_across_or_beside_another_is_no_part_of_it(things: tuple[NDArray, NDArray]) -> None:
    labels = np.repeat([0, 1], [len(thing) for thing in things]).astype(np.int32)
    view = table_view()
    points = apply(view.T_camera_world, np.concatenate(things)).astype(np.float32)
    cloud = SceneCloud.from_grasps(GraspSet(np.zeros((0, 17)), points, labels, "test"), view)
    assert not cloud.whole


def test_what_rays_that_hardly_fall_hide_has_an_end() -> None:
    view = table_view()
    eye_m = invert(view.T_camera_world)[:3, 3]
    thing = eye_m + np.array([[0.3, 0.0, -1e-5]])
    points = apply(view.T_camera_world, thing).astype(np.float32)
    grasps = GraspSet(np.zeros((0, 17)), points, np.zeros(1, np.int32), "test")
    assert len(hidden_behind(grasps, view)[0]) < 200


def test_what_stands_behind_another_is_kept_clear_of_by_all_but_the_grasps_on_that() -> None:
    """A camera's ray that ends on the glass goes on to where nobody sees; beside it the table is seen."""
    glass, neighbour = cylinder(0.0, 0.0, 0.03, 0.12), cylinder(0.0, -0.15, 0.03, 0.06)
    view = table_view()
    eye_m = invert(view.T_camera_world)[:3, 3]
    seen_m = np.concatenate([glass, neighbour])
    labels = np.repeat([0, 1], [len(glass), len(neighbour)]).astype(np.int32)
    grasps = GraspSet(np.zeros((0, 17)), apply(view.T_camera_world, seen_m).astype(np.float32), labels, "test")
    cloud = SceneCloud.from_grasps(grasps, view, CELL)
    field = DistanceField.empty(CELL).with_points(cloud.without(1))
    away = np.append(-eye_m[:2] / np.linalg.norm(eye_m[:2]), 0.0)
    behind, before = (np.array([0.0, 0.0, 0.02]) + side * 0.06 * away for side in (1, -1))
    assert field.at(behind) <= 0.0 < field.at(before)
    assert DistanceField.empty(CELL).with_points(cloud.without(0)).at(behind) > 0.0


def test_depth_seen_through_glass_carves_nothing_away(flask: Tabletop) -> None:
    objects = outlines(flask)
    columns = np.flatnonzero(objects.mask.any(axis=0))
    through = np.zeros_like(objects.mask)
    through[:, columns[len(columns) // 2 :]] = True
    table_m = flask.plane.depth(INTRINSICS.rays())
    depth_m = np.where(objects.mask & through, table_m, flask.depth_m).astype(np.float32)
    assert max(missing(flask, seen(flask, depth_m, objects))) < 0.06
