"""The region to grasp in holds what stands on the table, and not the bin, the tags or the arms."""

from dataclasses import replace

import numpy as np
import pytest

from core.cell_parts import Fixture
from core.transforms import apply
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics
from perception.objects.masks import arms_depth, arms_mask, cell_masks, confirmed, fixed_mask, object_region, tags_mask
from perception.table.locate import fit_table, locate_table
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.scenes.fixtures import furnished

_PARKED = {name: PARK_JOINTS for name in CELL.arms}


@pytest.fixture(scope="module")
def frame():
    return draw_frame(CELL)


@pytest.fixture(scope="module")
def view(frame):
    return locate_table(frame, CELL)


def _pixel(view, frame, *world_m: float) -> tuple[int, int]:
    u, v = frame.intrinsics.project(apply(view.T_camera_world, np.array([world_m])))[0]
    return round(v), round(u)


def _depth_with(view, frame, *world_m: float) -> np.ndarray:
    """The bare table's depth, but one pixel shows a point of the world."""
    depth_m = frame.depth_m.copy()
    depth_m[_pixel(view, frame, *world_m)] = apply(view.T_camera_world, np.array(world_m))[2]
    return depth_m


@pytest.mark.parametrize("known_depth", [True, False])
def test_the_workspace_is_inside_and_everything_else_outside(frame, view, known_depth: bool) -> None:
    depth_m = frame.depth_m if known_depth else None
    region = object_region(view, CELL, frame.intrinsics, _PARKED, depth_m)
    workspace = CELL.workspace
    for x in np.linspace(*workspace.objects_x_m, 5):
        for y in np.linspace(*workspace.objects_y_m, 7):
            assert region[_pixel(view, frame, x, y, 0.0)]
    assert not region[_pixel(view, frame, *CELL.bin.center_m, 0.0)]
    for tag in CELL.tags:
        assert not region[_pixel(view, frame, *tag.position_m, 0.0)]


def test_a_tall_object_before_the_bin_stays_whole(frame, view) -> None:
    top = (-0.06, 0.0, 0.20)
    assert fixed_mask(view, CELL, frame.intrinsics)[_pixel(view, frame, *top)]
    depth_m = _depth_with(view, frame, *top)
    assert object_region(view, CELL, frame.intrinsics, _PARKED, depth_m)[_pixel(view, frame, *top)]


def test_what_lies_in_the_bin_is_not_grasped_again(frame, view) -> None:
    inside = (*CELL.bin.center_m, 0.04)
    depth_m = _depth_with(view, frame, *inside)
    assert fixed_mask(view, CELL, frame.intrinsics, depth_m)[_pixel(view, frame, *inside)]
    assert not object_region(view, CELL, frame.intrinsics, _PARKED, depth_m)[_pixel(view, frame, *inside)]


def test_fixtures_and_pedestals_are_nothing_to_grasp_and_what_stands_before_them_is_whole(frame, view) -> None:
    post = Fixture(name="post", center_m=(-0.11, 0.10), size_m=(0.04, 0.04, 0.20))  # within what objects may overhang
    cell = furnished(post, height_m=0.12)
    side = (-0.09, 0.10, 0.15)
    depth_m = _depth_with(view, frame, *side)
    assert object_region(view, CELL, frame.intrinsics, {}, depth_m)[_pixel(view, frame, *side)]
    assert not object_region(view, cell, frame.intrinsics, {}, depth_m)[_pixel(view, frame, *side)]
    assert not object_region(view, cell, frame.intrinsics, {})[_pixel(view, frame, *side)]
    before = (-0.05, 0.10, 0.15)
    depth_m = _depth_with(view, frame, *before)
    assert object_region(view, cell, frame.intrinsics, {}, depth_m)[_pixel(view, frame, *before)]
    for mount in cell.arms.values():
        assert fixed_mask(view, cell, frame.intrinsics)[_pixel(view, frame, *np.subtract(mount.base_m, (0, 0, 0.05)))]


def test_the_stand_of_the_camera_hides_nothing_from_it(frame, view) -> None:
    x, y, z = CELL.camera.position_m
    for gap_m in (0.005, 0.05):  # the nearer one is within what fixtures are swollen by
        stand = Fixture(name="stand", center_m=(x + gap_m + 0.025, y), size_m=(0.05, 0.05, z + 0.05))
        region = object_region(view, furnished(stand), frame.intrinsics, _PARKED, frame.depth_m)
        np.testing.assert_array_equal(region, object_region(view, CELL, frame.intrinsics, _PARKED, frame.depth_m))


def test_what_an_estimator_alone_sees_of_a_fixture_stands_nowhere(frame, view) -> None:
    """Nearer than the sensor, which has the table behind it there: as good as what the network calls an object."""
    post = Fixture(name="post", center_m=(-0.02, 0.25), size_m=(0.04, 0.04, 0.20))
    at = _pixel(view, frame, 0.0, 0.25, 0.15)
    stands = np.zeros(frame.depth_m.shape, bool)
    stands[at] = True
    nearer_m = frame.depth_m - 0.15
    for cell, is_told in ((CELL, True), (furnished(post), False)):
        kept = confirmed(stands, view, cell, frame, {}, nearer_m)
        assert kept[at] == is_told


@pytest.mark.parametrize("arm", CELL.arms)
def test_an_arm_that_reaches_over_the_table_is_masked_with_its_fingers(frame, view, arm: str) -> None:
    joints = np.array([-0.3 * np.sign(CELL.arms[arm].base_m[1]), 1.6, -1.3, 0.0, 0.6, 0.0])
    tip = apply(CELL.arms[arm].T_world_base @ forward_kinematics(joints), np.array([0.0, 0.0, -0.01]))
    depth_m = _depth_with(view, frame, *tip)
    for half_open_m in (0.0, 0.02, 0.045):
        finger = apply(CELL.arms[arm].T_world_base @ forward_kinematics(joints), np.array([0.0, half_open_m, -0.02]))
        assert arms_mask(view, CELL, frame.intrinsics, {arm: joints})[_pixel(view, frame, *finger)]
    assert not object_region(view, CELL, frame.intrinsics, {arm: joints}, depth_m)[_pixel(view, frame, *tip)]


def test_an_arm_hides_only_what_lies_behind_it(frame, view) -> None:
    joints = {"left": np.array([0.0, 1.6, -1.3, 0.0, 0.6, 0.0])}
    arm = arms_mask(view, CELL, frame.intrinsics, joints)
    before = np.full_like(frame.depth_m, 0.2)
    assert arm.any() and not arms_mask(view, CELL, frame.intrinsics, joints, before).any()
    behind = np.full_like(frame.depth_m, 3.0)
    np.testing.assert_array_equal(arms_mask(view, CELL, frame.intrinsics, joints, behind), arm)
    assert not arms_mask(view, CELL, frame.intrinsics, {}).any()


def test_the_arms_images_are_where_a_mirrored_camera_would_see_the_arms(frame, view) -> None:
    """What hangs over a table that is a mirror is seen in it as from below the table."""
    joints = {"left": np.array([0.0, 1.6, -1.3, 0.0, 0.6, 0.0])}
    image = np.isfinite(arms_depth(view, CELL, frame.intrinsics, joints, mirrored=True))
    flip = np.diag([1.0, 1.0, -1.0, 1.0])
    below = replace(view, T_camera_world=view.T_camera_world @ flip)
    np.testing.assert_array_equal(image, arms_mask(below, CELL, frame.intrinsics, joints))
    tip = apply(CELL.arms["left"].T_world_base @ forward_kinematics(joints["left"]), np.zeros(3))
    assert image[_pixel(view, frame, tip[0], tip[1], -tip[2])]


def test_what_the_cell_knows_of_a_picture_is_in_its_masks(frame, view) -> None:
    joints = {"left": np.array([0.0, 1.6, -1.3, 0.0, 0.6, 0.0])}
    masks = cell_masks(view, CELL, frame.intrinsics, joints)
    np.testing.assert_array_equal(masks.region, object_region(view, CELL, frame.intrinsics, joints))
    np.testing.assert_array_equal(masks.arms, arms_mask(view, CELL, frame.intrinsics, joints))
    assert masks.arm_images.any() and not (masks.arms & masks.region).any()
    assert masks.arms_m is not None
    nearer_m = np.where(masks.arms, masks.arms_m - 0.01, np.inf)
    assert not arms_mask(view, CELL, frame.intrinsics, joints, nearer_m).any()
    assert not cell_masks(view, CELL, frame.intrinsics, {}).arm_images.any()


def test_without_tags_nobody_knows_where_the_arms_are(frame) -> None:
    masks = cell_masks(fit_table(frame), CELL, frame.intrinsics, _PARKED)
    assert masks.region.any() and not masks.arms.any() and not masks.arm_images.any()


def test_tags_are_masked_with_their_white_border(frame, view) -> None:
    mask = tags_mask(view.tags, frame.intrinsics)
    white = frame.color[..., 0] > 200
    black = frame.color[..., 0] < 60
    printed = white | black
    assert (mask & printed).sum() > 0.97 * printed.sum()
    assert (mask & ~printed).sum() < 0.12 * mask.sum()


def test_holes_and_far_walls_are_no_objects(frame, view) -> None:
    depth_m = frame.depth_m.copy()
    hole, far = _pixel(view, frame, 0.05, 0.0, 0.0), _pixel(view, frame, 0.05, 0.1, 0.0)
    depth_m[hole], depth_m[far] = np.nan, 2.5
    region = object_region(view, CELL, frame.intrinsics, _PARKED, depth_m)
    assert not region[hole] and not region[far]


def test_without_tags_the_region_is_the_table_around_its_visible_middle(frame) -> None:
    view = fit_table(frame)
    region = object_region(view, CELL, frame.intrinsics, {}, frame.depth_m)
    middle = _pixel(view, frame, 0.0, 0.0, 0.0)
    assert region[middle]
    wall = replace(frame, depth_m=np.full_like(frame.depth_m, 3.0))
    assert not object_region(view, CELL, frame.intrinsics, {}, wall.depth_m).any()
