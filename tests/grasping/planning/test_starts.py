"""What keeps an arm from starting is named before a picture, and one a little beyond a stop has a way back."""

from dataclasses import replace

import numpy as np
import pytest

from core.cell_parts import Fixture
from grasping.planning.gate.model import GateWorld
from grasping.planning.starts import hindrances, plan_way_back
from hardware.arms.standing import beyond_limits
from hardware.robot.description import JOINT_LOWER_RAD, PARK_JOINTS, joint_limits
from hardware.robot.kinematics import forward_kinematics
from tests.support.robot import random_joints
from tests.support.scenes.fixtures import HEIGHT_M, furnished
from tests.support.scenes.planning import CELL, PARKED

NOTHING = np.zeros((0, 3))
#: Closed fingers touch.
FINGERS_M = 0.003
LIMITS = joint_limits(np.zeros(6))
STANDS = {
    "touches the table": [-1.84, 2.57, -0.94, 1.0, -0.75, 1.06],
    "touches the bin": [-1.17, 2.05, -0.6, 0.45, -0.07, -0.38],
    "touches itself": [-2.14, 0.66, -0.02, 0.79, 0.9, -1.57],
    "touches the right arm": [1.71, 0.19, -2.69, 1.62, 0.62, -0.57],
    "has its tool outside the workspace": [1.72, 1.28, -1.34, -1.65, 0.62, 0.13],
}


def standing(*joints_rad: float) -> dict[str, np.ndarray]:
    """The left arm there, the right one parked."""
    return PARKED | {"left": np.array(joints_rad)}


def sagged(degrees: float, joint: int = 1) -> dict[str, np.ndarray]:
    joints = PARK_JOINTS.copy()
    joints[joint] = JOINT_LOWER_RAD[joint] - np.deg2rad(degrees)
    return standing(*joints)


def met_by_the_gate(joints_rad: dict[str, np.ndarray]) -> set[str]:
    """What the gate's own world finds the left arm within 2 cm of."""
    world = GateWorld(CELL, "left", joints_rad, NOTHING)
    world.move(joints_rad["left"], FINGERS_M)
    return {touch.other for touch in world.touches()}


def test_parked_arms_are_hindered_by_nothing() -> None:
    assert not hindrances(CELL, PARKED)


@pytest.mark.parametrize("what", STANDS)
def test_what_hinders_an_arm_is_named_and_how_it_is_freed(what: str) -> None:
    joints_rad = standing(*STANDS[what])
    found = hindrances(CELL, joints_rad)["left"]
    assert found.what.startswith(what) and str(found).startswith(f"the left arm {what}")
    assert "left arm" in found.remedy and "by hand" in found.remedy
    assert ("Put the bin where the cell file has it" in found.remedy) == ("bin" in what)
    assert "seen" not in found.what
    if "workspace" in what:
        tool = CELL.arms["left"].T_world_base @ forward_kinematics(joints_rad["left"])
        assert f"{tool[0, 3]:.2f}" in found.what
    else:
        thing = what.split("the ")[-1].replace("touches itself", "left").replace(" arm", "")
        assert any(thing in other for other in met_by_the_gate(joints_rad)), met_by_the_gate(joints_rad)


def test_an_arm_in_a_fixture_is_told_so_and_the_fixture_stays() -> None:
    tool_m = (CELL.arms["left"].T_world_base @ forward_kinematics(PARK_JOINTS))[:3, 3]
    lamp = Fixture(name="lamp", center_m=tuple(tool_m[:2]), size_m=(0.03, 0.03, 0.05), bottom_m=float(tool_m[2]) - 0.02)
    found = hindrances(furnished(lamp, height_m=HEIGHT_M), PARKED)["left"]
    assert "a fixture or pedestal" in str(found) and "where the cell file has it" in found.remedy


def test_where_the_gates_own_world_overlaps_an_arm_does_not_start() -> None:
    overlapping = 0
    for joints in random_joints(60, seed=4):
        joints_rad = standing(*joints)
        world = GateWorld(CELL, "left", joints_rad, NOTHING)
        world.move(joints, FINGERS_M)
        if any(touch.gap_m < 0.0 for touch in world.touches()):
            overlapping += 1
            assert "left" in hindrances(CELL, joints_rad)
    assert overlapping > 10


def test_an_arm_beyond_a_stop_is_hindered_by_that_alone() -> None:
    found = hindrances(CELL, sagged(0.4))
    assert str(found["left"]) == "the left arm stands 0.4° beyond joint 2's stop" and set(found) == {"left"}


@pytest.mark.parametrize("degrees", [0.01, 0.4, 0.99])
def test_the_way_back_passes_the_gate_and_ends_where_an_arm_that_sags_on_is_within(degrees: float) -> None:
    back = plan_way_back(CELL, "left", sagged(degrees), 0.03, NOTHING)
    assert back is not None and back.is_sealed
    assert not replace(back, width_m=0.04).is_sealed
    end = back.way.positions_rad[-1]
    assert not beyond_limits(end - np.deg2rad(degrees) * np.eye(6)[1], LIMITS).any()
    np.testing.assert_array_equal(np.delete(end, 1), np.delete(PARK_JOINTS, 1))
    assert not hindrances(CELL, standing(*end))


def test_within_its_limits_an_arm_has_no_way_back_and_from_far_beyond_none_that_passes() -> None:
    assert plan_way_back(CELL, "left", PARKED, 0.03, NOTHING) is None
    assert plan_way_back(CELL, "left", sagged(1e-4), 0.03, NOTHING) is None
    far = plan_way_back(CELL, "left", sagged(1.2), 0.03, NOTHING)
    assert far is not None and not far.gate.passed and not far.is_sealed
