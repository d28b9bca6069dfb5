"""Arms that show themselves at once keep apart whatever the pace of each."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.looks.arm_look import ArmLook, plan_look
from calibration.looks.shared_look import share
from hardware.robot.description import PARK_JOINTS, SHAPES
from hardware.robot.kinematics import link_poses
from tests.support.drawn_cell import CELL, poses_of

PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)


@pytest.fixture(scope="module")
def looks() -> list[ArmLook]:
    return [plan_look(CELL, arm, poses_of(arm), PARKED, 0.0, np.zeros((0, 3))) for arm in CELL.arms]


def test_no_corner_of_an_arm_leaves_its_box_though_a_joint_is_forced(looks: list[ArmLook]) -> None:
    """By the shapes' own corners: neither spheres nor MuJoCo."""
    corners, rng = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T, np.random.default_rng(0)
    for look in looks:
        base = CELL.arms[look.arm].T_world_base
        for joints_rad in look.out.way.positions_rad[::20]:
            forced_rad = joints_rad + np.deg2rad(rng.uniform(-9, 9)) * np.eye(6)[rng.integers(6)]
            poses = link_poses(forced_rad, look.out.width_m)
            for link, shapes in SHAPES.items():
                for shape in shapes:
                    T = base @ poses[link] @ shape.T_link_shape
                    points = corners * shape.half_extents_m @ T[:3, :3].T + T[:3, 3]
                    assert (points > look.taken_m[0] - 0.005).all() and (points < look.taken_m[1] + 0.005).all()


def test_arms_that_keep_apart_show_themselves_at_once(looks: list[ArmLook]) -> None:
    (both,) = share(looks)
    assert both.arms == tuple(CELL.arms) and both.is_sealed
    for look in looks:
        np.testing.assert_array_equal(both.shown_rad[look.arm], look.out.way.positions_rad[-1])
    assert share([]) == ()


@pytest.mark.parametrize("gap_m", [0.04, -0.14, np.nan])
def test_arms_that_come_nearer_show_themselves_one_after_the_other(looks: list[ArmLook], gap_m: float) -> None:
    left, right = looks
    aside_m = left.taken_m[0, 1] - right.taken_m[1, 1] - gap_m
    near = replace(right, taken_m=right.taken_m + np.array([0.0, aside_m, 0.0]))
    in_turn = share([left, near])
    assert [look.arms for look in in_turn] == [("left",), ("right",)] and all(look.is_sealed for look in in_turn)


def test_what_the_gate_passed_is_sealed_and_nothing_else_is(looks: list[ArmLook]) -> None:
    (both,) = share(looks)
    left, right = looks
    for changed in (
        replace(both, looks=(left,)),
        replace(both, looks=(right, left)),
        replace(both, looks=(left, replace(right, out=right.back))),
        replace(both, looks=(left, replace(right, taken_m=right.taken_m + 0.1))),
        replace(both, gate=replace(both.gate, passed=False)),
    ):
        assert not changed.is_sealed
