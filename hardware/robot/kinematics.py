"""Forward kinematics of the PiPER for whole batches, by the Craig DH rows that its file's joint origins are.

`tcp` is link 6 shifted along its z to the tip of the fingers, which open along its y.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.transforms import Matrix, transform
from hardware.robot.description import ARM_JOINTS, FINGERS, JOINT_ORIGINS, TCP_OFFSET_M, ZERO_RAD, Firmware

T_LINK6_TCP = transform(translation_m=(0.0, 0.0, TCP_OFFSET_M))


def _degrees(sine: NDArray, cosine: NDArray) -> NDArray[np.float64]:
    """Angles of which the maker gives hundredths of a degree, freed from the file's rounding."""
    return np.round(np.rad2deg(np.arctan2(sine, cosine)), 6)


# An origin is Rx(alpha) Tx(a) Rz(theta) Tz(d).
_T = np.stack([JOINT_ORIGINS[name] for name in ARM_JOINTS])
#: a(i-1) [m], alpha(i-1) [rad], d(i) [m], theta offset(i) [rad] by firmware family.
DH_A_M = _T[:, 0, 3]
DH_ALPHA_RAD = np.deg2rad(_degrees(-_T[:, 1, 2], _T[:, 2, 2]))
DH_D_M = np.einsum("ni,ni->n", _T[:, :3, 2], _T[:, :3, 3])
DH_THETA_RAD: dict[Firmware, NDArray[np.float64]] = {
    firmware: np.deg2rad(_degrees(-_T[:, 0, 1], _T[:, 0, 0]) + np.rad2deg(zero_rad))
    for firmware, zero_rad in ZERO_RAD.items()
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
    return JOINT_ORIGINS[f"joint{link.removeprefix('link')}"]


def link_poses(joints_rad: ArrayLike, gripper_width_m: float, firmware: Firmware = "new") -> dict[str, Matrix]:
    """T_base_link (4, 4) of every link in `LINKS`, for joints (6,) [rad] and the gap between the pads [m]."""
    poses = {"base_link": np.eye(4)}
    T = np.eye(4)
    for i, step in enumerate(joint_transforms(joints_rad, firmware), start=1):
        T = T @ step
        poses[f"link{i}"] = T
    poses["gripper_base"] = T
    for link in FINGERS:
        poses[link] = T @ finger_mount(link) @ transform(translation_m=(0.0, 0.0, gripper_width_m / 2))
    return poses
