"""The pose in which an arm shows itself, in cells with other cameras and bases than the digital one has."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from calibration.looks.arm_look import plan_look
from calibration.looks.shown_pose import FORCED_RAD, shown_poses
from core.cell import Cell
from core.errors import PlanningError
from core.image import Intrinsics
from core.transforms import Matrix, invert
from hardware.robot.description import PARK_JOINTS, joint_limits
from perception.arms.outline import BASE, ArmView
from perception.arms.turns import ArmTurns
from tests.support.drawn_cell import CELL, intrinsics_of, poses_of

#: A joint's turn that moves so many edges of a picture of 848x480 is found in it.
ENOUGH = 200


def standing(arms: tuple[str, ...] = ("left", "right"), height_m: float = 0.0, yaw_rad: float = 0.0, **camera) -> Cell:
    """The digital cell with some of its arms so high, each turned towards the middle, and another camera."""
    mounts = {
        name: mount.model_copy(
            update={
                "base_m": (*mount.base_m[:2], height_m),
                "yaw_rad": -float(np.sign(mount.base_m[1])) * yaw_rad,
            }
        )
        for name, mount in CELL.arms.items()
        if name in arms
    }
    return CELL.model_copy(update={"arms": mounts, "camera": CELL.camera.model_copy(update=camera)})


LAYOUTS = {
    "on pedestals": standing(height_m=0.12),
    "camera higher and farther": standing(height_m=0.05, position_m=(0.75, 0.15, 0.85), target_m=(-0.05, 0.0, 0.0)),
    "one arm": standing(("left",)),
    "bases turned": standing(yaw_rad=0.4),
    "camera low": standing(position_m=(0.6, 0.0, 0.45), target_m=(-0.1, 0.0, 0.05)),
    "camera overhead": standing(position_m=(0.1, 0.0, 0.9)),
}


def seen_by(cell: Cell) -> tuple[Intrinsics, Matrix]:
    return intrinsics_of(cell), invert(cell.camera.T_world_camera)


@cache
def poses_in(name: str, arm: str) -> tuple[np.ndarray, ...]:
    return shown_poses(LAYOUTS[name], arm, *seen_by(LAYOUTS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_joint_shows_whichever_way_it_is_forced_and_the_base_is_in_view(name: str) -> None:
    cell = LAYOUTS[name]
    k, T_camera_world = seen_by(cell)
    for arm, mount in cell.arms.items():
        joints_rad, *_ = poses_in(name, arm)
        turns = ArmTurns(ArmView.of(mount, k, T_camera_world, 0.0), joints_rad)
        for joint in range(6):
            for turn_rad in (-FORCED_RAD, FORCED_RAD):
                assert turns.moved(joint, turn_rad) > ENOUGH
                assert len(turns.turned(joint, turn_rad).of_link(BASE).pixels) > 80
        lower, upper = joint_limits(mount.zero_offset_rad)
        assert (joints_rad - FORCED_RAD > lower).all() and (joints_rad + FORCED_RAD < upper).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_arm_gets_there_and_back_on_its_own_side(name: str) -> None:
    cell = LAYOUTS[name]
    parked = dict.fromkeys(cell.arms, PARK_JOINTS)
    taken_m = {
        arm: plan_look(cell, arm, poses_in(name, arm), parked, 0.0, np.zeros((0, 3))).taken_m for arm in cell.arms
    }
    if len(taken_m) == 2:
        assert taken_m["left"][0, 1] > taken_m["right"][1, 1]


def test_the_same_cell_has_the_same_poses_and_another_camera_others() -> None:
    np.testing.assert_array_equal(poses_of("left"), shown_poses(CELL, "left", *seen_by(CELL)))
    assert np.abs(poses_in("camera low", "left")[0] - poses_of("left")[0]).max() > np.deg2rad(1.0)


def test_a_camera_that_looks_away_is_told() -> None:
    k, T_camera_world = seen_by(CELL)
    with pytest.raises(PlanningError, match="Nowhere can the left arm"):
        shown_poses(CELL, "left", replace(k, cx=k.cx - 9.0 * k.width), T_camera_world)
