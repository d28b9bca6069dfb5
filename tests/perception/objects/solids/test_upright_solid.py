"""The outline of an upright solid of revolution tells where on the table it stands, how high and how wide it is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.objects.solids.upright_solid import UprightSolid, fit_axes, widest_foot
from tests.support.scenes.solids import whole_view

#: A camera that looks down on a table.
K = Intrinsics(424, 240, 610.0, 610.0, 211.5, 119.5)
Mask = NDArray[np.bool_]
SHAPES = {
    "tumbler": ([0.03, 0.035], [0.0, 0.1]),
    "can": ([0.033, 0.033], [0.0, 0.12]),
    "bottle": ([0.03, 0.03, 0.012, 0.012], [0.0, 0.1, 0.13, 0.18]),
    "bowl": ([0.029, 0.040, 0.048, 0.050], [0.0, 0.012, 0.030, 0.052]),
    "deep bowl": ([0.030, 0.042, 0.050, 0.054], [0.0, 0.015, 0.040, 0.066]),
    "wine glass": ([0.03, 0.03, 0.005, 0.005, 0.03, 0.028], [0.0, 0.003, 0.006, 0.08, 0.11, 0.16]),
}


def table(down_deg: float, height_m: float = 0.62) -> Plane:
    """As a camera sees it whose axis falls by so much."""
    fall = np.deg2rad(down_deg)
    return Plane(np.array([0.0, -np.cos(fall), -np.sin(fall)]), -height_m)


def standing(shape: str, plane: Plane, aside_m: float = 0.0) -> UprightSolid:
    """It stands where the camera looks, or so far aside."""
    z = plane.normal
    y = np.cross(z, [0.0, 0.0, 1.0])
    y /= np.linalg.norm(y)
    R = np.column_stack([np.cross(y, z), y, z])
    along = R.T @ [0.0, 0.0, 1.0]
    center_m = along[:2] * (plane.offset_m / along[2]) + [0.0, aside_m]
    radii_m, heights_m = (np.array(values) for values in SHAPES[shape])
    return UprightSolid(center_m, heights_m, radii_m, 1.0, R, np.array([0.0, 0.0, -plane.offset_m]))


#: Nearly every axis explains the outline of what is low: `as_bowl` chooses.
TALL = [shape for shape in SHAPES if "bowl" not in shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_ray_that_passes_by_meets_it(shape: str) -> None:
    solid = standing(shape, table(50.0))
    everywhere = np.ones((K.height, K.width), bool)
    for whole, near in zip(solid.seen(everywhere, K), whole_view(solid, K), strict=True):
        assert np.array_equal(whole, near, equal_nan=whole.dtype != bool)


def test_through_the_mouth_of_what_is_hollow_the_far_wall_is_seen_and_its_back_is_as_far() -> None:
    lid = standing("bowl", table(50.0))
    hollow = replace(lid, wall_m=0.003)
    (lid_m, lid_back_m, is_lid), (front_m, back_m, is_mouth) = whole_view(lid, K), whole_view(hollow, K)
    met = np.isfinite(front_m)
    assert met.sum() > 0.98 * np.isfinite(lid_m).sum(), "a ray may pass the rim between two steps"
    assert np.abs((back_m - lid_back_m)[met]).max() < 0.004
    assert is_mouth.sum() > 0.8 * is_lid.sum() and not (is_mouth & ~is_lid).any()
    deeper_m = front_m - lid_m
    assert (deeper_m[is_mouth] > 0).all() and np.median(deeper_m[is_mouth]) > 0.02
    assert np.abs(deeper_m[~is_lid & met]).max() < 1e-6, "its outside is a lid's"
    assert np.median((back_m - front_m)[is_mouth]) < 0.01, "a thin wall"


def outline(solid: UprightSolid) -> Mask:
    return np.isfinite(whole_view(solid, K)[0])


@pytest.mark.parametrize("shape", TALL)
@pytest.mark.parametrize(("down_deg", "aside_m"), [(40.0, 0.0), (52.0, 0.08), (65.0, -0.1)])
def test_an_outline_tells_place_height_and_width(shape: str, down_deg: float, aside_m: float) -> None:
    plane = table(down_deg)
    true = standing(shape, plane, aside_m)
    found = widest_foot(fit_axes(outline(true), K, plane))
    assert found is not None and found.explained > 0.93
    assert np.linalg.norm(found.center_m - true.center_m) < 0.010
    assert abs(found.heights_m[-1] - true.heights_m[-1]) < 0.016
    assert abs(found.width_m - true.width_m) < 0.006


@pytest.mark.parametrize("shape", TALL)
def test_holes_and_ragged_edges_move_it_little(shape: str) -> None:
    plane = table(50.0)
    true = standing(shape, plane)
    mask = outline(true)
    rng = np.random.default_rng(0)
    edge = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    mask[edge & (rng.random(mask.shape) < 0.3)] = False
    rows, columns = np.nonzero(cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)))
    mask[rows[len(rows) // 2], columns[len(rows) // 2] - 1 : columns[len(rows) // 2] + 2] = False
    found = widest_foot(fit_axes(mask, K, plane))
    assert found is not None and np.linalg.norm(found.center_m - true.center_m) < 0.015


def test_a_ray_enters_and_leaves_it_where_it_is_as_wide_as_that() -> None:
    plane = table(50.0)
    can = standing("can", plane)
    front_m, back_m, is_top = whole_view(can, K)
    met = np.isfinite(front_m)
    np.testing.assert_array_equal(met, np.isfinite(back_m))
    assert (back_m >= front_m)[met].all() and np.nanmax(back_m - front_m) > 0.06
    heights_m = plane.height(K.rays() * front_m[..., None])
    assert np.abs(heights_m[is_top] - 0.12).max() < 0.003
    assert (heights_m[met & ~is_top] < 0.12).all()


def test_nothing_round_and_upright_has_the_outline_of_a_lying_bar() -> None:
    bar = np.zeros((240, 424), np.uint8)
    cv2.line(bar, (120, 60), (300, 180), 1, 16)
    found = widest_foot(fit_axes(bar > 0, K, table(50.0)))
    assert found is None or found.explained < 0.6


def test_what_no_ray_to_the_table_shows_is_no_solid() -> None:
    level = Plane(np.array([0.0, -1.0, 0.0]), -0.62)
    above_horizon = np.zeros((240, 424), bool)
    above_horizon[20:80, 180:240] = True
    assert widest_foot(fit_axes(above_horizon, K, level)) is None


def test_a_camera_that_looks_straight_down_sees_a_disc_where_it_is() -> None:
    plane = Plane(np.array([0.0, 0.0, -1.0]), -0.62)
    mask = np.zeros((240, 424), np.uint8)
    cv2.circle(mask, (251, 119), 30, 1, -1)
    found = widest_foot(fit_axes(mask > 0, K, plane))
    assert found is not None
    assert abs(np.linalg.norm(found.center_m) - 40 / 610 * 0.62) < 0.012
    assert abs(found.radii_m[0] - 30 / 610 * 0.62) < 0.006


@pytest.mark.parametrize("down_deg", [3.0, 30.0])
def test_a_whole_picture_is_looked_at_in_few_pixels_and_is_no_thing(down_deg: float) -> None:
    found = widest_foot(fit_axes(np.ones((240, 424), bool), K, table(down_deg)))
    assert found is None or found.explained < 0.8
