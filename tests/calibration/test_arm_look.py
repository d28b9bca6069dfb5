"""The way on which an arm shows itself to the camera."""

import numpy as np
import pytest

from calibration.arm_look import plan_look, shown_joints
from core.errors import PlanningError
from hardware.robot.description import PARK_JOINTS
from tests.support.drawn_cell import CELL

PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)


@pytest.mark.parametrize("arm", CELL.arms)
def test_it_leads_to_where_the_camera_sees_the_arm_and_back_the_same_way(arm):
    look = plan_look(CELL, arm, PARKED, 0.0, np.zeros((0, 3)))
    assert look.gate.passed
    np.testing.assert_allclose(look.out.positions_rad[-1], shown_joints(CELL.arms[arm].base_m[1]), atol=1e-6)
    np.testing.assert_array_equal(look.back.positions_rad, look.out.positions_rad[::-1])


def test_there_is_none_that_a_forced_joint_would_lead_into_something():
    tall = np.stack(np.meshgrid(np.arange(0.1, 0.2, 0.02), np.arange(0.1, 0.3, 0.02), 0.3), axis=-1).reshape(-1, 3)
    with pytest.raises(PlanningError, match=r"with joint \d off"):
        plan_look(CELL, "left", PARKED, 0.0, tall)
