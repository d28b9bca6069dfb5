"""The outline of a lying solid of revolution tells where on the table it lies, how long and how wide it is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.solids.lying_solid import LyingSolid, fit_lying
from tests.support.scenes.solids import whole_view

#: A camera 0.62 m above a table, that looks down on it at 50 degrees.
K = Intrinsics(424, 240, 610.0, 610.0, 211.5, 119.5)
TABLE = Plane(np.array([0.0, -np.cos(np.deg2rad(50)), -np.sin(np.deg2rad(50))]), -0.62)
Mask = NDArray[np.bool_]
EVERYWHERE: Mask = np.ones((K.height, K.width), bool)
#: Radii [m] along the axis [m].
SHAPES = {
    "can": ([0.033, 0.033], [0.0, 0.12]),
    "jar": ([0.04, 0.04, 0.033, 0.033], [0.0, 0.075, 0.08, 0.105]),
    "bottle": ([0.027, 0.027, 0.011, 0.011], [0.0, 0.09, 0.115, 0.158]),
    "cone": ([0.035, 0.02], [0.0, 0.1]),
    "tube": ([0.017, 0.017], [0.0, 0.12]),
}


def lying(shape: str, turned_deg: float, plane: Plane = TABLE) -> LyingSolid:
    """It lies on its side where the camera looks, turned on the table by so much."""
    radii_m, along_m = (np.array(values) for values in SHAPES[shape])
    R, eye_m = plane.axes(), np.array([0.0, 0.0, -plane.offset_m])
    sight = R.T @ [0.0, 0.0, 1.0]
    turn = np.deg2rad(turned_deg)
    level = np.array([np.cos(turn), np.sin(turn), 0.0])
    # A cone lies on its side: its axis falls as its wall does.
    fall = np.arcsin((radii_m[0] - radii_m[-1]) / along_m[-1]) if shape == "cone" else 0.0
    axis = level * np.cos(fall) - np.array([0.0, 0.0, np.sin(fall)])
    middle_m = eye_m + sight * (plane.offset_m / sight[2])
    origin_m = middle_m - axis * along_m[-1] / 2
    origin_m[2] = radii_m[0] / np.cos(fall)
    fine_m = np.linspace(0, along_m[-1], 60)
    return LyingSolid(origin_m, axis, fine_m, np.interp(fine_m, along_m, radii_m), R, eye_m)


def outline(solid: LyingSolid) -> Mask:
    return np.isfinite(whole_view(solid, K)[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_no_ray_that_passes_by_meets_it(shape: str) -> None:
    solid = lying(shape, 35.0)
    for whole, near in zip(solid.seen(EVERYWHERE, K), whole_view(solid, K), strict=True):
        assert np.array_equal(whole, near, equal_nan=whole.dtype != bool)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("turned_deg", [0.0, 35.0, -60.0])
def test_an_outline_tells_how_wide_it_is_and_where_its_wall_is(shape: str, turned_deg: float) -> None:
    true = lying(shape, turned_deg)
    mask = outline(true)
    found = fit_lying(mask, K, TABLE)
    assert found is not None and found.explained > 0.9
    assert abs(found.width_m - true.width_m) < 0.005
    true_m, found_m = (solid.seen(mask, K)[0] for solid in (true, found))
    off_m = (TABLE.height(K.rays() * depth_m[..., None]) for depth_m in (true_m, found_m))
    assert np.nanmedian(np.abs(np.subtract(*off_m))) < 0.005


def test_what_lies_across_the_view_is_as_long_as_its_outline_and_what_points_at_the_camera_shorter() -> None:
    across, towards = lying("can", 90.0), lying("can", 0.0)
    for true in (across, towards):
        found = fit_lying(outline(true), K, TABLE)
        assert found is not None and abs(found.length_m - true.length_m) < 0.012


def test_ragged_edges_and_holes_move_it_little() -> None:
    mask = outline(lying("jar", 80.0))
    whole = fit_lying(mask, K, TABLE)
    rng = np.random.default_rng(0)
    ragged = mask & ~(rng.random(mask.shape) < 0.05)
    found = fit_lying(ragged, K, TABLE)
    assert whole is not None and found is not None
    assert abs(found.width_m - whole.width_m) < 0.004


def test_a_speck_and_what_reaches_to_the_horizon_are_no_outline() -> None:
    speck = np.zeros((240, 424), bool)
    speck[100:104, 200:204] = True
    assert fit_lying(speck, K, TABLE) is None
    level = Plane(np.array([0.0, -1.0, 0.0]), -0.62)
    assert fit_lying(np.ones((240, 424), bool), K, level) is None
