"""Simulated stereo depth is right on matter and wrong on glass and mirrors, as a D435's is."""

import numpy as np
import pytest

from core.cell import load_cell
from core.image import Intrinsics
from hardware.simulation.catalogue.cell_scene import cell_scene
from hardware.simulation.catalogue.tableware import CERAMIC, CHROME, GLASS, MATTE, STEEL, draw_tableware
from hardware.simulation.projector import DotProjector, beside, dot_pattern
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.sim_camera import cell_intrinsics
from hardware.simulation.stereo import (
    BASELINE_M,
    NEAREST_M,
    PROJECTOR_X_M,
    InfraredPair,
    ambient_intrinsics,
    compose,
    disparities,
    right_intrinsics,
    sense_depth,
)
from tests.support.scenes.rendering import SIM_CELL, ball, scene

CELL = load_cell(SIM_CELL)
INTRINSICS = cell_intrinsics(CELL)
RIGHT = right_intrinsics(INTRINSICS)


class Sensed:
    """A scene in even ambient light (so no path tracing), sensed: depth, truth, masks."""

    def __init__(self, surface, *things, seed=3):
        state = scene(CELL, surface, *things, seed=seed)
        T_left = state.T_world_camera
        caster = RayCaster(cell_scene(CELL, state).parts())
        projector = DotProjector(caster, beside(T_left, PROJECTOR_X_M))
        self.dots = (projector.image(INTRINSICS, T_left), projector.image(RIGHT, beside(T_left, BASELINE_M)))
        half = ambient_intrinsics(RIGHT)
        even = np.full((INTRINSICS.height, INTRINSICS.width, 3), 0.3, np.float32)
        even_right = np.full((half.height, half.width, 3), 0.3, np.float32)
        self.pair = compose(even, even_right, self.dots)
        self.depth_m = sense_depth(*self.pair.expose(np.random.default_rng(0)), INTRINSICS)
        self.truth = caster.truth(INTRINSICS, T_left)
        self.table = self.truth.instance_ids == 0
        self.table &= np.abs(self.truth.depth_m - _plane_depth()) < 1e-3

    def shows(self, number):
        return self.truth.instance_ids == number

    def errors_m(self, mask):
        error = (self.depth_m - self.truth.depth_m)[mask]
        return error[np.isfinite(error)]

    def share_valid(self, mask):
        return np.isfinite(self.depth_m[mask]).mean()


def _plane_depth():
    T = CELL.camera.T_world_camera
    return -T[2, 3] / (INTRINSICS.rays() @ T[2, :3])


@pytest.fixture(scope="module")
def wood():
    """A glass tumbler (1) and a matte ball (2) on wood."""
    tumbler = draw_tableware(np.random.default_rng(5), "tumbler", GLASS)
    return Sensed("diffuse", (tumbler, 0.05, -0.1), (ball(MATTE), 0.05, 0.1))


@pytest.fixture(scope="module")
def metal():
    """Balls on a mirror: matte (1), glazed (2), of brushed steel (3), of chrome (4)."""
    materials = (MATTE, CERAMIC, STEEL, CHROME)
    balls = [ball(material, 0.04, (0.8, 0.8, 0.8)) for material in materials]
    return Sensed("reflective", *((b, 0.05, -0.24 + 0.16 * i) for i, b in enumerate(balls)), seed=11)


@pytest.fixture(scope="module")
def acrylic():
    return Sensed("translucent")


def test_depth_of_a_plain_table_is_dense_and_unbiased(wood):
    assert wood.share_valid(wood.table) > 0.95
    errors = wood.errors_m(wood.table)
    assert abs(np.median(errors)) < 2e-3
    assert np.median(np.abs(errors)) < 4e-3


def test_glass_gives_depth_that_is_there_but_wrong_by_centimetres(wood):
    assert wood.share_valid(wood.shows(1)) > 0.5
    # It sees what stands behind: too far, not too near.
    assert np.median(wood.errors_m(wood.shows(1))) > 0.02


def test_a_matte_ball_is_sensed_where_it_is(wood, metal):
    for sensed, number in ((wood, 2), (metal, 1)):
        assert sensed.share_valid(sensed.shows(number)) > 0.9
        assert np.median(np.abs(sensed.errors_m(sensed.shows(number)))) < 5e-3


@pytest.mark.parametrize("surface", ["metal", "acrylic"])
def test_a_mirror_or_frosted_table_is_mostly_holes_and_lies_but_its_tags_are_not(surface, request):
    sensed = request.getfixturevalue(surface)
    tags = (np.abs(sensed.truth.depth_m - _plane_depth()) > 1e-5) & sensed.table
    right = np.abs(sensed.depth_m - sensed.truth.depth_m) < 0.01
    assert right[sensed.table & ~tags].mean() < 0.5
    assert right[tags].mean() > 0.6


def test_dots_show_on_whatever_has_a_component_that_is_no_mirror(metal):
    matte, glazed, brushed, chrome = ((metal.dots[0][metal.shows(i)] > 0.05).mean() for i in (1, 2, 3, 4))
    assert min(matte, glazed) > 0.3
    assert brushed > 0.08
    # Chrome shows the few dots of what it mirrors.
    assert chrome < 0.04


def test_dots_reach_the_table_through_glass_but_not_through_matter(wood):
    assert (wood.dots[0][wood.shows(1)] > 0.05).mean() > 0.1
    in_shadow = {}
    for number in (1, 2):
        rows, columns = np.nonzero(wood.shows(number))
        around = np.zeros_like(wood.table)
        around[rows.min() : rows.max(), columns.min() - 12 : columns.max() + 12] = True
        in_shadow[number] = ((wood.dots[0] == 0) & wood.table & around).sum()
    assert in_shadow[2] > 50
    assert in_shadow[1] < 5


def test_both_eyes_see_one_pattern_at_the_planes_disparity(wood):
    row = 400
    disparity = INTRINSICS.fx * BASELINE_M / _plane_depth()[row]
    columns = np.arange(300, 540)
    columns = columns[wood.table[row, columns]]
    left = wood.dots[0][row, columns]
    at = columns + disparities(INTRINSICS) - disparity[columns]
    right = np.interp(at, np.arange(RIGHT.width), wood.dots[1][row])
    assert np.corrcoef(left, right)[0, 1] > 0.9


def test_noise_is_fresh_in_every_exposure_and_in_each_eye():
    flat = np.full((60, 80), 100.0, np.float32)
    pair = InfraredPair(flat, flat)
    rng = np.random.default_rng(0)
    first, second = pair.expose(rng), pair.expose(rng)
    for other in (first[1], second[0]):
        assert 1.0 < np.std(first[0].astype(float) - other) < 10.0


@pytest.mark.parametrize("focal_px", [100.0, 610.0, 712.3, 1075.0, 2440.0])
def test_a_surface_as_near_as_promised_is_measured_at_any_focal_length(focal_px):
    """A flat wall of noise, at depths whose disparities are whole pixels."""
    camera = Intrinsics(400, 120, focal_px, focal_px, 199.5, 59.5)
    searched = disparities(camera)
    wall = np.random.default_rng(1).integers(0, 256, (120, 400 + searched), np.uint8)
    nearest_px = int(focal_px * BASELINE_M / NEAREST_M)
    for shift in (nearest_px, nearest_px // 2):
        right = np.roll(wall, -shift, axis=1)
        depth_m = sense_depth(wall[:, searched:], right, camera)
        assert np.median(depth_m[20:-20, 20:-20]) == pytest.approx(focal_px * BASELINE_M / shift, rel=0.02)


def test_the_search_for_disparities_grows_with_pictures_larger_than_a_d435s_alone():
    for width, focal_px, searched in ((416, 349.4, 96), (848, 610.0, 96), (848, 712.3, 96), (1280, 1075.2, 144)):
        assert disparities(Intrinsics(width, 480, focal_px, focal_px, 0.0, 0.0)) == searched


def test_nothing_to_match_gives_no_depth():
    blank = np.full((120, 200), 80, np.uint8)
    depth = sense_depth(blank, np.full((120, 200 + disparities(INTRINSICS)), 80, np.uint8), INTRINSICS)
    assert depth.dtype == np.float32
    assert np.isnan(depth).all()


def test_pattern_is_irregular_enough_to_be_unambiguous():
    patch = dot_pattern()[1000:1012, 1000:1012]
    row = dot_pattern()[1000:1012, 900:1112]
    scores = [np.corrcoef(patch.ravel(), row[:, i : i + 12].ravel())[0, 1] for i in range(200)]
    assert np.sort(scores)[-1] > 0.99
    assert max(score for i, score in enumerate(scores) if abs(i - 100) > 4) < 0.9
