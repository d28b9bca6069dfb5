"""The proof of a calibration: the fingertips go above points of the table, and the miss is measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.calibrate.sampling import Sampling
from core.errors import PlanningError
from core.transforms import invert, rotation_z, transform
from grasping.planning.inverse_kinematics import solve
from hardware.robot.description import PARK_JOINTS

#: The fingertips stop this far above the table [m].
HEIGHT_M = 0.06
_TURNS_RAD = np.arange(0.0, 2 * np.pi, np.pi / 6)
LEANS_RAD = (0.0, np.deg2rad(20.0), np.deg2rad(40.0))
_DOWN = np.diag([1.0, -1.0, -1.0])


def touch_points(sampling: Sampling, arm: str) -> dict[int, float]:
    """Misses [mm] above the tags that an arm reaches, by the tag's id; the person enters them, the digital cell
    measures them. sampling.cell: as calibrated."""
    misses: dict[int, float] = {}
    for tag in sampling.cell.tags:
        wanted_m = np.array([*tag.position_m, HEIGHT_M])
        for joints in above(wanted_m, sampling, arm):
            try:
                sampling.move(arm, joints, None)
            except PlanningError:
                continue
            misses[tag.id] = _miss_mm(sampling, arm, wanted_m, tag.id)
            break
    try:
        sampling.move(arm, PARK_JOINTS, None)
    except PlanningError as error:
        sampling.operator.console.error(error)
    return misses


def above(
    point_m: NDArray[np.float64], sampling: Sampling, arm: str, leans_rad: Sequence[float] = LEANS_RAD
) -> NDArray[np.float64]:
    """Free joints (N, 6) with the fingertips at a point, pointing down or nearly so; a few, easiest first."""
    mount, checker = sampling.cell.arms[arm], sampling.scene(arm, None).checker()
    poses = [transform(rotation_z(turn) @ _lean(lean) @ _DOWN, point_m) for lean in leans_rad for turn in _TURNS_RAD]
    joints = solve(invert(mount.T_world_base) @ np.array(poses), mount.firmware, 0.05).reshape(-1, 6)
    joints = joints[np.isfinite(joints).all(axis=1)]
    here = sampling.rig.world.arms[arm].state().joints_rad
    free = joints[checker.free(joints)]
    return free[np.argsort(np.abs(free - here).max(axis=1))][:3]


def _lean(angle_rad: float) -> NDArray[np.float64]:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _miss_mm(sampling: Sampling, arm: str, wanted_m: NDArray[np.float64], tag: int) -> float:
    console, true_m = sampling.operator.console, sampling.rig.tcp_m(arm)
    if true_m is not None:
        miss_mm = float(np.linalg.norm(true_m - wanted_m)) * 1000
    else:
        question = f"  How far are the fingertips of the {arm} arm beside the middle of tag {tag}, in mm (one digit)?"
        miss_mm = float(console.ask_key(question, {str(mm): "" for mm in range(10)}))
    console.say(f"    above tag {tag}: {miss_mm:.1f} mm off")
    return miss_mm
