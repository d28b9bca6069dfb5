"""Rigid transforms keep what they promise."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.transforms import (
    apply,
    invert,
    look_at,
    rotation_angle,
    rotation_to_quaternion,
    transform,
)


@pytest.mark.parametrize("seed", range(20))
def test_a_transform_composed_with_its_inverse_is_the_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    T_a_b = transform(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))
    points = rng.normal(size=(7, 3))
    np.testing.assert_allclose(invert(T_a_b) @ T_a_b, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(apply(invert(T_a_b), apply(T_a_b, points)), points, atol=1e-12)


def rotation_of(wxyz: np.ndarray) -> np.ndarray:
    return Rotation.from_quat(np.roll(wxyz, -1)).as_matrix()


@pytest.mark.parametrize("seed", range(20))
def test_quaternions_and_rotations_are_two_spellings_of_one_thing(seed: int) -> None:
    R = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    np.testing.assert_allclose(rotation_of(rotation_to_quaternion(R)), R, atol=1e-12)


def test_half_turns_have_quaternions_too() -> None:
    for axis in np.eye(3):
        R = Rotation.from_rotvec(np.pi * axis).as_matrix()
        np.testing.assert_allclose(rotation_of(rotation_to_quaternion(R)), R, atol=1e-9)


def test_the_angle_between_rotations_is_the_angle_one_was_turned_by() -> None:
    R = Rotation.from_rotvec([0.1, -0.2, 0.05])
    assert rotation_angle(np.eye(3), R.as_matrix()) == pytest.approx(R.magnitude())


def test_a_camera_looks_along_its_z_axis_with_y_down() -> None:
    T_world_camera = look_at([0.5, 0.0, 0.6], [0.0, 0.0, 0.0])
    target = apply(invert(T_world_camera), np.zeros(3))
    assert target[:2] == pytest.approx([0.0, 0.0], abs=1e-12) and target[2] > 0
    assert T_world_camera[2, 1] < 0


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_camera_that_looks_along_up_has_a_pose_all_the_same(up: tuple[float, ...], side: float) -> None:
    eye = side * np.array(up)
    T_world_camera = look_at(eye, np.zeros(3), up)
    np.testing.assert_allclose(T_world_camera[:3, :3].T @ T_world_camera[:3, :3], np.eye(3), atol=1e-12)
    assert np.linalg.det(T_world_camera[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(T_world_camera[:3, 2], -eye / np.linalg.norm(eye), atol=1e-12)


def test_the_image_of_a_camera_overhead_has_minus_x_at_its_top_as_one_that_nearly_is() -> None:
    overhead, nearly = look_at([0.0, 0.0, 0.8], np.zeros(3)), look_at([1e-4, 0.0, 0.8], np.zeros(3))
    assert rotation_angle(overhead[:3, :3], nearly[:3, :3]) < 1e-3
