"""Objects that perception told apart: their points, their backs, and grasps on them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.transforms import apply, invert
from grasping.detection.completed import completed_objects
from grasping.detection.detector import DetectorInput
from grasping.detection.gripper import PRE_OPEN_MARGINS_M, TIP
from grasping.detection.point_cloud import FreeSpace, observed_surface
from grasping.detection.registry import create_detector
from grasping.detection.segmentation import table_frame
from grasping.detection.whole_objects import complete_object, find_objects, may_be_grasped
from grasping.grasp_set import OBJECT
from perception.objects.object_map import ObjectMap
from tests.support.scenes.tabletop import EVERYWHERE, INTRINSICS, Tabletop, cuboid, drawn, lay

#: Two boxes that touch: one cluster to who sees only points.
SIZE_M = (0.06, 0.05, 0.10)
PLACES = ((0.03, 0.02), (0.03, 0.02 + SIZE_M[1]))


@pytest.fixture(scope="module")
def boxes() -> Tabletop:
    return lay(*(cuboid(SIZE_M, xy) for xy in PLACES))


@pytest.fixture(scope="module")
def objects(boxes: Tabletop) -> ObjectMap:
    """What a perfect network would answer."""
    return told_apart(boxes, *PLACES)


def told_apart(scene: Tabletop, *places: tuple[float, float], size_m: tuple[float, float, float] = SIZE_M) -> ObjectMap:
    entry, leave = zip(*(_through(scene, xy, size_m) for xy in places), strict=True)
    first = np.min(entry, axis=0)
    ids = np.where(np.isfinite(first), 1 + np.argmin(entry, axis=0), 0).astype(np.int32)
    thickness = np.take_along_axis(np.array(leave), np.maximum(ids - 1, 0)[None], 0)[0]
    mask = ids > 0
    thickness[mask] -= first[mask]
    return ObjectMap(ids, mask.astype(np.float32), np.where(mask, thickness, np.nan).astype(np.float32))


def _through(scene: Tabletop, xy: tuple[float, float], size_m: tuple[float, float, float]) -> tuple[NDArray, NDArray]:
    """Where rays (H, W) enter and leave a box [m]; infinity where they miss it (slab method)."""
    low = np.array([xy[0] - size_m[0] / 2, xy[1] - size_m[1] / 2, 0.0])
    rays, eye = INTRINSICS.rays() @ scene.T_world_camera[:3, :3].T, scene.T_world_camera[:3, 3]
    one, other = (low - eye) / rays, (low + size_m - eye) / rays
    enter, leave = np.minimum(one, other).max(-1), np.maximum(one, other).min(-1)
    return np.where(leave > enter, enter, np.inf), np.where(leave > enter, leave, np.inf)


def given(scene: Tabletop, objects: ObjectMap | None) -> DetectorInput:
    return DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, objects=objects)


def outside_m(points_world: NDArray, xy: tuple[float, float]) -> NDArray:
    """How far points (N, 3) are outside of a box [m]: 0 on its surface, less within."""
    middle = np.array([*xy, SIZE_M[2] / 2])
    return (np.abs(points_world - middle) - np.array(SIZE_M) / 2).max(1)


def test_what_touches_is_one_cluster_but_two_objects_once_told_apart(boxes: Tabletop, objects: ObjectMap) -> None:
    assert set(find_objects(given(boxes, None))[2].tolist()) - {-1} == {0}
    points, weight, labels, backs = find_objects(given(boxes, objects))
    assert set(labels.tolist()) == {0, 1}
    assert points.shape == backs.shape and len(weight) == len(points)
    pixels = np.rint(INTRINSICS.project(points)).astype(int)
    np.testing.assert_array_equal(labels, objects.ids[pixels[:, 1], pixels[:, 0]] - 1)


def test_backs_lie_where_the_rays_leave_the_object(boxes: Tabletop, objects: ObjectMap) -> None:
    _, _, labels, backs = find_objects(given(boxes, objects))
    for label, xy in enumerate(PLACES):
        its = apply(boxes.T_world_camera, backs[(labels == label) & np.isfinite(backs).all(1)])
        assert len(its) > 100
        assert np.abs(outside_m(its, xy)).max() < 0.006


def test_front_and_back_are_one_cloud_of_the_whole_object(boxes: Tabletop, objects: ObjectMap) -> None:
    points, weight, labels, backs = find_objects(given(boxes, objects))
    T_camera_table = table_frame(boxes.plane)
    space = FreeSpace.of(boxes.depth_m, INTRINSICS, T_camera_table)
    surface = observed_surface(points, weight, T_camera_table)
    for label, xy in enumerate(PLACES):
        its = labels == label
        cloud = complete_object(surface[its], apply(invert(T_camera_table), backs[its]), space)
        world = apply(boxes.T_world_camera @ T_camera_table, cloud.points_m)
        assert len(cloud.points_m) > its.sum() and (cloud.seen == 0).any()
        assert np.abs(outside_m(world[cloud.seen == 0], xy)).max() < 0.012
        assert world[:, 0].max() - world[:, 0].min() == pytest.approx(SIZE_M[0], abs=0.008)


def test_where_no_back_is_known_the_front_is_all_there_is(boxes: Tabletop, objects: ObjectMap) -> None:
    unknown = replace(objects, thickness_m=np.full_like(objects.thickness_m, np.nan))
    backs = find_objects(given(boxes, unknown))[3]
    assert np.isnan(backs).all()
    thin = replace(objects, thickness_m=np.full_like(objects.thickness_m, 0.001))
    assert np.isnan(find_objects(given(boxes, thin))[3]).all()
    assert len(create_detector("antipodal", 0.10).detect(given(boxes, unknown)))


def test_each_of_two_that_touch_is_grasped_by_itself_and_held(boxes: Tabletop, objects: ObjectMap) -> None:
    grasps = create_detector("antipodal", 0.10).detect(given(boxes, objects))
    assert set(np.unique(grasps.rows[:, OBJECT])) == {0, 1}
    assert [boxes.judge(row) for row in grasps.rows[:10]].count("holds") >= 7


def test_what_nobody_told_apart_is_not_grasped_but_kept_clear_of(boxes: Tabletop, objects: ObjectMap) -> None:
    rows, columns = np.nonzero(objects.ids == 2)
    ids = np.where(objects.ids == 2, 0, objects.ids)
    ids[rows[:3], columns[:3]] = 2
    hardly_told = given(boxes, replace(objects, ids=ids))
    labels = find_objects(hardly_told)[2]
    assert (labels >= 2).sum() > 200
    assert not may_be_grasped(labels[labels >= 2], hardly_told).any()
    grasps = create_detector("antipodal", 0.10).detect(hardly_told)
    assert set(np.unique(grasps.rows[:, OBJECT])) == {0}
    # The planner's and the gate's obstacles are made of this cloud.
    pixels = np.rint(INTRINSICS.project(grasps.cloud_m)).astype(int)
    assert (objects.ids[pixels[:, 1], pixels[:, 0]] == 2).sum() > 200
    assert [boxes.judge(row) for row in grasps.rows[:10]].count("collides") <= 1


@pytest.mark.parametrize(("wide_px", "is_kept"), [(12, False), (40, True)])
def test_what_a_mask_that_is_too_narrow_leaves_of_a_thing_is_no_other(
    boxes: Tabletop, objects: ObjectMap, wide_px: int, is_kept: bool
) -> None:
    """Of a box's left face a notch is missing from the mask."""
    ids = objects.ids.copy()
    rows, columns = np.nonzero(ids == 1)
    middle, left = int(np.median(rows)), int(columns.min())
    notch = np.zeros(ids.shape, bool)
    notch[middle - 12 : middle + 12, left : left + wide_px] = True
    ids[notch] = 0

    labels = find_objects(given(boxes, replace(objects, ids=ids)))[2]

    assert ((labels >= 2) | (labels < 0)).any() == is_kept


def test_a_small_thing_that_stands_clear_beside_an_object_is_kept_clear_of() -> None:
    box, bar = (0.05, 0.06, 0.16), (0.012, 0.012, 0.06)
    beside = (0.03, 0.02 + (box[1] + bar[1]) / 2 + 0.010)
    scene = lay(cuboid(box, PLACES[0]), cuboid(bar, beside))
    points = find_objects(given(scene, told_apart(scene, PLACES[0], size_m=box)))[0]
    world = apply(scene.T_world_camera, points)
    assert (np.abs(world[:, :2] - beside) < 0.008).all(axis=1).sum() > 30


def test_what_nobody_told_apart_is_not_taken_to_go_on_within_and_behind_an_object() -> None:
    """As of a shadow that a network sees stand: its other half was made up in the can that throws it."""
    scene = lay(cuboid(SIZE_M, PLACES[0]), drawn("can", 1, (-0.03, 0.05)))
    objects = told_apart(scene, PLACES[0])
    found = completed_objects(given(scene, objects))
    assert found is not None and found.graspable == [0]
    unseen, labels = found.unseen()
    assert (labels == 0).any() and (labels == 1).any(), "both have a back"
    beside = unseen[labels == 1]
    u, v = np.rint(INTRINSICS.project(beside)).astype(int).T
    assert not (objects.mask[v, u] & (beside[:, 2] > scene.depth_m[v, u])).any()


def test_where_nothing_was_told_apart_points_decide_as_ever() -> None:
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.04)), drawn("box", seed=2, xy=(0.03, 0.04)))
    nothing = np.zeros(scene.depth_m.shape)
    none = ObjectMap(nothing.astype(np.int32), nothing.astype(np.float32), np.full_like(scene.depth_m, np.nan))
    detector = create_detector("antipodal", 0.10)
    np.testing.assert_array_equal(detector.detect(given(scene, none)).rows, detector.detect(given(scene, None)).rows)


def test_objects_without_depth_give_no_grasp_and_a_reason(boxes: Tabletop, objects: ObjectMap) -> None:
    blind = replace(boxes, depth_m=np.full_like(boxes.depth_m, np.nan))
    grasps = create_detector("antipodal", 0.10).detect(given(blind, objects))
    assert len(grasps) == 0 and grasps.note


@pytest.mark.slow
def test_between_neighbours_the_fingers_go_in_less_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand where fingers opened by the first margin do not pass, and by the second do."""
    size_m, margins_m = (0.12, 0.03, 0.10), PRE_OPEN_MARGINS_M
    gap_m = TIP.y_outer_m - TIP.y_inner_m + sum(margins_m) / 4
    places = [(0.03, 0.03 + side * (size_m[1] + gap_m)) for side in (-1, 0, 1)]
    scene = lay(*(cuboid(size_m, xy) for xy in places))
    on_middle = []
    for tried in (margins_m[:1], margins_m):
        monkeypatch.setattr("grasping.detection.antipodal.PRE_OPEN_MARGINS_M", tried)
        grasps = create_detector("antipodal", 0.10).detect(given(scene, told_apart(scene, *places, size_m=size_m)))
        on_middle.append([row for row in grasps.rows if row[OBJECT] == 1])
    assert not on_middle[0] and on_middle[1]
    assert scene.judge(on_middle[1][0]) == "holds"


def test_a_drawn_object_told_apart_is_held() -> None:
    scene = lay(drawn("can", seed=1))
    standing = scene.plane.height(INTRINSICS.rays() * scene.depth_m[..., None]) > 0.004
    objects = ObjectMap(
        standing.astype(np.int32), standing.astype(np.float32), np.where(standing, 0.05, np.nan).astype(np.float32)
    )
    grasps = create_detector("antipodal", 0.10).detect(given(scene, objects))
    assert scene.judge(grasps.rows[0]) == "holds"
