"""What the objects' network sees, and how it is mirrored."""

import numpy as np

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.encoding import CHANNELS, density_px_m, inputs, mirror

K = Intrinsics(64, 48, 90.0, 90.0, 20.0, 30.0)
TABLE = Plane(np.array([0.0, -0.6, -0.8]), -0.5)
COLOR = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
TABLE_M = TABLE.depth(K.rays())


def encoded(k: Intrinsics = K, color=COLOR, sensor_m=None, estimate_m=None, arms=None, images=None, table=TABLE):
    return inputs(color, k.rays(), table, density_px_m(k.fx, table), sensor_m, estimate_m, arms, images)


def test_the_bare_table_is_zero_whoever_saw_it() -> None:
    x = encoded(sensor_m=TABLE_M, estimate_m=TABLE_M)
    assert x.shape == (CHANNELS, 48, 64)
    assert np.abs(x[[8, 10]]).max() < 1e-4
    assert (x[[9, 11]] == 1).all()


def test_what_stands_on_the_table_is_above_zero_and_holes_are_told() -> None:
    depth_m = TABLE_M - 0.05
    depth_m[:10] = np.nan
    x = encoded(estimate_m=depth_m)
    assert (x[10, 10:] > 0).all() and (x[11, 10:] == 1).all()
    assert (x[10:12, :10] == 0).all()
    assert (x[8:10] == 0).all(), "nothing of a sensor that there is not"


def test_nothing_changes_when_a_scene_is_scaled_but_the_height_of_the_camera() -> None:
    larger = Plane(TABLE.normal, 2 * TABLE.offset_m)
    one, two = encoded(estimate_m=TABLE_M - 0.05), encoded(estimate_m=2 * (TABLE_M - 0.05), table=larger)
    same = [k for k in range(CHANNELS) if k not in (6, 7)]
    np.testing.assert_allclose(one[same], two[same], atol=1e-5)


def test_arms_and_their_images_are_channels_of_their_own() -> None:
    arms, images = np.zeros((2, 48, 64), bool)
    arms[:4], images[-4:] = True, True
    x = encoded(arms=arms, images=images)
    np.testing.assert_array_equal(x[12:] > 0, [arms, images])


def test_a_mirrored_scene_is_what_a_mirrored_camera_sees() -> None:
    """The camera's principal point is off the middle and the table does not tilt sideways."""
    flipped = Intrinsics(64, 48, 90.0, 90.0, 63 - K.cx, K.cy)
    x, depth_m = encoded(estimate_m=TABLE_M - 0.05), TABLE_M - 0.05
    np.testing.assert_allclose(mirror(x), encoded(flipped, COLOR[:, ::-1], None, depth_m[:, ::-1]), atol=1e-5)
    np.testing.assert_array_equal(mirror(mirror(x)), x)


def test_the_density_is_the_pixels_on_a_metre_of_the_table() -> None:
    straight_down = Plane(np.array([0.0, 0.0, -1.0]), -0.5)
    ends = K.project(np.array([[-0.5, 0.0, 0.5], [0.5, 0.0, 0.5]]))
    assert np.isclose(density_px_m(K.fx, straight_down), ends[1, 0] - ends[0, 0])
