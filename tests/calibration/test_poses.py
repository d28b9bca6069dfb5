"""Views that are proposed: seen, free, unlike each other, and reached by motions that the gate passed."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from app.paths import CELLS
from calibration.board import Board
from calibration.poses import BoardScene, T_tcp_board, plan_move, propose
from core.cell import load_cell
from core.errors import PlanningError
from core.transforms import invert
from grasping.planning.gate.check import check_transit
from hardware.robot.description import PARK_JOINTS
from hardware.robot.kinematics import forward_kinematics
from hardware.simulation.sim_camera import cell_intrinsics

CELL = load_cell(CELLS / "sim.yaml")
PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)
SCENE = BoardScene(CELL, "left", Board(), cell_intrinsics(CELL), CELL.camera.T_world_camera, PARKED)


@pytest.fixture(scope="module")
def views() -> list[np.ndarray]:
    return list(islice(propose(SCENE, seed=0), 12))


def test_the_camera_sees_the_whole_board_facing_it_in_every_view(views: list[np.ndarray]) -> None:
    mount, k = CELL.arms["left"], cell_intrinsics(CELL)
    for joints in views:
        T_world_board = mount.T_world_base @ forward_kinematics(joints, mount.firmware) @ T_tcp_board(SCENE.board)
        T = invert(SCENE.T_world_camera) @ T_world_board
        pixels = k.project(SCENE.board.corners_m().reshape(-1, 3) @ T[:3, :3].T + T[:3, 3])
        assert (pixels > 0).all() and (pixels < [k.width, k.height]).all()
        assert -T[:3, 2] @ T[:3, 3] / np.linalg.norm(T[:3, 3]) > 0.5


def test_the_views_turn_the_board_about_two_axes_and_more(views: list[np.ndarray]) -> None:
    normals = np.array([forward_kinematics(joints)[:3, 1] for joints in views])
    assert np.linalg.svd(normals - normals.mean(axis=0))[1][1] > 0.5


def test_a_motion_to_a_view_is_one_that_the_gate_passes_and_its_like_through_the_table_is_not(
    views: list[np.ndarray],
) -> None:
    planned = plan_move(SCENE, views[0], speed=0.5, seed=0)
    motion, gate = planned.way, planned.gate
    assert gate.passed
    np.testing.assert_allclose(motion.positions_rad[-1], views[0], atol=1e-6)
    of = {"arm": "left", "width_m": 0.003, "other_points_m": np.zeros((0, 3)), "measured": PARKED}
    assert check_transit(CELL, motion, **of, held_points_tcp_m=SCENE.board_points_m()).passed
    low = replace(
        motion,
        positions_rad=motion.positions_rad + np.linspace(0, 1, len(motion.times_s))[:, None] * [0, 1.2, 0, 0, 0, 0],
    )
    assert not check_transit(CELL, low, **of).passed
    elsewhere = {name: joints + 0.1 for name, joints in PARKED.items()}
    assert "starts" in check_transit(CELL, motion, **of | {"measured": elsewhere}).violations[0]
    for nonsense in (np.nan, 9.0):
        assert not check_transit(CELL, motion, **of | {"width_m": nonsense}).passed
    assert not check_transit(CELL, replace(motion, times_s=motion.times_s / 20), **of).passed


def test_an_arm_a_hair_beyond_its_stop_drives_off_it(views: list[np.ndarray]) -> None:
    at_stop = {name: np.array([0.0, -1e-8, *joints[2:]]) for name, joints in PARKED.items()}
    assert plan_move(replace(SCENE, measured_rad=at_stop), views[0], speed=0.5, seed=0).gate.passed


def test_a_view_inside_the_table_is_not_driven_to() -> None:
    with pytest.raises(PlanningError):
        plan_move(SCENE, np.array([0.0, 2.8, -0.5, 0.0, 0.0, 0.0]), speed=0.5, seed=0)
