"""What was let go of over the bin is remembered, and kept clear of."""

from itertools import combinations

import numpy as np
import pytest

from core.errors import PlanningError
from core.transforms import rotation_z, transform
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.obstacles import BinContents, DistanceField, fall_into_bin, stand_in_bin
from grasping.planning.planner import plan_grasp
from grasping.planning.scene_fields import without_arms
from hardware.robot.kinematics import forward_kinematics
from tests.support.scenes.planning import CELL, GLASS, PARKED, scene, table_view

EMPTY = np.zeros((0, 3))
CENTER_M = np.array(CELL.bin.center_m)


def plan(binned_m: np.ndarray | None = None, grasps: slice = slice(None)):
    return plan_grasp(scene(GLASS)[grasps], table_view(), CELL, PARKED, budget_s=60, binned_m=binned_m)


def arm_spheres_m(name: str, q: np.ndarray) -> np.ndarray:
    return ArmModel(name, CELL.arms[name]).place(q[None], 0.0).centers_m[0]


def tall(x_m: float, y_m: float, height_m: float = 0.18, radius_m: float = 0.03) -> np.ndarray:
    """Points of a tall thing that stands in the bin, off its middle."""
    angle, z = np.meshgrid(np.linspace(0, 2 * np.pi, 16), np.linspace(0.005, height_m, 20))
    ring = np.stack([radius_m * np.cos(angle), radius_m * np.sin(angle), z], axis=-1).reshape(-1, 3)
    x_mid, y_mid = CELL.bin.center_m
    return ring + np.array([x_mid + x_m, y_mid + y_m, 0.0])


@pytest.fixture(scope="module")
def into_the_empty():
    return plan()


def test_what_is_let_go_of_stands_on_the_bins_floor_within_its_walls(into_the_empty):
    points = into_the_empty.binned_m
    assert points[:, 2].min() == pytest.approx(CELL.bin.wall_m, abs=1e-6)
    assert (np.abs(points[:, :2].mean(axis=0) - CENTER_M) < np.array(CELL.bin.size_m[:2]) / 2).all()
    assert np.ptp(points[:, 2]) == pytest.approx(GLASS[3], abs=0.05)


def test_the_next_is_let_go_of_beside_it(into_the_empty):
    before = into_the_empty.binned_m
    after = plan(before).binned_m
    apart = np.linalg.norm(before[:, None, :2] - after[None, :, :2], axis=2).min()
    assert apart > 0.0
    assert np.linalg.norm(before[:, :2].mean(axis=0) - after[:, :2].mean(axis=0)) > GLASS[2]


def test_hand_and_load_stay_clear_of_a_tall_thing_in_the_bin(into_the_empty):
    """It stands where they went while nobody knew of it."""
    place = into_the_empty.binned_m[:, :2].mean(axis=0) - CENTER_M
    standing = tall(*place)
    around = plan(standing)
    mount = CELL.arms[around.arm]
    for phase in (Phase.PLACE, Phase.RETREAT):
        tool = mount.T_world_base @ forward_kinematics(around.motions[phase].positions_rad, mount.firmware)
        low = tool[:, 2, 3] < standing[:, 2].max()
        tips = tool[low][:, None, :2, 3] - standing[None, :, :2]
        assert not len(tips) or np.linalg.norm(tips, axis=2).min() > 0.01


def test_a_turned_tool_turns_what_it_holds():
    points = np.array([[0.1, 0.0, 0.0], [0.0, 0.0, 0.10]])
    grasp = transform(translation_m=(0.0, 0.0, 0.05))
    place = transform(rotation_z(np.pi / 2), (-0.28, 0.0, 0.4))
    stands = stand_in_bin(points, grasp, place, CELL, EMPTY)
    np.testing.assert_allclose(stands[0], [-0.28, 0.1, CELL.bin.wall_m], atol=1e-9)
    np.testing.assert_allclose(stands[1], [-0.28, 0.0, CELL.bin.wall_m + 0.1], atol=1e-9)
    assert len(stand_in_bin(np.zeros((0, 3)), grasp, place, CELL, EMPTY)) == 0


def test_what_no_camera_saw_of_what_stood_on_the_table_is_carried_and_let_go_of_too():
    """A glass's bowl: below it there is a stem and a foot."""
    bowl = np.array([[0.1, 0.0, 0.09], [0.13, 0.0, 0.15]])
    stands = stand_in_bin(bowl, np.eye(4), transform(translation_m=(-0.28, 0.0, 0.3)), CELL, EMPTY)
    np.testing.assert_allclose(stands[0, 2], CELL.bin.wall_m + 0.09, atol=1e-9)
    assert stands[:, 2].min() == pytest.approx(CELL.bin.wall_m)


def test_what_falls_onto_what_stands_in_the_bin_is_remembered_on_top_of_it():
    low = tall(0.0, 0.05, height_m=0.06)
    for y_m, foot_m in ((0.05, 0.06), (-0.05, CELL.bin.wall_m)):  # a bowl on a bowl, and one beside it
        stands = fall_into_bin(tall(0.0, y_m, height_m=0.06) + np.array([0.0, 0.0, 0.15]), CELL.bin, low)
        assert stands[:, 2].min() == pytest.approx(foot_m)


@pytest.mark.slow
def test_nothing_is_let_go_of_on_top_of_what_rises_out_of_the_bin():
    x, y = np.meshgrid(np.arange(-0.085, 0.09, 0.005), np.arange(-0.145, 0.15, 0.005))
    for above_the_rim_m in (0.01, -0.01):
        top = np.full(x.size, CELL.bin.size_m[2] + above_the_rim_m)
        full = np.column_stack([x.ravel() + CENTER_M[0], y.ravel() + CENTER_M[1], top])
        if above_the_rim_m < 0.0:
            assert plan(full).binned_m[:, 2].min() >= top[0] - 1e-9
        else:
            with pytest.raises(NoPlanError, match="no free pose over the bin"):
                plan(full, slice(8))


def test_what_is_believed_to_reach_out_of_the_bin_to_where_arms_stand_keeps_none_from_starting():
    """Two bottles that were taken for one were carried as one: their points reached out of the bin, to both arms."""
    rng = np.random.default_rng(0)
    hands_m = {name: arm_spheres_m(name, q)[COVER.hand].mean(axis=0) for name, q in PARKED.items()}
    for spread_m in (0.02, 0.05, 0.1):
        around_m = [hand_m + rng.normal(0, spread_m, (400, 3)) for hand_m in hands_m.values()]
        scattered = np.concatenate(around_m)
        beyond = (np.abs(scattered[:, :2] - CENTER_M) > np.array(CELL.bin.size_m[:2]) / 2).any(axis=1)
        believed = np.concatenate([tall(0, 0), scattered[beyond & (scattered[:, 2] > 0)]])
        with pytest.raises(PlanningError, match="No arm can start"):
            plan(believed)
        field = DistanceField.empty(CELL).with_points(without_arms(believed, CELL, PARKED))
        around = Surroundings(field, field)
        for name, q in PARKED.items():
            assert CollisionChecker(ArmModel(name, CELL.arms[name]), CELL.workspace, around, 0.0).all_free(q)


def test_what_stands_within_the_bins_walls_is_believed_wherever_arms_stand():
    """An arm may hold its hand between two glasses there, and knocks them over if they are forgotten."""
    glasses = np.concatenate([tall(0, -0.09), tall(0, 0.09)])
    over = plan()
    there = {**PARKED, over.arm: over.motions[Phase.PLACE].positions_rad[-1]}
    assert np.array_equal(without_arms(glasses, CELL, there), glasses)


def test_an_emptied_bin_is_forgotten():
    contents = BinContents()
    contents.add(tall(0, 0))
    contents.add(tall(0.05, 0))
    assert len(contents.points_m) == 2 * len(tall(0, 0))
    contents.clear()
    assert contents.points_m.shape == (0, 3)


@pytest.mark.parametrize("height_m", [0.07, 0.12])
def test_what_has_room_between_things_in_corners_and_middle_is_let_go_of_there(height_m):
    spots = ((-0.07, -0.13), (-0.07, 0.13), (0.07, -0.13), (0.07, 0.13), (0.0, 0.0))
    posts = np.concatenate([tall(x, y, height_m, radius_m=0.015) for x, y in spots])
    foot_m = plan(posts).binned_m[:, 2].min()
    assert foot_m < height_m - 0.01  # not on a post


@pytest.mark.slow
def test_a_bin_takes_five_glasses():
    glasses = [EMPTY]
    for _ in range(5):
        glasses.append(plan(np.concatenate(glasses)).binned_m)
    middles_m = [points[:, :2].mean(axis=0) for points in glasses[1:]]
    assert all(np.linalg.norm(a - b) > GLASS[2] for a, b in combinations(middles_m, 2))
