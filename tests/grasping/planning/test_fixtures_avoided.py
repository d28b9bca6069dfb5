"""The planner keeps clear of what is fixed, with all of an arm, at least as far as the gate demands."""

import numpy as np
import pytest

from core.transforms import apply, invert
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings
from grasping.planning.gate.model import GateWorld
from grasping.planning.obstacles import DistanceField
from grasping.planning.scene_fields import fixed_boxes
from hardware.robot.description import PARK_JOINTS
from hardware.robot.fixtures import fixtures_of
from tests.support.robot import random_joints
from tests.support.scenes.fixtures import RAISED
from tests.support.scenes.planning import PARKED


def checker(arm: str) -> CollisionChecker:
    field = DistanceField.empty(RAISED).with_boxes(fixed_boxes(RAISED, arm, PARKED))
    return CollisionChecker(ArmModel(arm, RAISED.arms[arm]), RAISED.workspace, Surroundings(field, field), 0.05)


@pytest.mark.parametrize("arm", RAISED.arms)
def test_what_it_calls_free_is_out_of_every_fixture_and_pedestal_for_the_gate_too(arm: str) -> None:
    joints = random_joints(6000, seed=2)
    free = joints[checker(arm).free(joints)]
    centers_m = ArmModel(arm, RAISED.arms[arm]).place(free, 0.05).centers_m[:, COVER.frame > 0]
    for one in fixtures_of(RAISED):
        outside = np.maximum(np.abs(apply(invert(one.T_world_box), centers_m)) - one.half_m, 0.0)
        assert (np.linalg.norm(outside, axis=-1) >= COVER.radius_m[COVER.frame > 0]).all()
    world = GateWorld(RAISED, arm, PARKED, np.zeros((0, 3)))
    assert len(free) > 200
    for q in free[:300]:
        world.move(q, 0.05)
        assert not [touch for touch in world.touches() if touch.gap_m < 0.0]


@pytest.mark.parametrize("arm", RAISED.arms)
def test_an_arm_that_stands_parked_on_its_own_pedestal_is_free(arm: str) -> None:
    assert checker(arm).all_free(PARK_JOINTS)
