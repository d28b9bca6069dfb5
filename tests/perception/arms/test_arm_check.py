"""What a picture of an arm tells of its joints."""

import numpy as np
import pytest

from calibration.looks.shown_pose import shown_poses
from core.transforms import invert, transform
from hardware.robot.description import PARK_JOINTS, SHAPES
from hardware.robot.kinematics import link_poses
from hardware.simulation.drawn_camera import draw_arms, draw_tags
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.scene.materials import Scattering, plain
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.scene import ScenePart
from hardware.simulation.scene.triangles import primitive
from perception.arms.check import ArmCheck, check_arms
from perception.arms.outline import ArmView
from tests.support.drawn_cell import CELL, intrinsics_of, poses_of

MOUNT, K = CELL.arms["left"], intrinsics_of(CELL)
T_CAMERA_WORLD = invert(CELL.camera.T_world_camera)
SHOWN = poses_of("left")[0]
TEN = np.deg2rad(10.0)
EYE = CELL.camera.T_world_camera


def rays_at(joints_rad, foot_off_m=(0.0, 0.0, 0.0), mount=MOUNT):
    """The arm there, its foot so far from its place, by meshes and ray casting."""
    poses = link_poses(joints_rad, 0.0)
    parts = []
    for link, shapes in SHAPES.items():
        for shape in shapes:
            triangles = primitive(Primitive(shape.kind, shape.size_m, shape.T_link_shape))
            T = transform(translation_m=foot_off_m) @ mount.T_world_base @ poses[link] @ shape.T_link_shape
            parts.append(ScenePart("robot", triangles.at(T), plain(Scattering.MATTE, shape.rgb)))
    return RayCaster(parts)


def with_arm(color, rays):
    return draw_arms(color, rays, rays.depth_and_part(K, EYE)[1], K, EYE)


def look(true_rad, told_rad, color=None, foot_off_m=(0.0, 0.0, 0.0), cell=CELL) -> ArmCheck:
    T_world_camera = cell.camera.T_world_camera
    color = draw_tags(cell, T_world_camera) if color is None else color
    if true_rad is not None:
        color = with_arm(color, rays_at(true_rad, foot_off_m, cell.arms["left"]))
    (check,) = check_arms(color, K, T_CAMERA_WORLD, cell, {"left": told_rad}, {"left": 0.0})
    return check


@pytest.mark.parametrize("joints_rad", [PARK_JOINTS, SHOWN], ids=["parked", "shown"])
def test_an_arm_is_drawn_where_rays_meet_it(joints_rad):
    drawn = ArmView(K, T_CAMERA_WORLD @ MOUNT.T_world_base, 0.0).draw(joints_rad).depth_m
    met = rays_at(joints_rad).truth(K, CELL.camera.T_world_camera).depth_m
    both = np.isfinite(drawn) & np.isfinite(met)
    assert (np.isfinite(drawn) != np.isfinite(met)).sum() < 0.01 * both.sum()
    # The rays meet a cylinder of flat sides, a little within the round one that is drawn.
    assert np.median(np.abs(drawn - met)[both]) < 2e-4


def test_an_arm_that_stands_as_it_says_is_seen_to_in_every_joint():
    check = look(SHOWN, SHOWN)
    assert not check.is_off
    assert check.seen == tuple(range(6))


@pytest.mark.parametrize(("joint", "turn_rad"), [(1, TEN), (3, -TEN), (5, -TEN)])
def test_a_forced_joint_is_named_with_its_turn(joint, turn_rad):
    check = look(SHOWN + turn_rad * np.eye(6)[joint], SHOWN)
    assert check.turned[0] == joint
    assert check.off_rad == pytest.approx(turn_rad, abs=np.deg2rad(5.0))  # told as "about"
    assert f"joint {joint + 1}" in str(check)


def test_an_arm_of_which_the_base_alone_is_hidden_is_judged_by_the_rest():
    color = with_arm(draw_tags(CELL, CELL.camera.T_world_camera), rays_at(SHOWN - TEN * np.eye(6)[5]))
    x, y = K.project((T_CAMERA_WORLD @ MOUNT.T_world_base)[None, :3, 3])[0].astype(int)
    color[y - 30 : y + 60, x - 45 : x + 45] = 150  # a cloth over its foot
    check = look(None, SHOWN, color)
    assert check.is_off and check.turned[0] == 5
    assert not look(None, PARK_JOINTS, color).seen


@pytest.mark.slow
def test_an_arm_of_which_the_base_is_above_the_picture_is_judged_by_the_rest():
    high = MOUNT.model_copy(update={"base_m": (-0.30, 0.25, 0.3)})
    cell = CELL.model_copy(update={"arms": {"left": high}})
    shown_rad, *_ = shown_poses(cell, "left", K, T_CAMERA_WORLD)
    assert not ArmView.of(high, K, T_CAMERA_WORLD, 0.0).draw(PARK_JOINTS).links.any()
    stands, nothing = look(shown_rad, shown_rad, cell=cell), look(None, shown_rad, cell=cell)
    assert stands.seen == tuple(range(6)) and not stands.is_off
    assert nothing.seen == () and not nothing.is_off
    for joint in range(6):
        assert joint in look(shown_rad + TEN * np.eye(6)[joint], shown_rad, cell=cell).turned


def test_what_is_out_of_the_picture_is_not_called_seen():
    check = look(PARK_JOINTS, PARK_JOINTS)
    assert not check.is_off
    assert not {2, 3, 4, 5} & set(check.seen)


@pytest.mark.parametrize("foot_off_m", [(0.0, 0.01, 0.0), (0.02, 0.0, 0.0), (0.0, -0.03, 0.0)])
def test_an_arm_whose_foot_is_not_where_the_calibration_has_it_is_told_from_one_that_is_not_seen(foot_off_m):
    check = look(PARK_JOINTS, PARK_JOINTS, foot_off_m=foot_off_m)
    assert check.is_misplaced
    assert check.base_off_m == pytest.approx(np.linalg.norm(foot_off_m), abs=0.008)  # across the view alone
    assert not look(None, PARK_JOINTS).is_misplaced


def test_a_picture_without_an_arm_says_nothing_of_it():
    check = look(None, SHOWN)
    assert not check.is_off
    assert check.seen == ()
    assert check.is_unlike
    assert "cannot be seen" in str(check)
