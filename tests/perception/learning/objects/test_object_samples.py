"""What the objects' network is shown of a view, and what it is to answer."""

from dataclasses import replace

import numpy as np
import pytest

from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import decode_depth, plane_disparity
from perception.estimators.vitro_s.model import load_vitro_s
from perception.learning.objects.samples import (
    BACK,
    DEPTH_WEIGHT,
    FRONT,
    GLASS_WEIGHT,
    MASK,
    MASK_WEIGHT,
    NONE,
    OBJECT_WEIGHT,
    OFFSET_X,
    OFFSET_Y,
    SOFT_TRUTH,
    VITRO_S,
    add_answers,
    imitate_sensor,
    sample,
    soft_truth,
    targets,
)
from perception.learning.objects.views import NOT_LEARNT, View, unpack
from perception.objects.encoding import CHANNELS, OFFSET_PX
from perception.objects.instances import find_instances
from tests.support.scenes.views import drawn_view, rendered_views


@pytest.fixture
def view() -> View:
    view = drawn_view()
    return replace(view, sensor=view.back, estimate=view.depth)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is disturbed."""
    monkeypatch.setattr("perception.learning.objects.samples.disturbed_color", lambda rng, color: color)
    monkeypatch.setattr("perception.learning.objects.samples.disturbed_plane", lambda rng, plane: plane)


def test_each_kind_shows_what_it_is_named_for(view: View) -> None:
    for seed in range(8):
        shown = {kind: sample(np.random.default_rng(seed), view, kind)[0] for kind in (NONE, VITRO_S, SOFT_TRUTH)}
        assert not shown[NONE][11].any()
        assert shown[VITRO_S][11].all() and shown[VITRO_S][9].all(), "with what vitro-s was shown beside it"
        assert shown[SOFT_TRUTH][11].all()
        assert all(x.shape == (CHANNELS, *view.ids.shape) and np.isfinite(x).all() for x in shown.values())


def test_a_view_that_no_estimator_saw_shows_none(view: View) -> None:
    x, _ = sample(np.random.default_rng(0), replace(view, sensor=None, estimate=None), VITRO_S)
    assert not x[[9, 11]].any()


def test_some_samples_know_of_no_arms(view: View) -> None:
    knows = [bool(sample(np.random.default_rng(seed), view, NONE)[0][12].any()) for seed in range(60)]
    assert 0.6 < np.mean(knows) < 1.0


def test_every_pixel_points_at_the_middle_of_its_object_mirrored_or_not(view: View, exact: None) -> None:
    # A principal point off the middle tells a mirrored picture.
    view, left = replace(view, intrinsics=replace(view.intrinsics, cx=40.0)), set()
    for seed in range(12):
        x, y = sample(np.random.default_rng(seed), view, NONE)
        mirrored = bool(x[4].mean() < 0)
        left.add(mirrored)
        ids = view.ids[:, ::-1] if mirrored else view.ids
        np.testing.assert_array_equal(y[MASK] > 0, ids > 0)
        found = find_instances(y[MASK] > 0, y[[OFFSET_X, OFFSET_Y]] * OFFSET_PX)
        pairs = set(zip(found[ids > 0].tolist(), ids[ids > 0].tolist(), strict=True))
        assert len(pairs) == 2, "one number for each of the two"
        # Glass is the left box, and on the right in a mirror.
        assert (y[DEPTH_WEIGHT][ids == 1] == GLASS_WEIGHT).all() and (y[DEPTH_WEIGHT][ids == 3] == OBJECT_WEIGHT).all()
    assert left == {True, False}


def test_targets_are_the_front_and_the_back_of_a_view(view: View) -> None:
    rays = view.intrinsics.rays()
    y, reference = targets(view, view.table, rays), plane_disparity(rays, view.table)
    its = view.ids > 0
    for row, truth in ((FRONT, view.depth), (BACK, view.back)):
        np.testing.assert_allclose(decode_depth(y[row], reference)[its], unpack(truth)[its], atol=1e-4)
    assert not y[DEPTH_WEIGHT][~its].any() and not y[[OFFSET_X, OFFSET_Y]][:, ~its].any()


def test_what_is_neither_table_nor_object_is_not_learnt(view: View) -> None:
    others = view.others.copy()
    others[:5] |= NOT_LEARNT
    weight = targets(replace(view, others=others), view.table, view.intrinsics.rays())[MASK_WEIGHT]
    np.testing.assert_array_equal(weight == 0, others & NOT_LEARNT > 0)


def test_a_soft_truth_is_the_truth_but_for_centimetres_and_its_edges(view: View) -> None:
    maps = np.stack([soft_truth(np.random.default_rng(seed), view) for seed in range(20)])
    assert np.isfinite(maps).all()
    assert np.median(np.abs(maps - view.depth_m)) < 0.02
    outline = np.zeros_like(view.ids, bool)
    outline[20:44, [19, 20, 39, 40]] = True
    steps = np.abs(np.diff(maps[:, 30, 34:46], axis=1)).max(1)
    assert np.median(steps) < 0.03 < 0.039, "the step of 4 cm is spread"


def test_a_sensor_loses_metal_and_looks_through_glass() -> None:
    view = replace(drawn_view(), optics={1: "transparent", 3: "specular"})
    maps = np.stack([imitate_sensor(np.random.default_rng(seed), view) for seed in range(20)])
    wrong = ~(np.abs(maps - view.depth_m) < 0.015)
    assert wrong[:, view.ids == 1].mean() > 0.4 and wrong[:, view.ids == 3].mean() > 0.4


@pytest.mark.slow
def test_a_view_that_was_seen_holds_an_estimate_and_sometimes_a_sensors_depth() -> None:
    model, has_sensor = load_vitro_s(), set()
    for seed in (0, 1):
        seen = add_answers(np.random.default_rng(seed), rendered_views()[0], model)
        assert seen.estimate is not None and seen.estimate.all()
        has_sensor.add(seen.sensor is not None)
    assert has_sensor == {True, False}


def test_the_table_may_be_known_wrongly_and_its_targets_follow(view: View) -> None:
    """What is learnt is the depth, so that an answer decoded by the same wrong plane is right."""
    tilted = Plane(np.array([0.0, 0.02, -0.9998]), -0.603)
    rays = view.intrinsics.rays()
    y = targets(view, tilted, rays)
    its = view.ids > 0
    depth_m = decode_depth(y[FRONT], plane_disparity(rays, tilted))
    np.testing.assert_allclose(depth_m[its], view.depth_m[its], atol=1e-4)
