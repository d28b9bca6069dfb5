"""The way on which an arm shows itself to the camera."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.looks.arm_look import plan_look
from core.errors import PlanningError
from hardware.robot.description import PARK_JOINTS
from tests.support.drawn_cell import CELL, poses_of

PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)


@pytest.mark.parametrize("arm", CELL.arms)
def test_it_leads_to_where_the_camera_sees_the_arm_and_back_the_same_way(arm):
    look = plan_look(CELL, arm, poses_of(arm), PARKED, 0.0, np.zeros((0, 3)))
    assert look.out.gate.passed and look.back.gate.passed
    there_rad = look.out.way.positions_rad[-1]
    np.testing.assert_allclose(there_rad, poses_of(arm)[0], atol=1e-6)
    np.testing.assert_array_equal(look.back.way.positions_rad, look.out.way.positions_rad[::-1])
    np.testing.assert_array_equal(look.back.measured_rad[arm], there_rad)


def test_what_the_gate_passed_is_sealed_and_nothing_else_is():
    look = plan_look(CELL, "left", poses_of("left"), PARKED, 0.0, np.zeros((0, 3)))
    for motion in (look.out, look.back):
        assert motion.is_sealed
        assert not replace(motion, width_m=0.05).is_sealed
        assert not replace(motion, measured_rad={**PARKED, "right": PARK_JOINTS + 0.1}).is_sealed
        assert not replace(motion, gate=replace(motion.gate, passed=False)).is_sealed
    assert not replace(look.out, way=look.back.way).is_sealed


def test_there_is_none_that_a_forced_joint_would_lead_into_something():
    tall = np.stack(np.meshgrid(np.arange(0.1, 0.2, 0.02), np.arange(0.1, 0.3, 0.02), 0.3), axis=-1).reshape(-1, 3)
    with pytest.raises(PlanningError, match=r"with joint \d off"):
        plan_look(CELL, "left", poses_of("left"), PARKED, 0.0, tall)
