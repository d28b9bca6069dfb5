"""cuRobo's paths as trajectories that the gate takes: their ends exact, as finely sampled as all others, in limits."""

import numpy as np
from numpy.typing import NDArray

from grasping.planning.curobo.session import Track
from grasping.planning.motion_planner import NoPathError
from grasping.planning.paths import FINE_S, SAMPLE_S, PhaseLimits, ramped
from hardware.arms.trajectory import JointTrajectory

#: A path may end so far [rad] from where it was asked to: its tolerances are 5 mm and 3 degrees.
MOST_OFF_RAD = 0.06
#: A motion is at least so long [s].
_SHORTEST_S = 0.1


def as_trajectory(track: Track, start_rad: NDArray, goal_rad: NDArray, limits: PhaseLimits) -> JointTrajectory:
    """The track from joints (6,) to joints (6,), which it may miss by MOST_OFF_RAD, slowed to its limits.

    Raises:
        NoPathError: it is no path between them.
    """
    from scipy.interpolate import CubicSpline

    joints = track.joints_rad
    if len(joints) < 2 or not np.isfinite(joints).all():
        raise NoPathError("a path that is none")
    off_rad = np.array([start_rad - joints[0], goal_rad - joints[-1]])
    if np.abs(off_rad).max() > MOST_OFF_RAD:
        raise NoPathError("a path that leads elsewhere")
    share = np.linspace(0.0, 1.0, len(joints))[:, None]
    # What it is off by fades in and out without a jerk (a quintic that rests at both ends).
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    joints = joints + (1 - eased) * off_rad[0] + eased * off_rad[1]
    length_s = max(track.step_s * (len(joints) - 1), _SHORTEST_S)
    spline = CubicSpline(np.linspace(0.0, length_s, len(joints)), joints, bc_type="clamped")
    fine_s = np.linspace(0.0, length_s, max(int(np.ceil(length_s / SAMPLE_S)), 10) * 4)
    speed = np.abs(spline(fine_s, 1)).max() / limits.speed_rad_s
    hardness = np.abs(spline(fine_s, 2)).max() / limits.acceleration_rad_s2
    slower = max(1.0, float(speed), float(np.sqrt(hardness)))
    fine_s = np.linspace(0.0, length_s, max(int(np.ceil(length_s * slower / FINE_S)), 2) + 1)
    return ramped(fine_s * slower, np.concatenate([start_rad[None], spline(fine_s[1:-1]), goal_rad[None]]), limits)
