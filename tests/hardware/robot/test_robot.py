"""The robot description against the maker's kinematics, a physics engine's, and itself."""

from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
from piper_sdk.kinematics.piper_fk import C_PiperForwardKinematics

from core.transforms import invert
from hardware.robot.description import (
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    LINKS,
    MASS_KG,
    PARK_JOINTS,
    SHAPES,
    TCP_OFFSET_M,
    URDF_FILE,
    urdf,
)
from hardware.robot.kinematics import forward_kinematics, link_poses
from tests.support.robot import link_bounds, random_joints

FIRMWARES = [("new", 0x01), ("old", 0x00)]

#: Of the maker's meshes [m], link frame; link 6 is a thin flange without a mesh of its own.
MESH_EXTENTS_M = {
    "base_link": [(-0.059, -0.040, 0.0), (0.040, 0.040, 0.086)],
    "link1": [(-0.036, -0.037, -0.043), (0.036, 0.041, 0.030)],
    "link2": [(-0.032, -0.065, -0.049), (0.317, 0.032, 0.049)],
    "link3": [(-0.056, -0.215, -0.040), (0.030, 0.030, 0.041)],
    "link4": [(-0.033, -0.029, -0.036), (0.030, 0.033, 0.028)],
    "link5": [(-0.030, -0.090, -0.032), (0.030, 0.024, 0.029)],
    "gripper_base": [(-0.040, -0.073, 0.0), (0.031, 0.073, 0.063)],
    "link7": [(-0.028, -0.077, 0.0), (0.028, 0.0, 0.027)],
    "link8": [(-0.028, -0.077, 0.0), (0.028, 0.0, 0.027)],
}


@pytest.mark.parametrize(("firmware", "offset"), FIRMWARES)
def test_every_link_is_where_the_makers_kinematics_puts_it(firmware, offset):
    maker = C_PiperForwardKinematics(offset)
    for joints in random_joints(100):
        poses = link_poses(joints, 0.0, firmware)
        for i, (x_mm, y_mm, z_mm, *_) in enumerate(maker.CalFK(list(joints)), start=1):
            assert np.allclose(poses[f"link{i}"][:3, 3], np.array([x_mm, y_mm, z_mm]) / 1000, atol=1e-12)


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_a_physics_engine_reads_the_same_kinematics_from_the_urdf(firmware):
    model = mujoco.MjModel.from_xml_string(urdf(firmware, gripper_stroke_m=0.07))
    data = mujoco.MjData(model)
    for joints in random_joints(50, seed=1):
        data.qpos[:] = [*joints, 0.02, 0.02]
        mujoco.mj_kinematics(model, data)
        poses = link_poses(joints, 0.04, firmware)
        for link in ("link1", "link2", "link3", "link4", "link5", "link6", "link7", "link8"):
            body = data.body(link)
            assert np.allclose(body.xpos, poses[link][:3, 3], atol=1e-12)
            assert np.allclose(body.xmat.reshape(3, 3), poses[link][:3, :3], atol=1e-12)


def test_the_urdf_keeps_limits_stroke_and_masses():
    model = mujoco.MjModel.from_xml_string(urdf("new", gripper_stroke_m=0.1))
    assert np.allclose(model.jnt_range[:6, 0], JOINT_LOWER_RAD)
    assert np.allclose(model.jnt_range[:6, 1], JOINT_UPPER_RAD)
    assert np.allclose(model.jnt_range[6:], [0.0, 0.05])
    # A URDF's fixed base is part of MuJoCo's world, which has no mass.
    assert np.isclose(model.body_mass.sum(), sum(MASS_KG.values()) - MASS_KG["base_link"])


def test_batches_of_joints_give_what_single_ones_give():
    joints = random_joints(6).reshape(2, 3, 6)
    batch = forward_kinematics(joints)
    assert batch.shape == (2, 3, 4, 4)
    assert np.allclose(batch[1, 2], forward_kinematics(joints[1, 2]))


def test_the_firmware_families_differ_by_a_centimetre_at_the_zero_pose():
    flange = [link_poses(np.zeros(6), 0.0, firmware)["link6"][:3, 3] for firmware in ("new", "old")]
    assert 0.007 < np.linalg.norm(flange[0] - flange[1]) < 0.013


def test_the_arm_reaches_as_far_as_the_maker_says():
    shoulder = np.array([0.0, 0.0, 0.123])
    joints = random_joints(20000, seed=2)
    joints[:, [3, 4]] = 0.0
    reach = np.linalg.norm(forward_kinematics(joints)[:, :3, 3] - shoulder, axis=1)
    assert abs(reach.max() - 0.764) < 0.003


@pytest.mark.parametrize("width_m", [0.0, 0.03, 0.1])
def test_pads_face_each_other_across_the_width_and_end_at_the_tcp(width_m):
    joints = random_joints(1, seed=3)[0]
    poses = link_poses(joints, width_m)
    T_tcp_base = invert(forward_kinematics(joints))
    for link, side in (("link7", -1.0), ("link8", 1.0)):
        low, high = link_bounds(link)
        corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        T = T_tcp_base @ poses[link]
        in_tcp = corners @ T[:3, :3].T + T[:3, 3]
        assert np.isclose((side * in_tcp[:, 1]).min(), width_m / 2)
        assert np.isclose(in_tcp[:, 2].max(), 0.0)
        assert np.isclose(in_tcp[:, 2].min(), 0.0588 - TCP_OFFSET_M, atol=2e-4)


@pytest.mark.parametrize("link", MESH_EXTENTS_M)
def test_shapes_stay_within_the_makers_meshes_and_fill_them(link):
    low, high = link_bounds(link)
    mesh_low, mesh_high = np.array(MESH_EXTENTS_M[link])
    assert np.all(low > mesh_low - 0.002)
    assert np.all(high < mesh_high + 0.002)
    assert np.all(high - low > 0.7 * (mesh_high - mesh_low))


def test_masses_are_spread_evenly_over_the_boxes_around_the_links():
    for link in ElementTree.parse(URDF_FILE).getroot().iterfind("link"):
        low, high = link_bounds(link.get("name"))
        inertia = link.find("inertial/inertia")
        center = [float(x) for x in link.find("inertial/origin").get("xyz", "0 0 0").split()]
        a, b, c = (high - low) ** 2 * MASS_KG[link.get("name")] / 12
        assert np.allclose(center, (low + high) / 2, atol=1e-12)
        assert np.allclose([float(inertia.get(key)) for key in ("ixx", "iyy", "izz")], [b + c, a + c, a + b])
        assert [float(inertia.get(key)) for key in ("ixy", "ixz", "iyz")] == [0.0, 0.0, 0.0]


def test_what_is_seen_of_a_link_is_what_others_collide_with():
    for link in ElementTree.parse(URDF_FILE).getroot().iterfind("link"):
        seen, solid = (
            [
                [(element.tag, element.attrib) for element in part.iter() if element.tag not in (kind, "material")]
                for part in link.iterfind(kind)
            ]
            for kind in ("visual", "collision")
        )
        assert seen == solid


def test_every_link_has_a_shape():
    assert tuple(SHAPES) == LINKS
    assert all(SHAPES.values())


def contacts(joints, width_m):
    """Pairs of links that touch, neighbours left out (MuJoCo does not test them)."""
    model = mujoco.MjModel.from_xml_string(urdf("new", gripper_stroke_m=0.1))
    data = mujoco.MjData(model)
    data.qpos[:] = [*joints, width_m / 2, width_m / 2]
    mujoco.mj_forward(model, data)
    return [{model.body(model.geom_bodyid[g]).name for g in contact.geom} for contact in data.contact]


@pytest.mark.parametrize("joints", [PARK_JOINTS, np.zeros(6), [0, 1.7, -1.5, 0, 0.9, 0], [0.8, 1.2, -1.2, 0.5, 0.6, 1]])
def test_parked_folded_and_working_arms_do_not_touch_themselves(joints):
    assert contacts(joints, 0.06) == []


def test_an_arm_folded_onto_itself_does_touch():
    assert {"link1", "link6"} in contacts([1.85, 0.05, -0.11, -0.95, 1.11, -0.54], 0.06)


def test_the_park_pose_is_within_limits_and_over_its_own_base():
    assert np.all((PARK_JOINTS >= JOINT_LOWER_RAD) & (PARK_JOINTS <= JOINT_UPPER_RAD))
    tip = forward_kinematics(PARK_JOINTS)[:3, 3]
    assert tip[0] < 0.2
    assert tip[2] > 0.2
