"""Camera paths circle the objects, sway, and never leave where a camera over a table can be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from perception.learning.synthesis.clips.camera_path import (
    FARTHEST_M,
    FRAMES_A_TURN,
    LOOK_AT_SWING_M,
    LOWEST_RAD,
    NEAREST_M,
    NEAREST_NARROW_M,
    Focus,
    draw_intrinsics,
    jumps,
    narrowness,
    orbit,
)

STAGES = (Focus((0.05, -0.1, 0.06), 0.12), Focus((0.0, 0.0, 0.02), 0.5), Focus((0.1, 0.1, 0.08), 0.2, True))


def from_centre(focus: Focus, T_world_cameras: NDArray[np.float64]) -> NDArray[np.float64]:
    return T_world_cameras[:, :3, 3] - np.array(focus.centre_m)


@pytest.mark.parametrize("focus", STAGES)
@pytest.mark.parametrize("path", [orbit, jumps])
@pytest.mark.parametrize("seed", range(20))
def test_every_camera_stands_over_the_table_at_its_distance_and_sees_the_centre(path, focus: Focus, seed: int) -> None:
    poses = path([seed, 3], focus, 150)
    away = from_centre(focus, poses)
    distance = np.linalg.norm(away, axis=1)
    assert (distance > NEAREST_M - 1e-6).all() and (distance < FARTHEST_M + 1e-6).all()
    assert (distance > focus.reach_m).all()
    assert (np.arcsin(away[:, 2] / distance) > LOWEST_RAD - 1e-6).all()
    centre_camera = np.einsum("fji,fj->fi", poses[:, :3, :3], -away)
    off_axis_rad = np.arctan2(np.hypot(centre_camera[:, 0], centre_camera[:, 1]), centre_camera[:, 2])
    assert (off_axis_rad < np.arctan2(np.sqrt(3) * LOOK_AT_SWING_M, distance - LOOK_AT_SWING_M)).all()


@pytest.mark.parametrize("path", [orbit, jumps])
def test_poses_are_rotations_with_the_horizon_level(path) -> None:
    poses = path([7], STAGES[0], 60)
    R = poses[:, :3, :3]
    assert np.abs(R.transpose(0, 2, 1) @ R - np.eye(3)).max() < 1e-8
    assert (np.linalg.det(R) > 0).all()
    assert np.abs(R[:, 2, 0]).max() < 1e-8, "the image's x axis lies level"
    assert (R[:, 2, 1] < 0).all(), "its y axis points down"


@pytest.mark.parametrize("seed", range(20))
def test_an_orbit_turns_once_without_turning_back(seed: int) -> None:
    away = from_centre(STAGES[0], orbit([seed], STAGES[0], FRAMES_A_TURN + 1))
    step = np.diff(np.unwrap(np.arctan2(away[:, 1], away[:, 0])))
    assert (np.sign(step) == np.sign(step[0])).all()
    assert abs(step.sum()) == pytest.approx(2 * np.pi, rel=0.2)


def test_an_orbit_sways_and_neighbouring_frames_are_near() -> None:
    away = from_centre(STAGES[0], orbit([4], STAGES[0], FRAMES_A_TURN))
    distance, height = np.linalg.norm(away, axis=1), away[:, 2]
    assert np.ptp(distance) > 0.005 and np.ptp(height) > 0.005
    assert np.linalg.norm(np.diff(away, axis=0), axis=1).max() < 0.15


def test_a_shorter_clip_is_the_start_of_a_longer_one() -> None:
    assert (orbit([5], STAGES[0], 9) == orbit([5], STAGES[0], 60)[:9]).all()


@pytest.mark.parametrize("path", [orbit, jumps])
def test_a_path_is_its_seeds(path) -> None:
    assert (path([1, 2], STAGES[0], 9) == path([1, 2], STAGES[0], 9)).all()
    assert (path([1, 2], STAGES[0], 9) != path([1, 3], STAGES[0], 9)).any()


def test_jumps_are_independent_views() -> None:
    away = from_centre(STAGES[0], jumps([2], STAGES[0], 40))
    azimuth = np.arctan2(away[:, 1], away[:, 0])
    assert np.abs(np.diff(azimuth)).mean() > 1.0


def test_a_drawn_camera_has_the_size_asked_for_and_its_centre_in_the_middle() -> None:
    camera = draw_intrinsics([3], 240, 416)
    assert (camera.width, camera.height) == (240, 416)
    assert camera.fx == camera.fy and 0.6 < camera.fx / 416 < 0.9
    assert (camera.cx, camera.cy) == (119.5, 207.5)


def test_a_zoomed_camera_sees_a_part_of_a_larger_picture() -> None:
    usual, zoomed = ([draw_intrinsics([seed], 416, 240, zoom) for seed in range(40)] for zoom in (1.0, 2.0))
    factors = np.array([z.fx / u.fx for z, u in zip(zoomed, usual, strict=True)])
    assert (factors >= 1).all() and (factors <= 2).all() and np.ptp(factors) > 0.7
    off = np.array([[(k.cx - 207.5) / 416, (k.cy - 119.5) / 240] for k in zoomed])
    assert 0.08 < np.abs(off).max() <= 0.12 + 1e-5


def test_independent_narrow_views_stay_farther_away() -> None:
    focus = STAGES[0]
    for zoom in (1.0, 1.5, 4.0):
        away = np.linalg.norm(from_centre(focus, jumps([1], focus, 200, zoom)), axis=1)
        assert away.min() == pytest.approx(min(NEAREST_M * zoom, NEAREST_NARROW_M), abs=0.03)
        assert away.max() < FARTHEST_M + 1e-6
    assert narrowness(draw_intrinsics([0], 240, 416, 4.0)) > 1.0
