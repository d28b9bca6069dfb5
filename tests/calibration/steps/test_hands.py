"""What hands told is judged: fingers of another length, grippers whose zero or stroke is off, arms that disagree."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.result import FingerTouch, GripperCheck
from calibration.steps.agreement import agreement_findings, agreements
from calibration.steps.fingers import Feeler, finger_findings, touch_findings
from calibration.steps.gripper import gripper_findings
from core.cell import load_cell
from hardware.arms.arm import ArmState
from hardware.robot.description import PARK_JOINTS
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")


def touches(*heights_mm: float) -> tuple[FingerTouch, ...]:
    return tuple(FingerTouch((0.0, 0.0), mm, 6.0) for mm in heights_mm)


@pytest.mark.parametrize(
    ("heights_mm", "says"),
    [((0.4, -0.3, 0.1), ""), ((3.1, 2.9, 3.4), "3.1 mm longer"), ((-2.5,), "2.5 mm shorter"), ((0.0, 2.4), "differ")],
)
def test_fingers_of_another_length_than_the_models_are_told(heights_mm: tuple[float, ...], says: str) -> None:
    found = finger_findings({"left": touches(*heights_mm)})
    assert [finding.kind for finding in found] == ["finger-height"] * bool(says)
    assert all(says in finding.cause and not finding.fatal for finding in found)


def test_fingers_whose_torques_are_lost_go_no_further_and_feel_nothing() -> None:
    feeler = Feeler(np.eye(4), "new")
    still = ArmState(PARK_JOINTS, 0.0, 0.0, True, False, (), 0.0, np.zeros(6))
    assert not feeler.feel(still, 0.0)
    assert feeler.feel(replace(still, joint_effort_nm=np.full(6, np.nan)), 0.1) and not feeler.felt


def test_an_arm_that_felt_no_table_is_told_with_the_step_to_repeat() -> None:
    (finding,) = finger_findings({"left": (), "right": touches(0.1)})
    assert "left" in finding.cause and "--again fingers" in finding.remedy
    (finding,) = touch_findings({"left": {3: 0.4}, "right": {}})
    assert "right" in finding.cause and "--again touch" in finding.remedy


@pytest.mark.parametrize(
    ("check", "kinds"),
    [
        (GripperCheck(0.0, 0.0, 0.0995), []),
        (GripperCheck(0.004, 0.0, 0.104), ["gripper-zero"]),
        (GripperCheck(0.012, 1.1, 0.1), ["gripper-blocked", "gripper-stroke"]),
        (GripperCheck(0.0, 0.0, 0.07), ["gripper-stroke"]),
    ],
)
def test_a_gripper_is_held_against_its_cell_file(check: GripperCheck, kinds: list[str]) -> None:
    assert [finding.kind for finding in gripper_findings({"left": check}, CELL.arms)] == kinds


def test_two_arms_that_saw_another_board_feel_another_table_or_stand_elsewhere_are_told() -> None:
    arms = calibration_of(CELL).arms
    flat = {name: touches(0.2, 0.4) for name in arms}
    (agreed,) = agreements(CELL, arms, flat)
    assert not agreement_findings([agreed]) and abs(agreed.feet_mm - agreed.stated_mm) < 40
    (uneven,) = agreements(CELL, arms, flat | {"left": touches(4.0)})
    assert "3.7 mm apart" in agreement_findings([uneven])[0].cause
    left = calibration_of(CELL).arms["left"]
    moved = left.T_world_base.copy()
    moved[:3, 3] += [0.0, 0.1, 0.0]
    larger = {**arms, "left": type(left)(**(vars(left) | {"board_scale": 1.02, "T_world_base": moved}))}
    (finding,) = agreement_findings(list(agreements(CELL, larger, {})))
    assert "larger in the first" in finding.cause and "feet" in finding.cause and not finding.fatal
    assert all(np.isnan(one.height_mm) for one in agreements(CELL, arms, {}))
