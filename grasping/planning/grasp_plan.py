"""A grasp with the motion that carries it out, and the gate's word on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hardware.arms.trajectory import JointTrajectory


class Phase(StrEnum):
    """The motions of one pick, in order. The gripper closes after APPROACH and opens after PLACE."""

    TRANSIT = "transit"  # from where the arm is to the pre-grasp pose
    APPROACH = "approach"  # straight line from pre-grasp to grasp
    LIFT = "lift"  # straight up
    PLACE = "place"  # to above the bin
    RETREAT = "retreat"  # back to where the arm parks


@dataclass(frozen=True)
class GateReport:
    """The independent gate's answer: passed, or the first violations it found, in words.

    worst_clearance_m: nearest the arm and what it holds come to anything else, up to 0.02; NaN where
    the numbers alone were wrong.
    """

    passed: bool
    violations: tuple[str, ...]
    configurations_checked: int
    worst_clearance_m: float


@dataclass(frozen=True)
class GraspPlan:
    """One arm's whole pick. row is the GraspNet row; pre_open_m what to open the gripper to first.

    measured_rad: the joints (6,) of every arm as the gate took them to be; elsewhere the plan is not safe.
    """

    arm: str
    row: NDArray[np.float64]
    T_world_tcp: NDArray[np.float64]
    pre_open_m: float
    motions: dict[Phase, JointTrajectory]
    gate: GateReport
    planner: str
    candidates_tried: int
    measured_rad: Mapping[str, NDArray[np.float64]]
