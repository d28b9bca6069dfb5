"""Everything others ask about the PiPER: its numbers, its shapes, and both written as a URDF."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, apply
from hardware.robot.kinematics import (
    ARM_JOINTS,
    DH_A_M,
    DH_ALPHA_RAD,
    DH_D_M,
    DH_THETA_RAD,
    FINGER_JOINTS,
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    LINKS,
    MASS_KG,
    MAX_ACCELERATION_RAD_S2,
    MAX_SPEED_RAD_S,
    PARK_JOINTS,
    TCP_OFFSET_M,
    Firmware,
    finger_mount,
    forward_kinematics,
    joint_transforms,
    link_poses,
)
from hardware.robot.shapes import SHAPES, LinkShape

__all__ = [
    "ARM_JOINTS",
    "DH_ALPHA_RAD",
    "DH_A_M",
    "DH_D_M",
    "DH_THETA_RAD",
    "FINGER_JOINTS",
    "JOINT_LOWER_RAD",
    "JOINT_UPPER_RAD",
    "LINKS",
    "MASS_KG",
    "MAX_ACCELERATION_RAD_S2",
    "MAX_SPEED_RAD_S",
    "PARK_JOINTS",
    "SHAPES",
    "TCP_OFFSET_M",
    "Firmware",
    "LinkShape",
    "forward_kinematics",
    "joint_transforms",
    "link_bounds",
    "link_poses",
    "urdf",
]

#: Rated torques [N m] of the shoulder's and the wrist's motors, and the fingers' force [N].
_EFFORT_NM = (30.0, 30.0, 30.0, 10.0, 10.0, 10.0)
_FINGER_EFFORT_N = 50.0
_FINGER_SPEED_M_S = 0.1


def urdf(firmware: Firmware = "new", gripper_stroke_m: float = 0.07) -> str:
    """URDF text: joint1..joint6 revolute, joint7 and joint8 the fingers, each 0..stroke/2 outward [m].

    Its forward kinematics equals `link_poses` to rounding.
    """
    robot = ET.Element("robot", name="piper")
    for link in LINKS:
        robot.append(_link(link))
    for i, (name, T) in enumerate(zip(ARM_JOINTS, joint_transforms(np.zeros(6), firmware), strict=True)):
        joint = _joint(robot, name, "revolute", "base_link" if i == 0 else f"link{i}", f"link{i + 1}", T)
        _limit(joint, JOINT_LOWER_RAD[i], JOINT_UPPER_RAD[i], _EFFORT_NM[i], MAX_SPEED_RAD_S)
    _joint(robot, "joint6_to_gripper_base", "fixed", "link6", "gripper_base", np.eye(4))
    for name, link in zip(FINGER_JOINTS, ("link7", "link8"), strict=True):
        joint = _joint(robot, name, "prismatic", "gripper_base", link, finger_mount(link))
        _limit(joint, 0.0, gripper_stroke_m / 2, _FINGER_EFFORT_N, _FINGER_SPEED_M_S)
    ET.indent(robot)
    return ET.tostring(robot, encoding="unicode")


def _link(name: str) -> ET.Element:
    link = ET.Element("link", name=name)
    link.append(_inertial(name))
    for shape in SHAPES[name]:
        for role in ("visual", "collision"):
            link.append(_geometry(shape, role))
    return link


def _inertial(name: str) -> ET.Element:
    """The link's mass spread evenly over the box around its shapes."""
    low, high = link_bounds(name)
    a, b, c = ((high - low) ** 2) * MASS_KG[name] / 12
    element = ET.Element("inertial")
    ET.SubElement(element, "origin", xyz=_numbers((low + high) / 2), rpy="0 0 0")
    ET.SubElement(element, "mass", value=repr(MASS_KG[name]))
    moments = {"ixx": b + c, "iyy": a + c, "izz": a + b, "ixy": 0.0, "ixz": 0.0, "iyz": 0.0}
    ET.SubElement(element, "inertia", {key: repr(float(value)) for key, value in moments.items()})
    return element


def link_bounds(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) [m] of the box around a link's shapes, in the link's frame."""
    corners = []
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
    for shape in SHAPES[name]:
        corners.append(apply(shape.T_link_shape, signs * shape.half_extents_m))
    points = np.concatenate(corners)
    return points.min(axis=0), points.max(axis=0)


def _geometry(shape: LinkShape, role: str) -> ET.Element:
    element = ET.Element(role)
    element.append(_origin(shape.T_link_shape))
    geometry = ET.SubElement(element, "geometry")
    if shape.kind == "box":
        ET.SubElement(geometry, "box", size=_numbers(2 * np.array(shape.size_m)))
    elif shape.kind == "cylinder":
        radius, half = shape.size_m
        ET.SubElement(geometry, "cylinder", radius=repr(radius), length=repr(2 * half))
    else:
        ET.SubElement(geometry, "sphere", radius=repr(shape.size_m[0]))
    if role == "visual":
        material = ET.SubElement(element, "material", name=f"rgb_{'_'.join(f'{c:g}' for c in shape.rgb)}")
        ET.SubElement(material, "color", rgba=_numbers((*shape.rgb, 1.0)))
    return element


def _joint(robot: ET.Element, name: str, kind: str, parent: str, child: str, T_parent_child: Matrix) -> ET.Element:
    joint = ET.SubElement(robot, "joint", name=name, type=kind)
    joint.append(_origin(T_parent_child))
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)
    if kind != "fixed":
        ET.SubElement(joint, "axis", xyz="0 0 1")
    return joint


def _limit(joint: ET.Element, lower: float, upper: float, effort: float, speed: float) -> None:
    values = {"lower": lower, "upper": upper, "effort": effort, "velocity": speed}
    ET.SubElement(joint, "limit", {key: repr(float(value)) for key, value in values.items()})


def _origin(T: Matrix) -> ET.Element:
    """URDF's roll, pitch, yaw: R = Rz(yaw) Ry(pitch) Rx(roll)."""
    R = T[:3, :3]
    pitch = np.arctan2(-R[2, 0], np.hypot(R[0, 0], R[1, 0]))
    roll, yaw = np.arctan2(R[2, 1], R[2, 2]), np.arctan2(R[1, 0], R[0, 0])
    return ET.Element("origin", xyz=_numbers(T[:3, 3]), rpy=_numbers((roll, pitch, yaw)))


def _numbers(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
