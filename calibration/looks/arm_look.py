"""How an arm shows itself to the camera before it is trusted: parked, most of it is out of the picture."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from calibration.looks.shown_pose import FORCED_RAD, LEAST_WIDTH_M
from core.cell import Cell
from core.errors import PlanningError
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings, off_stops
from grasping.planning.gate.check import check_transit
from grasping.planning.gate.model import GateWorld
from grasping.planning.grasp_plan import CheckedMotion, Phase
from grasping.planning.obstacles import DistanceField
from grasping.planning.paths import connect, densify, smooth, time_path
from grasping.planning.scene_fields import fixed_boxes
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD

#: Share of full speed, and how long a way is searched [s].
_SPEED, _SEARCH_S = 0.5, 1.5
#: What an arm may take of the space is looked at so often, as finely as the gate of two arms does.
_STEP_RAD = np.deg2rad(1.0)


@dataclass(frozen=True)
class ArmLook:
    """Out to where the camera sees the arm, and the same way back.

    taken_m: (2, 3) lowest and highest corner, world, of a box that the arm does not leave on either, though any one
    joint stands 10 degrees from what it reports.
    """

    out: CheckedMotion
    back: CheckedMotion
    taken_m: NDArray[np.float64]

    @property
    def arm(self) -> str:
        return self.out.arm


def plan_look(
    cell: Cell,
    arm: str,
    poses_rad: Sequence[NDArray[np.float64]],
    measured_rad: Mapping[str, NDArray[np.float64]],
    width_m: float,
    points_m: NDArray[np.float64],
) -> ArmLook:
    """A way to the first of these poses to which one is free even where one joint, any one, stands 10 degrees from what
    it reports.

    Args:
        poses_rad: joints (6,) each, at which the arm shows itself.
        measured_rad: joints (6,) of every arm.
        width_m: between the arm's fingers.
        points_m: (N, 3) of what stands on the table and in the bin, world.

    Raises:
        PlanningError: there is none.
    """
    for pose_rad in poses_rad[:-1]:
        with suppress(PlanningError):
            return _plan_to(pose_rad, cell, arm, measured_rad, width_m, points_m)
    return _plan_to(poses_rad[-1], cell, arm, measured_rad, width_m, points_m)


def _plan_to(
    pose_rad: NDArray[np.float64],
    cell: Cell,
    arm: str,
    measured_rad: Mapping[str, NDArray[np.float64]],
    width_m: float,
    points_m: NDArray[np.float64],
) -> ArmLook:
    mount, width_m = cell.arms[arm], max(width_m, LEAST_WIDTH_M)
    field = DistanceField.empty(cell).with_boxes(fixed_boxes(cell, arm, measured_rad)).with_points(points_m)
    checker = CollisionChecker(ArmModel(arm, mount), cell.workspace, Surroundings(field, field), width_m)
    path = connect(off_stops(measured_rad[arm], mount), pose_rad, checker, _SEARCH_S, seed=0)
    if path is None:
        raise PlanningError(
            f"The {arm} arm finds no free way to where the camera sees it.",
            "Clear what stands high beside it, or let it go unseen with --no-arm-check.",
        )
    pieces, pace = smooth(path, checker.all_free), cell.motion.of(Phase.TRANSIT)
    way = time_path(pieces, Phase.TRANSIT, pace).slowed(_SPEED)

    def judge(way: JointTrajectory, begun_rad: Mapping[str, NDArray[np.float64]]) -> CheckedMotion:
        gate = check_transit(cell, way, arm=arm, width_m=width_m, measured=begun_rad, other_points_m=points_m)
        return CheckedMotion(arm, way, width_m, begun_rad, gate)

    out, back = judge(way, measured_rad), judge(_reversed(way), {**measured_rad, arm: way.positions_rad[-1]})
    world = GateWorld(cell, arm, measured_rad, points_m)
    taken_m, forced = _taken_if_forced(world, densify(way.positions_rad, _STEP_RAD), width_m)
    wrong = [*out.gate.violations, *back.gate.violations, *forced]
    if wrong:
        raise PlanningError(
            f"The gate lets the {arm} arm not show itself to the camera: {wrong[0]}.",
            "Clear what stands high beside it, or let it go unseen with --no-arm-check.",
        )
    return ArmLook(out, back, taken_m)


def _reversed(way: JointTrajectory) -> JointTrajectory:
    return JointTrajectory(way.times_s[-1] - way.times_s[::-1], way.positions_rad[::-1])


def _taken_if_forced(
    world: GateWorld, positions_rad: NDArray[np.float64], width_m: float
) -> tuple[NDArray[np.float64], list[str]]:
    """The box (2, 3) around a way (N, 6) on which one joint, or none, stands elsewhere; and what the gate's world meets
    there. A stop holds a joint back."""
    low_m, high_m = np.full(3, np.inf), np.full(3, -np.inf)
    for joint, turn_rad in ((0, 0.0), *product(range(6), (-FORCED_RAD, FORCED_RAD))):
        for joints_rad in positions_rad + turn_rad * np.eye(6)[joint]:
            world.move(np.clip(joints_rad, JOINT_LOWER_RAD, JOINT_UPPER_RAD), width_m)
            low, high = world.box_m()
            low_m, high_m = np.minimum(low_m, low), np.maximum(high_m, high)
            for touch in world.touches():
                if touch.gap_m < 0.0:
                    turned = f"{np.rad2deg(turn_rad):+.0f}°"
                    met = f"with joint {joint + 1} off by {turned} its {touch.moving} meets {touch.other}"
                    return np.array([low_m, high_m]), [met]
    return np.array([low_m, high_m]), []
