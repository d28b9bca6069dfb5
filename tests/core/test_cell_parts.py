"""Where a camera or an arm stands is told by its few numbers, and told back."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial.transform import Rotation

from core.cell_parts import ArmMount, ArmPace, CameraMount, Fixture, Pace
from core.transforms import apply, invert, look_at, rotation_z, transform

ARM = ArmMount(channel="can0", base_m=(0.0, 0.0, 0.0))
CAMERA = CameraMount(serial="1", width=848, height=480, position_m=(0.5, 0, 0.6), target_m=(0, 0, 0), focal_px=610)


@pytest.mark.parametrize("seed", range(20))
def test_an_arm_placed_anywhere_upright_stands_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lean = Rotation.from_rotvec([*rng.uniform(-0.2, 0.2, 2), 0.0]).as_matrix()
    T = transform(lean @ rotation_z(rng.uniform(-np.pi, np.pi)), rng.uniform(-1, 1, 3))
    assert np.allclose(ARM.placed(T).T_world_base, T, atol=1e-12)


def test_an_arm_that_hangs_or_lies_is_refused() -> None:
    for turn in ([np.pi, 0, 0], [0, np.pi / 2, 0], [0.3, 0.3, 0]):
        with pytest.raises(ValidationError, match="leans by more than 20 degrees"):
            ARM.placed(transform(Rotation.from_rotvec(turn).as_matrix()))


def test_without_a_lean_the_base_is_as_it_always_was() -> None:
    """To the last bit: scenes of a seed hang on it."""
    mount = ArmMount(channel="can0", base_m=(-0.3, 0.25, 0.01), yaw_rad=0.7)
    assert np.array_equal(mount.T_world_base, transform(rotation_z(0.7), (-0.3, 0.25, 0.01)))
    assert np.array_equal(CAMERA.T_world_camera, look_at(CAMERA.position_m, CAMERA.target_m))


@pytest.mark.parametrize("seed", range(20))
def test_a_camera_placed_anywhere_looks_from_there_and_at_what_it_sees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = look_at(rng.normal((0.5, 0, 0.6), 0.05), rng.normal(0, 0.05, 3)) @ transform(rotation_z(rng.normal(0, 0.3)))
    camera = CAMERA.placed(T)
    assert np.allclose(camera.T_world_camera, T, atol=1e-12)
    assert np.linalg.norm(camera.target_m) < 0.2


def test_a_zero_that_is_off_by_more_than_ten_degrees_is_refused() -> None:
    ArmMount(channel="can0", base_m=(0, 0, 0), zero_offset_rad=(0, np.deg2rad(10), 0, 0, np.deg2rad(-10), 0))
    with pytest.raises(ValidationError, match=r"zero_offset_rad"):
        ArmMount(channel="can0", base_m=(0, 0, 0), zero_offset_rad=(0, 0.2, 0, 0, 0, 0))


@pytest.mark.parametrize("seed", range(10))
def test_a_box_hides_what_a_walk_along_the_line_of_sight_finds_behind_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = Fixture(
        name="box",
        center_m=tuple(rng.uniform(-0.2, 0.2, 2)),
        size_m=tuple(rng.uniform(0.1, 0.3, 3)),
        yaw_rad=rng.uniform(-3, 3),
        bottom_m=rng.uniform(0.0, 0.3),
    )
    eye_m, points_m = rng.uniform(0.5, 1, 3), rng.uniform(-0.6, 0.4, (200, 3))
    walked_m = eye_m + np.linspace(0, 1, 2001)[:, None, None] * (points_m - eye_m)
    beyond_m = np.max(np.abs(apply(invert(box.T_world_box), walked_m)) - box.half_m, axis=-1).min(axis=0)
    clear = np.abs(beyond_m) > 1e-3  # the walk goes by steps of a millimetre
    assert 0 < np.sum(beyond_m < 0) < 200
    np.testing.assert_array_equal(box.hides(points_m, eye_m)[clear], beyond_m[clear] < 0)


def test_along_the_boxs_own_axes_a_box_hides_no_more_and_no_less() -> None:
    box = Fixture(name="box", center_m=(0.0, 0.0), size_m=(0.2, 0.2, 0.2))
    below_m = [(0.0, 0.0, -0.1), (0.09, 0.0, -0.1), (0.0, 0.0, 0.3), (0.5, 0.0, -0.1)]
    assert box.hides(below_m, (0.0, 0.0, 1.0)).tolist() == [True, True, False, False]


def test_the_pace_of_a_phase_is_the_lesser_of_its_own_and_that_of_all() -> None:
    motion = ArmPace(speed=0.5, approach=Pace(speed=0.8, jerk=0.2))
    assert motion.of("approach") == Pace(speed=0.5, jerk=0.2) and motion.of("lift") == Pace(speed=0.5)
    assert str(motion) == "speed 0.5; approach at speed 0.8, jerk 0.2" and str(ArmPace()) == ""
