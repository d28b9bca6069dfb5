"""The PiPER arm in numbers: kinematics, limits, masses and forward kinematics.

Modified (Craig) DH parameters are those of piper_sdk's own forward kinematics. Link frames are the
DH frames; `tcp` is link 6 shifted along its z to the tip of the fingers, which open along its y.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.transforms import Matrix, transform

Firmware = Literal["new", "old"]

ARM_JOINTS = ("joint1", "joint2", "joint3", "joint4", "joint5", "joint6")
FINGER_JOINTS = ("joint7", "joint8")
LINKS = ("base_link", "link1", "link2", "link3", "link4", "link5", "link6", "gripper_base", "link7", "link8")

#: Craig DH: a(i-1) [m], alpha(i-1) [rad], d(i) [m], theta offset(i) [rad] by firmware family.
DH_A_M = np.array([0.0, 0.0, 0.28503, -0.02198, 0.0, 0.0])
DH_ALPHA_RAD = np.array([0.0, -np.pi / 2, 0.0, np.pi / 2, -np.pi / 2, np.pi / 2])
DH_D_M = np.array([0.123, 0.0, 0.0, 0.25075, 0.0, 0.091])
DH_THETA_RAD: dict[Firmware, NDArray[np.float64]] = {
    "new": np.deg2rad([0.0, -172.22, -102.78, 0.0, 0.0, 0.0]),
    "old": np.deg2rad([0.0, -174.22, -100.78, 0.0, 0.0, 0.0]),
}

#: Joint limits [rad] (joint 6: the tighter of two published values), speed and acceleration limits.
JOINT_LOWER_RAD = np.array([-2.6179, 0.0, -2.967, -1.745, -1.22, -1.745])
JOINT_UPPER_RAD = np.array([2.6179, 3.14, 0.0, 1.745, 1.22, 1.745])
MAX_SPEED_RAD_S = 3.0
MAX_ACCELERATION_RAD_S2 = 5.0

#: Distance [m] from link 6 (the flange) to the tip of the fingers, along z.
TCP_OFFSET_M = 0.1358
T_LINK6_TCP = transform(translation_m=(0.0, 0.0, TCP_OFFSET_M))

#: The folded pose [rad], a few degrees off the end stops, the gripper raised above the base: nothing
#: of the arm hangs over the objects or between them and a camera that faces the arms.
PARK_JOINTS = np.array([0.0, 0.06, -0.06, 0.0, -0.5, 0.0])

#: Maker's masses [kg].
MASS_KG = {
    "base_link": 1.02,
    "link1": 0.71,
    "link2": 1.17,
    "link3": 0.5,
    "link4": 0.38,
    "link5": 0.383,
    "link6": 0.007,
    "gripper_base": 0.45,
    "link7": 0.025,
    "link8": 0.025,
}


def joint_transforms(joints_rad: ArrayLike, firmware: Firmware = "new") -> Matrix:
    """T_parent_child of the six joints, (..., 6, 4, 4), for joints (..., 6) [rad]."""
    theta = np.asarray(joints_rad, float) + DH_THETA_RAD[firmware]
    ct, st = np.cos(theta), np.sin(theta)
    ca, sa = np.cos(DH_ALPHA_RAD), np.sin(DH_ALPHA_RAD)
    T = np.zeros((*theta.shape, 4, 4))
    T[..., 0, 0], T[..., 0, 1], T[..., 0, 3] = ct, -st, DH_A_M
    T[..., 1, 0], T[..., 1, 1], T[..., 1, 2], T[..., 1, 3] = st * ca, ct * ca, -sa, -sa * DH_D_M
    T[..., 2, 0], T[..., 2, 1], T[..., 2, 2], T[..., 2, 3] = st * sa, ct * sa, ca, ca * DH_D_M
    T[..., 3, 3] = 1.0
    return T


def forward_kinematics(joints_rad: ArrayLike, firmware: Firmware = "new") -> Matrix:
    """T_base_tcp, (..., 4, 4), of joints (..., 6) [rad]."""
    steps = joint_transforms(joints_rad, firmware)
    T = steps[..., 0, :, :]
    for i in range(1, 6):
        T = T @ steps[..., i, :, :]
    return T @ T_LINK6_TCP


def finger_mount(link: str) -> Matrix:
    """T_gripper_finger of a closed finger (`link7` or `link8`): its z is the way it opens.

    Origin at the tip between the pads; x across the finger, -y from the tip back to the flange.
    """
    side = {"link7": 1.0, "link8": -1.0}[link]
    return transform(np.array([[side, 0.0, 0.0], [0.0, 0.0, -side], [0.0, 1.0, 0.0]]), (0.0, 0.0, TCP_OFFSET_M))


def link_poses(joints_rad: ArrayLike, gripper_width_m: float, firmware: Firmware = "new") -> dict[str, Matrix]:
    """T_base_link (4, 4) of every link in `LINKS`, for joints (6,) [rad] and the gap between the pads [m]."""
    poses = {"base_link": np.eye(4)}
    T = np.eye(4)
    for i, step in enumerate(joint_transforms(joints_rad, firmware), start=1):
        T = T @ step
        poses[f"link{i}"] = T
    poses["gripper_base"] = T
    for link in ("link7", "link8"):
        poses[link] = T @ finger_mount(link) @ transform(translation_m=(0.0, 0.0, gripper_width_m / 2))
    return poses
