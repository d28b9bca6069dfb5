"""Whether an arm can start from where it stands, by what is known without a picture; what hinders it, and the way back
within its limits."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from grasping.planning.arm_model import ArmModel, oriented_boxes
from grasping.planning.collision import TABLE_CLEARANCE_M, CollisionChecker, Surroundings, inside, off_stops
from grasping.planning.gate.check import check_transit
from grasping.planning.grasp_plan import CheckedMotion
from grasping.planning.obstacles import DistanceField, bin_boxes, fixture_boxes
from grasping.planning.scene_fields import ASSUMED_WIDTH_M, fixed_boxes
from hardware.arms.standing import beyond_limits, freeing, told_beyond
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import joint_limits

#: An arm is led so far [rad] within a limit, and as far again as it stood beyond: what sags goes on sagging.
_WITHIN_RAD = np.deg2rad(0.2)
#: How fast at most [rad/s], and how often [s] a target is told.
_BACK_RAD_S, _SAMPLE_S = 0.05, 0.02
#: Fastest point of the eased way, over its mean speed.
_EASED_PEAK = 1.875

#: What hinders an arm there.
IN_A_FIXTURE = "touches a fixture or pedestal of the cell"

StandingArms = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Hindrance:
    """What keeps an arm from starting where it stands, as the end of a sentence, and what a person does about it."""

    arm: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"the {self.arm} arm {self.what}"


def plan_way_back(
    cell: Cell, arm: str, joints_rad: StandingArms, width_m: float, points_m: NDArray[np.float64]
) -> CheckedMotion | None:
    """The way of an arm that stands beyond a limit; None of one that does not.

    Args:
        joints_rad: (6,) of every arm. width_m: between the arm's fingers.
        points_m: (N, 3) of what is known to stand around, world.
    """
    limits_rad = lower_rad, upper_rad = joint_limits(cell.arms[arm].zero_offset_rad)
    here_rad = joints_rad[arm]
    out_rad = beyond_limits(here_rad, limits_rad)
    if not out_rad.any():
        return None
    inwards_rad = np.where(out_rad > 0.0, out_rad + _WITHIN_RAD, 0.0)
    way = _eased(here_rad, np.clip(here_rad, lower_rad + inwards_rad, upper_rad - inwards_rad))
    measured_rad = {name: joints.copy() for name, joints in joints_rad.items()}
    gate = check_transit(
        cell, way, arm=arm, width_m=width_m, measured=measured_rad, other_points_m=points_m, leads_back=True
    )
    return CheckedMotion(arm, way, width_m, measured_rad, gate)


def _eased(start_rad: NDArray[np.float64], goal_rad: NDArray[np.float64]) -> JointTrajectory:
    seconds = _EASED_PEAK * float(np.abs(goal_rad - start_rad).max()) / _BACK_RAD_S
    share = np.linspace(0.0, 1.0, max(int(np.ceil(seconds / _SAMPLE_S)), 2) + 1)
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    return JointTrajectory(share * seconds, start_rad + eased[:, None] * (goal_rad - start_rad))


def hindrances(cell: Cell, joints_rad: StandingArms) -> dict[str, Hindrance]:
    """Of the arms that cannot start, among what is known without a picture: what hinders each. joints_rad: (6,) of
    every arm."""
    found = {}
    for name in cell.arms:
        known = DistanceField.empty(cell).with_boxes(fixed_boxes(cell, name, joints_rad))
        if not _stands_free(cell, name, joints_rad[name], known):
            found[name] = what_hinders(cell, name, joints_rad)
    return found


def what_hinders(cell: Cell, name: str, joints_rad: StandingArms) -> Hindrance:
    """The first cause that holds of an arm that is not free where it stands; what nothing known explains was seen."""
    by_hand = f"Hold the {name} arm, bring it to its parked pose by hand (teach mode at its button), then start again."
    limits_rad = joint_limits(cell.arms[name].zero_offset_rad)
    if beyond := told_beyond(joints_rad[name], limits_rad):
        return Hindrance(name, f"stands {beyond}", freeing(joints_rad[name], limits_rad, name))
    for what, remedy, holds in _causes(cell, name, joints_rad):
        if holds():
            return Hindrance(name, what, f"{remedy}{by_hand}")
    return Hindrance(name, "touches something that was seen", f"Take what stands at it out of the cell. Or: {by_hand}")


def what_frees(hindered: Iterable[Hindrance]) -> str:
    """What a person does about arms that cannot start, each thing once."""
    return " ".join(dict.fromkeys(one.remedy for one in hindered))


def _causes(cell: Cell, name: str, joints_rad: StandingArms) -> Iterator[tuple[str, str, Callable[[], bool]]]:
    """What may hinder an arm within its limits, what a person does about it beside moving the arm, and whether it is
    so, once nothing before is."""
    arm, nothing, here_rad = ArmModel(name, cell.arms[name]), DistanceField.empty(cell), joints_rad[name]
    placed = arm.place(off_stops(here_rad, cell.arms[name])[None], np.zeros(1))

    def meets(field: DistanceField) -> Callable[[], bool]:
        return lambda: not _stands_free(cell, name, here_rad, field)

    yield "touches the table", "", lambda: bool(arm.lowest_m(placed)[0] < TABLE_CLEARANCE_M)
    tool_m = placed.T_world_tcp[0, :3, 3]
    yield (
        f"has its tool outside the workspace, at {np.round(tool_m, 2).tolist()} m",
        "",
        lambda: not inside(tool_m, cell.workspace),
    )
    yield "touches itself", "", meets(nothing)
    yield "touches the bin", "Put the bin where the cell file has it. ", meets(nothing.with_boxes(bin_boxes(cell.bin)))
    stand = nothing.with_boxes(fixture_boxes(cell))
    yield IN_A_FIXTURE, "Put it where the cell file has it. ", meets(stand)
    for other, mount in cell.arms.items():
        if other != name:
            boxes = oriented_boxes(ArmModel(other, mount), joints_rad[other], ASSUMED_WIDTH_M)
            yield f"touches the {other} arm", "", meets(nothing.with_boxes(boxes))


def _stands_free(cell: Cell, name: str, here_rad: NDArray[np.float64], field: DistanceField) -> bool:
    """Whether an arm at joints (6,) touches nothing of a field, its fingers closed."""
    around = Surroundings(field, field)
    checker = CollisionChecker(ArmModel(name, cell.arms[name]), cell.workspace, around, 0.0)
    return checker.all_free(off_stops(here_rad, cell.arms[name]))
