"""What bends slowly over the table is taken out of an estimator's depth; what does not is left as it was."""

import json
from dataclasses import replace

import numpy as np
import pytest

from perception.depth_types import CorrectionNote, RelativeDepth
from perception.estimators.registry import open_estimator
from perception.table.correction import LARGEST_MM, TableCorrection, apply_correction
from perception.table.locate import fit_table
from perception.table.metric_scale import fit_metric
from tests.support.scenes.biased import (
    HARMLESS,
    Scene,
    answer,
    bent,
    draw_scenes,
    gain_on,
    littered,
    mirrored,
    one_sided,
)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return draw_scenes(range(3))


def _fitted(scene: Scene, relative: RelativeDepth):
    return fit_metric(relative, scene.view, scene.frame)


@pytest.mark.parametrize("kind", ["radial", "waves"])
def test_a_slow_error_is_more_than_halved_on_objects_and_table(scenes, kind: str) -> None:
    gains = [gain_on(scene, bent(kind, 0.02, True), seed) for seed, scene in enumerate(scenes)]
    assert all(gain.used for gain in gains)
    for pairs in ([g.objects_mm for g in gains], [g.table_mm for g in gains]):
        before_mm, after_mm = np.mean(pairs, axis=0)
        assert before_mm > 5.0 and after_mm < 0.5 * before_mm
    assert max(gain.harm_mm for gain in gains) < 1.0


def test_a_tilted_answer_gives_a_level_table_and_no_worse_objects(scenes) -> None:
    gains = [gain_on(scene, bent("tilt", 0.01, True), seed) for seed, scene in enumerate(scenes)]
    assert max(gain.table_mm[1] for gain in gains) < 3.0
    assert max(gain.harm_mm for gain in gains) < 1.0


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_slow_error_is_never_made_worse_by_a_millimetre(scenes, name: str) -> None:
    for seed, scene in enumerate(scenes):
        gain = gain_on(scene, HARMLESS[name], seed)
        assert gain.harm_mm < 1.0
        assert gain.table_mm[1] - gain.table_mm[0] < 1.0


@pytest.mark.parametrize("cover", [littered, mirrored])
def test_objects_and_mirror_images_between_the_tags_do_not_pull_the_correction(scenes, cover) -> None:
    for seed, scene in enumerate(scenes):
        slow = bent("radial", 0.02, True)

        def both(of: Scene, rng: np.random.Generator, slow=slow):
            return cover(of, rng) * slow(of, np.random.default_rng(seed)) / of.disparity  # noqa: B023

        gain = gain_on(scene, both, seed)
        assert gain is None or gain.harm_mm < 1.0
        assert gain is None or not gain.used or gain.objects_mm[1] < 0.6 * gain.objects_mm[0]


def test_the_truth_itself_is_left_alone_to_the_bit(scenes) -> None:
    scene = scenes[0]
    relative = open_estimator("oracle", truth=lambda image: scene.truth_m).estimate([scene.frame], scene.view.plane)
    metric = _fitted(scene, relative)
    assert not metric.correction.used and metric.correction.why
    with np.errstate(divide="ignore", invalid="ignore"):
        line_m = 1 / (metric.scale * relative.values.astype(float) + metric.shift)
    near = scene.truth_m < 1.5
    np.testing.assert_array_equal(metric.depth_m[near], line_m.astype(np.float32)[near])


def test_tags_of_one_side_are_too_few_to_check_a_correction_by(scenes) -> None:
    scene = one_sided(scenes[0])
    rng = np.random.default_rng(0)
    metric = _fitted(scene, answer(scene, bent("tilt", 0.01, False)(scene, rng), rng))
    assert not metric.correction.used and "only 3 of the 4" in metric.correction.why


def test_without_tags_parts_of_the_sensors_table_check_it(scenes) -> None:
    scene = scenes[1]
    seen = replace(scene.frame, depth_m=scene.truth_m)
    rng = np.random.default_rng(0)
    relative = answer(scene, bent("radial", 0.015, True)(scene, rng), rng)
    metric = fit_metric(relative, fit_table(seen), seen)
    assert metric.correction.used and metric.tag_residuals_mm == {}
    assert scene.table_error_mm(metric.depth_m) < 3.0


def test_a_model_that_is_metric_is_bent_back_and_a_sensor_never(scenes) -> None:
    scene = scenes[1]
    wrong_m = (1 / bent("radial", 0.015, True)(scene, np.random.default_rng(0))).astype(np.float32)
    said = RelativeDepth(wrong_m, "metric", "a model")
    metric = _fitted(scene, said)
    assert metric.correction.used and (metric.scale, metric.shift) == (1.0, 0.0)
    assert scene.table_error_mm(metric.depth_m) < 0.5 * scene.table_error_mm(wrong_m)
    raw = open_estimator("raw").estimate([replace(scene.frame, depth_m=wrong_m)], scene.view.plane)
    measured = _fitted(scene, raw)
    np.testing.assert_array_equal(measured.depth_m, wrong_m)
    assert measured.correction is None


def test_holes_stay_holes_and_nothing_moves_farther_than_allowed() -> None:
    depth_m = np.linspace(0.3, 5.0, 1000, dtype=np.float32).reshape(20, 50)
    depth_m[3, 4] = np.nan
    note = CorrectionNote(True, "", 50.0, 20.0, 2.0)
    for disparity in (-0.5, -0.05, 0.05, 0.5):
        field = np.full(depth_m.shape, disparity, np.float32)
        moved_m = apply_correction(depth_m, TableCorrection(note, {}, field)) - depth_m
        assert np.isnan(moved_m[3, 4]) and np.isfinite(moved_m).sum() == depth_m.size - 1
        assert np.nanmax(np.abs(moved_m)) <= LARGEST_MM / 1000 + 1e-6
        assert (np.sign(moved_m[np.isfinite(moved_m)]) == -np.sign(disparity)).all()


def test_what_logs_are_told_is_json(scenes) -> None:
    for scene in (scenes[0], one_sided(scenes[0])):
        metric = _fitted(scene, answer(scene, scene.disparity, np.random.default_rng(0)))
        told = json.loads(json.dumps(metric.correction.facts(), allow_nan=False))
        assert told["used"] is False and told["why"]
