"""The bundled weights find whole objects in scenes that no training saw, and whatever else they are asked for."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import save_file

from core.errors import PerceptionError
from perception.learning.objects.validation import iou, predict_view
from perception.learning.objects.views import NOT_LEARNT, View, unpack
from perception.objects.model import WEIGHTS, ObjectFinder, ObjectPrediction, load_finder
from perception.objects.object_map import CellMasks
from tests.support.scenes.views import drawn_view, rendered_views


@pytest.fixture(scope="module")
def finder() -> ObjectFinder:
    return load_finder()


@pytest.fixture(scope="module")
def view() -> View:
    return rendered_views()[0]


@pytest.fixture(scope="module")
def look(finder: ObjectFinder, view: View) -> ObjectPrediction:
    """Of colour alone."""
    return predict_view(finder, view)


def test_objects_of_a_scene_that_no_training_saw_are_found_each_by_itself(look: ObjectPrediction, view: View) -> None:
    learnt = view.others & NOT_LEARNT == 0
    assert iou(look.objects.mask & learnt, (view.ids > 0) & learnt) > 0.6
    large = [its for id_ in view.optics if (its := view.ids == id_).sum() > 500]
    best = [max(iou(look.objects.ids == found, its) for found in range(1, look.objects.count + 1)) for its in large]
    assert np.median(best) > 0.6


def test_fronts_and_backs_are_nearer_to_the_truth_than_the_table_is(look: ObjectPrediction, view: View) -> None:
    both = look.objects.mask & (view.ids > 0)
    table_m = view.table.depth(view.intrinsics.rays())
    off = np.abs(look.front_m - view.depth_m)[both]
    assert np.median(off) < 0.5 * np.median(np.abs(table_m - view.depth_m)[both])
    back_m = look.front_m + look.objects.thickness_m
    assert np.median(np.abs(back_m - unpack(view.back))[both]) < 0.02


def test_what_it_says_is_whole_where_an_object_is_and_nothing_elsewhere(look: ObjectPrediction, view: View) -> None:
    objects = look.objects
    assert objects.ids.shape == look.front_m.shape == look.confidence.shape == view.ids.shape
    assert np.isfinite(look.front_m[objects.mask]).all() and (objects.thickness_m[objects.mask] >= 0).all()
    assert np.isnan(look.front_m[~objects.mask]).all() and np.isnan(objects.thickness_m[~objects.mask]).all()
    assert (look.confidence[~objects.mask] == 0).all() and (objects.probability[objects.mask] > 0.5).all()
    assert ((look.confidence >= 0) & (look.confidence <= 1)).all()


def test_the_same_picture_is_seen_the_same_way_twice(finder: ObjectFinder, look: ObjectPrediction, view: View) -> None:
    again = predict_view(finder, view)
    np.testing.assert_array_equal(again.objects.ids, look.objects.ids)
    np.testing.assert_array_equal(again.front_m, look.front_m)


def test_in_a_mirror_it_sees_the_mirrored_objects(finder: ObjectFinder, look: ObjectPrediction, view: View) -> None:
    k = view.intrinsics
    normal = view.table.normal * [-1, 1, 1]
    flipped = finder.predict(
        np.ascontiguousarray(view.color[:, ::-1]),
        replace(k, cx=k.width - 1 - k.cx),
        replace(view.table, normal=normal),
    )
    assert iou(flipped.objects.mask[:, ::-1], look.objects.mask) > 0.9


def test_only_the_region_with_its_margin_is_looked_at(finder: ObjectFinder, look: ObjectPrediction, view: View) -> None:
    region = np.zeros(view.ids.shape, bool)
    region[100:150, 40:120] = True
    nothing = np.zeros_like(region)
    part = finder.predict(view.color, view.intrinsics, view.table, masks=CellMasks(region, nothing, nothing))
    rows, columns = np.nonzero(part.objects.mask)
    assert len(rows) and rows.min() > 20 and columns.max() < 250
    assert iou(part.objects.mask & region, look.objects.mask & region) > 0.8


def test_a_large_picture_and_a_tiny_one_are_brought_to_a_size_that_it_knows(finder: ObjectFinder) -> None:
    view = drawn_view()
    for times in (0.25, 8.0):
        k = view.intrinsics.resized(round(96 * times), round(64 * times))
        color = np.full((k.height, k.width, 3), 110, np.uint8)
        found = finder.predict(color, k, view.table)
        assert found.objects.ids.shape == (k.height, k.width)


@pytest.mark.slow
def test_depth_without_a_single_value_is_as_good_as_none(
    finder: ObjectFinder, look: ObjectPrediction, view: View
) -> None:
    holes = np.full(view.ids.shape, np.nan, np.float32)
    found = finder.predict(view.color, view.intrinsics, view.table, holes, holes)
    np.testing.assert_array_equal(
        found.objects.ids, finder.predict(view.color, view.intrinsics, view.table).objects.ids
    )


def test_weights_that_are_missing_damaged_or_foreign_are_refused(tmp_path) -> None:
    import torch

    with pytest.raises(PerceptionError, match="no weights at"):
        load_finder(tmp_path / "none.safetensors")
    whole = bytearray(WEIGHTS.read_bytes())
    (cut := tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    whole[-1000] ^= 1
    (flipped := tmp_path / "flipped.safetensors").write_bytes(whole)
    save_file({"a": torch.zeros(1)}, foreign := tmp_path / "foreign.safetensors")
    for path, told in ((cut, "is damaged"), (flipped, "not what its checksum says"), (foreign, "no weights of vitro")):
        with pytest.raises(PerceptionError, match=told):
            load_finder(path)
