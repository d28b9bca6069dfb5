"""The labels of rendered views agree with each other and with what is seen."""

import numpy as np
import pytest

from perception.learning.objects.views import ARM, ARM_IMAGE, View, pack, render_views, unpack
from tests.support.scenes.views import SEED, rendered_views

#: A scene over which an arm reaches.
ARM_SEED = 5918


@pytest.fixture(scope="module")
def views() -> tuple[View, ...]:
    return rendered_views()


@pytest.mark.slow
def test_maps_are_of_one_size_and_a_view_shows_objects(views: tuple[View, ...]) -> None:
    for view in views:
        shape = (view.intrinsics.height, view.intrinsics.width)
        assert view.color.shape == (*shape, 3)
        assert all(map_.shape == shape for map_ in (view.depth, view.back, view.ids, view.others))
        assert set(np.unique(view.ids)) - {0} == set(view.optics)
        assert view.color.std() > 5


@pytest.mark.slow
def test_no_back_lies_before_its_front_and_some_lie_far_behind(views: tuple[View, ...]) -> None:
    for view in views:
        thickness_m = (unpack(view.back) - view.depth_m)[view.ids > 0]
        assert thickness_m.min() >= 0
        assert 0.02 < np.median(thickness_m) < 0.3
        np.testing.assert_array_equal(view.back[view.ids == 0], view.depth[view.ids == 0])


@pytest.mark.slow
def test_objects_stand_on_the_table_and_the_table_lies_in_its_plane(views: tuple[View, ...]) -> None:
    for view in views:
        height_m = view.table.height(view.intrinsics.rays() * view.depth_m[..., None])
        bare = (view.ids == 0) & (view.others == 0) & (np.abs(height_m) < 0.002)
        assert bare.mean() > 0.1
        assert np.median(np.abs(height_m[bare])) < 2e-4
        assert height_m[view.ids > 0].min() > -0.002 and height_m[view.ids > 0].max() > 0.02


@pytest.mark.slow
def test_a_seed_gives_the_same_labels_and_another_seed_others(views: tuple[View, ...]) -> None:
    again, other = next(render_views([SEED, 0])), next(render_views([SEED, 1]))
    for name in ("depth", "back", "ids", "others"):
        np.testing.assert_array_equal(getattr(again, name), getattr(views[0], name))
    assert not np.array_equal(other.depth, again.depth)


def test_depth_in_its_unit_is_right_to_a_twentieth_of_a_millimetre() -> None:
    depth_m = np.array([[0.3, 1.23456, np.nan]], np.float32)
    np.testing.assert_allclose(unpack(pack(depth_m)), depth_m, atol=5.1e-5)


@pytest.mark.slow
def test_an_arm_is_no_object_and_its_image_is_where_a_mirror_of_a_table_shows_it() -> None:
    view = rendered_views(ARM_SEED, 1)[0]
    arm, image = view.others & ARM > 0, view.others & ARM_IMAGE > 0
    assert arm.any() and not view.ids[arm].any()
    points = (view.intrinsics.rays() * view.depth_m[..., None])[arm]
    mirrored = points - 2 * view.table.height(points)[:, None] * view.table.normal
    pixels = np.rint(view.intrinsics.project(mirrored)).astype(int)
    seen = pixels[((pixels >= 0) & (pixels < [view.intrinsics.width, view.intrinsics.height])).all(1)]
    assert len(seen) > 50
    assert image[seen[:, 1], seen[:, 0]].mean() > 0.97
