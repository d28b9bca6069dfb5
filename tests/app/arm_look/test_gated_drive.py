"""One motion of one arm is driven where the gate passed it, from where the arms are; else nothing is sent."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from app.arm_look.gated_drive import drive
from app.console import Console
from app.interrupts import Interrupts
from app.run.operator import Operator
from calibration.poses import BoardScene, plan_move
from core.errors import ArmError, PlanningError, VitroError
from grasping.planning.grasp_plan import CheckedMotion
from hardware.arms.arm import measured_joints
from tests.support.drawn_cell import CELL
from tests.support.quick_cell import QuickCell

GOAL_RAD = np.array([0.5, 1.0, -1.0, 0.0, 0.3, 0.0])
OPERATOR = Operator(Console(is_quiet=True), Interrupts(), assume_yes=True)


@pytest.fixture(scope="module")
def world() -> Iterator[QuickCell]:
    with closing(QuickCell()) as world:
        yield world


@pytest.fixture(scope="module")
def motion(world: QuickCell) -> CheckedMotion:
    return plan(world, GOAL_RAD)


def plan(world: QuickCell, goal_rad: np.ndarray) -> CheckedMotion:
    measured_rad = measured_joints(world.arms)
    scene = BoardScene(CELL, "left", None, world.camera.intrinsics, CELL.camera.T_world_camera, measured_rad)
    return plan_move(scene, goal_rad, speed=0.8, seed=0)


def lifted(motion: CheckedMotion) -> CheckedMotion:
    return replace(motion, way=replace(motion.way, positions_rad=motion.way.positions_rad + 0.001))


NOT_PASSED = {
    "refused": lambda motion: replace(motion, gate=replace(motion.gate, passed=False)),
    "refused, without a seal": lambda motion: replace(motion, gate=replace(motion.gate, passed=False, seal="")),
    "of another motion": lifted,
    "of the other arm": lambda motion: replace(motion, arm="right"),
    "with other fingers": lambda motion: replace(motion, width_m=0.05),
    "from elsewhere": lambda motion: replace(
        motion, measured_rad={**motion.measured_rad, "right": motion.measured_rad["right"] + 0.001}
    ),
}


@pytest.mark.parametrize("why", NOT_PASSED)
def test_a_report_that_refuses_or_is_of_something_else_is_never_driven(
    world: QuickCell, motion: CheckedMotion, why: str
) -> None:
    with pytest.raises(PlanningError, match="not one that the gate passed"):
        drive(world, OPERATOR, NOT_PASSED[why](motion))
    for name, joints_rad in measured_joints(world.arms).items():
        np.testing.assert_allclose(joints_rad, motion.measured_rad[name], atol=1e-3)


def test_what_the_gate_passed_is_driven_once_and_not_from_where_it_ended(
    world: QuickCell, motion: CheckedMotion
) -> None:
    drive(world, OPERATOR, motion)
    np.testing.assert_allclose(world.arms["left"].state().joints_rad, GOAL_RAD, atol=np.deg2rad(0.3))
    with pytest.raises(VitroError) as refused:
        drive(world, OPERATOR, motion)
    assert isinstance(refused.value, ArmError) and "moved" in refused.value.cause
