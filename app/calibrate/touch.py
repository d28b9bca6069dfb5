"""The proof of a calibration: the fingertips go above points of the table, and the miss is measured."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.calibrate.sampling import Sampling
from core.cell import Cell
from core.errors import PlanningError
from core.transforms import invert, rotation_z, transform
from grasping.planning.inverse_kinematics import solve
from hardware.robot.description import PARK_JOINTS

#: The fingertips stop this far above the table [m].
HEIGHT_M = 0.06
_TURNS_RAD = np.arange(0.0, 2 * np.pi, np.pi / 6)
_LEANS_RAD = np.deg2rad([0.0, 20.0, 40.0])
_DOWN = np.diag([1.0, -1.0, -1.0])


def touch_points(sampling: Sampling, calibrated: Cell, arm: str) -> dict[int, float]:
    """Misses [mm] above the tags that an arm reaches, by the tag's id; the person enters them, the digital cell
    measures them.

    sampling.cell is the cell as it was believed to be; calibrated, as it now is.
    """
    now = replace(sampling, cell=calibrated)
    misses: dict[int, float] = {}
    for tag in calibrated.tags:
        wanted_m = np.array([*tag.position_m, HEIGHT_M])
        for joints in _above(wanted_m, now, arm):
            try:
                now.move(arm, joints, None)
            except PlanningError:
                continue
            misses[tag.id] = _miss_mm(now, arm, wanted_m, tag.id)
            break
    try:
        now.move(arm, PARK_JOINTS, None)
    except PlanningError as error:
        sampling.operator.console.error(error)
    return misses


def _above(point_m: NDArray[np.float64], sampling: Sampling, arm: str) -> NDArray[np.float64]:
    """Free joints (N, 6) with the fingertips at a point, pointing down or nearly so; a few, easiest first."""
    mount, checker = sampling.cell.arms[arm], sampling.scene(arm, None).checker()
    poses = [transform(rotation_z(turn) @ _lean(lean) @ _DOWN, point_m) for lean in _LEANS_RAD for turn in _TURNS_RAD]
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
