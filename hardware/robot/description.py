"""The PiPER as its file has it, `piper.urdf`: joints, limits, masses, shapes; and that file for one arm of a cell.

One set of shapes serves collision checks, physics and pictures.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from core.transforms import Matrix, transform

Firmware = Literal["new", "old"]
Kind = Literal["box", "cylinder", "sphere"]
#: The lowest and the highest (6,) [rad].
JointLimits = tuple[NDArray[np.float64], NDArray[np.float64]]

URDF_FILE = Path(__file__).with_name("piper.urdf")
ARM_JOINTS = ("joint1", "joint2", "joint3", "joint4", "joint5", "joint6")
FINGER_JOINTS = ("joint7", "joint8")
FINGERS = ("link7", "link8")

#: Where a firmware family has its joints' zeros [rad], from the file's on.
ZERO_RAD: dict[Firmware, NDArray[np.float64]] = {"new": np.zeros(6), "old": np.deg2rad([0.0, -2.0, 2.0, 0.0, 0.0, 0.0])}
#: Not in a URDF, and chosen: the maker states none of them. The jerk is that of samples 10 ms apart.
MAX_ACCELERATION_RAD_S2, MAX_JERK_RAD_S3, MAX_TOOL_SPEED_M_S = 5.0, 300.0, 1.0
#: The folded pose [rad], a few degrees off the end stops, the gripper raised above the base: nothing
#: of the arm hangs over the objects or between them and a camera that faces the arms.
PARK_JOINTS = np.array([0.0, 0.06, -0.06, 0.0, -0.5, 0.0])


@dataclass(frozen=True, eq=False)
class LinkShape:
    """One primitive of a link: half sizes for `box`, (radius, half height) for `cylinder` (axis z),
    (radius,) for `sphere` [m]; T_link_shape places it in the link's frame."""

    link: str
    kind: Kind
    size_m: tuple[float, ...]
    T_link_shape: Matrix
    rgb: tuple[float, float, float]

    @property
    def half_extents_m(self) -> NDArray[np.float64]:
        """Half sizes (3,) of the box around it, along the shape's own axes."""
        if self.kind == "cylinder":
            radius, half = self.size_m
            return np.array([radius, radius, half])
        return np.array(self.size_m if self.kind == "box" else self.size_m * 3)


@cache
def urdf(firmware: Firmware = "new", gripper_stroke_m: float = 0.07) -> str:
    """The file's text for an arm: its firmware's zeros, its fingers' travel 0..stroke/2 outward [m]."""
    robot = ET.parse(URDF_FILE).getroot()
    for joint in robot.iterfind("joint"):
        name = joint.get("name", "")
        if name in ARM_JOINTS and (zero_rad := ZERO_RAD[firmware][ARM_JOINTS.index(name)]):
            turn = Rotation.from_matrix(_origin(joint)[:3, :3]) * Rotation.from_rotvec([0.0, 0.0, zero_rad])
            _child(joint, "origin").set("rpy", " ".join(map(repr, turn.as_euler("xyz").tolist())))
        if name in FINGER_JOINTS:
            _child(joint, "limit").set("upper", repr(gripper_stroke_m / 2))
    return ET.tostring(robot, encoding="unicode")


def _child(element: ET.Element, path: str) -> ET.Element:
    child = element.find(path)
    assert child is not None, f"piper.urdf: {element.get('name')} has no {path}"
    return child


def _numbers(element: ET.Element, key: str) -> list[float]:
    return [float(number) for number in element.get(key, "").split()]


def _origin(element: ET.Element) -> Matrix:
    """T_parent_element; quarter turns are exact."""
    origin = element.find("origin")
    if origin is None:
        return np.eye(4)
    rpy = _numbers(origin, "rpy") or [0.0, 0.0, 0.0]
    return transform(np.round(Rotation.from_euler("xyz", rpy).as_matrix(), 12), _numbers(origin, "xyz") or np.zeros(3))


def _shape(link: str, visual: ET.Element, colors: dict[str, list[float]]) -> LinkShape:
    (geometry,) = _child(visual, "geometry")
    sizes: dict[str, tuple[Kind, list[float]]] = {
        "box": ("box", [size / 2 for size in _numbers(geometry, "size")]),
        "cylinder": ("cylinder", [*_numbers(geometry, "radius"), *(h / 2 for h in _numbers(geometry, "length"))]),
        "sphere": ("sphere", _numbers(geometry, "radius")),
    }
    kind, size_m = sizes[geometry.tag]
    red, green, blue, _ = colors[_child(visual, "material").get("name", "")]
    return LinkShape(link, kind, tuple(size_m), _origin(visual), (red, green, blue))


def _limits(key: str) -> NDArray[np.float64]:
    return np.array([float(_child(_JOINTS[name], "limit").get(key, "nan")) for name in ARM_JOINTS])


_ROBOT = ET.parse(URDF_FILE).getroot()
_JOINTS = {joint.get("name", ""): joint for joint in _ROBOT.iterfind("joint")}
_LINKS = {link.get("name", ""): link for link in _ROBOT.iterfind("link")}
_COLORS = {
    material.get("name", ""): _numbers(_child(material, "color"), "rgba") for material in _ROBOT.iterfind("material")
}

LINKS = tuple(_LINKS)
MASS_KG = {name: float(_child(link, "inertial/mass").get("value", "nan")) for name, link in _LINKS.items()}
SHAPES = {
    name: tuple(_shape(name, visual, _COLORS) for visual in link.iterfind("visual")) for name, link in _LINKS.items()
}

#: T_parent_joint (4, 4) of every joint at zero, by its name.
JOINT_ORIGINS = {name: _origin(joint) for name, joint in _JOINTS.items()}
JOINT_LOWER_RAD, JOINT_UPPER_RAD = _limits("lower"), _limits("upper")


def joint_limits(zero_offset_rad: ArrayLike) -> JointLimits:
    """Where the joints of an arm may be: within their stops, and where its controller, by whose zeros they are
    `zero_offset_rad` (6,) less, lets them go."""
    offset_rad = np.asarray(zero_offset_rad, float)
    lower = np.maximum(JOINT_LOWER_RAD, JOINT_LOWER_RAD + offset_rad)
    return lower, np.minimum(JOINT_UPPER_RAD, JOINT_UPPER_RAD + offset_rad)


#: Rated torques (6,) of the shoulder's and the wrist's motors.
JOINT_EFFORT_NM = _limits("effort")
MAX_SPEED_RAD_S = float(_limits("velocity").min())
#: Distance [m] from link 6 (the flange) along its z to the tip of the fingers, where their frames are.
TCP_OFFSET_M = float(JOINT_ORIGINS["joint7"][2, 3])
