"""How far an arm stands beyond the limits of its joints: resting on a stop, sagged or pushed."""

import numpy as np
from numpy.typing import NDArray

from core.errors import ArmError
from hardware.robot.description import JointLimits

#: Joints are told in steps of 0.001 degree: so little [rad] beyond a limit is at it.
AT_STOP_RAD = 1e-4
#: So far [rad] beyond one an arm may be found and is led back; from farther out a person brings it.
SAGGED_RAD = np.deg2rad(1.0)


def beyond_limits(joints_rad: NDArray[np.float64], limits_rad: JointLimits) -> NDArray[np.float64]:
    """How far [rad] each of joints (..., 6) stands beyond its limit; 0 within, and where only rounding puts it out."""
    lower_rad, upper_rad = limits_rad
    out_rad = np.maximum(lower_rad - joints_rad, joints_rad - upper_rad)
    return np.where(out_rad < AT_STOP_RAD, 0.0, out_rad)


def told_beyond(joints_rad: NDArray[np.float64], limits_rad: JointLimits) -> str:
    """In words: the joint (of (6,)) that stands farthest beyond its stop, and by how much; '' where none does."""
    out_rad = beyond_limits(joints_rad, limits_rad)
    joint = int(np.argmax(out_rad))
    out_deg = np.rad2deg(out_rad[joint])
    return f"{out_deg:.{1 if out_deg >= 0.1 else 2}f}° beyond joint {joint + 1}'s stop" if out_deg else ""


def freeing(joints_rad: NDArray[np.float64], limits_rad: JointLimits, arm: str) -> str:
    """What a person does about an arm of which some of joints (6,) stand beyond their limits."""
    lower_deg, upper_deg = np.rad2deg(limits_rad)
    out = np.flatnonzero(beyond_limits(joints_rad, limits_rad))
    back = " and ".join(f"joint {j + 1} to between {lower_deg[j]:.0f}° and {upper_deg[j]:.0f}°" for j in out)
    return (
        f"Support the {arm} arm, put it into teach mode at its button and bring {back} by hand; leave teach mode, then "
        "start again. If it does stand there already, its zero is lost: python main.py calibrate."
    )


def demand_near_limits(joints_rad: NDArray[np.float64], limits_rad: JointLimits, arm: str) -> None:
    """Raises ArmError for an arm of which a joint of (6,) stands farther out than it is led back from."""
    if (beyond_limits(joints_rad, limits_rad) > SAGGED_RAD).any():
        raise ArmError(
            f"The {arm} arm stands {told_beyond(joints_rad, limits_rad)}; it is led back from "
            f"{np.rad2deg(SAGGED_RAD):.0f}° at most.",
            freeing(joints_rad, limits_rad, arm),
        )
