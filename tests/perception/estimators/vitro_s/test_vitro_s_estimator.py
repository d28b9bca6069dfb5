"""vitro-s behind the estimators' interface: in the cell, over clips, by default; with a network of random weights."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.torch import save_file

from app.console import Console
from app.estimator_choice import choose_estimator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.stages import Stages
from app.run.trial import Estimate, Trial
from app.run.trial_files import save_pictures
from core.errors import ConfigurationError, PerceptionError, PlanningError
from grasping.detection.confidence import unsure_share
from hardware.cameras.clips.clip import ClipFrame
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import RelativeDepth
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import ESTIMATORS, open_estimator
from perception.estimators.specification import Observation
from perception.estimators.vitro_s.estimator import ESTIMATOR, VitroSEstimator
from perception.estimators.vitro_s.model import VitroS, weights_bytes
from perception.estimators.vitro_s.network import VitroNet
from perception.estimators.vitro_s.steady import CHANGED, LONGEST, join_still
from perception.objects.model import load_finder
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL, draw_frame

#: A quarter of the pixels, which is what the network sees of a D435's picture.
_SMALL = CELL.model_copy(
    update={"camera": CELL.camera.model_copy(update={"width": 424, "height": 240, "focal_px": 305.0})}
)


@pytest.fixture(scope="module")
def frame() -> RgbdFrame:
    return draw_frame(_SMALL)


@pytest.fixture(scope="module")
def view(frame):
    return locate_table(frame, _SMALL)


@pytest.fixture(scope="module")
def model() -> VitroS:
    return VitroS.random()


@pytest.fixture
def weights(tmp_path):
    """A weights file of a network that sees a bare table everywhere."""
    file = tmp_path / "vitro-s.safetensors"
    file.write_bytes(weights_bytes(VitroNet(), np.array([[0.0, 1.0], [0.0, 0.9]])))
    return file


def _estimator(model: VitroS, locate=None) -> Estimator:
    return Estimator(ESTIMATOR, VitroSEstimator(model, load_finder(), EstimatorOptions()), locate=locate)


def _shifted(frame: RgbdFrame, noise: float, seed: int) -> RgbdFrame:
    grain = np.random.default_rng(seed).normal(0, noise, frame.color.shape)
    return replace(frame, color=np.clip(frame.color + grain, 0, 255).astype(np.uint8), number=seed)


def test_it_answers_in_metres_with_how_sure_it_is(frame, view, model) -> None:
    answer = _estimator(model).estimate([frame], view.plane)
    assert answer.kind == "metric" and answer.estimator == "vitro-s" and not answer.is_sensor
    assert answer.values.shape == answer.confidence.shape == frame.color.shape[:2]
    assert np.isfinite(answer.values).all() and (answer.confidence >= 0).all() and (answer.confidence <= 1).all()
    metric = fit_metric(answer, view, frame)
    assert metric.confidence is answer.confidence and np.isfinite(metric.residual_mm)


@pytest.mark.slow
def test_without_a_table_the_sensor_shows_it(frame, view, model) -> None:
    told = _estimator(model).estimate([frame], view.plane).values
    fitted = _estimator(model).estimate([frame], None).values
    assert np.abs(fitted - told).max() < 0.01


def test_without_a_table_or_depth_it_says_what_to_give(frame, model) -> None:
    blind = replace(frame, depth_m=np.full_like(frame.depth_m, np.nan))
    with pytest.raises(PerceptionError, match=r"where the table is.*intrinsics\.json.*--cell"):
        _estimator(model).estimate([blind], None)


def test_frames_of_a_scene_that_stands_still_are_joined_and_their_noise_falls(frame, view) -> None:
    noisy = [_shifted(frame, 4.0, seed) for seed in range(LONGEST)]
    seen = [Observation(shot.color, shot.depth_m, frame.intrinsics, view.plane) for shot in noisy]
    inside = (frame.color > 20) & (frame.color < 235)
    before, after = (
        np.abs(color.astype(float) - frame.color)[inside].mean() for color in (noisy[-1].color, join_still(seen).color)
    )
    assert after < 0.55 * before


def test_what_moved_is_not_smeared_nor_what_was_there_before_seen_through_it(frame, view) -> None:
    def with_block(left: int, width: int) -> Observation:
        color = frame.color.copy()
        color[100:140, left : left + width] = (200, 40, 30)
        depth_m = frame.depth_m.copy()
        depth_m[100:140, left : left + width] -= 0.1
        return Observation(color, depth_m, frame.intrinsics, view.plane)

    for steps in ([200, 202, 204, 206], [200, 200, 200, 201], [100, 100, 300]):
        seen = [with_block(left, 40) for left in steps]
        joined = join_still(seen)
        np.testing.assert_array_equal(joined.color, seen[-1].color)
        np.testing.assert_array_equal(joined.depth_m, seen[-1].depth_m)
    # So little that the frames still count as one scene: the changed pixels alone are the newest's.
    speck = replace(seen[-1], color=frame.color.copy())
    speck.color[60:66, 60:66] = 255
    joined = join_still([Observation(frame.color, frame.depth_m, frame.intrinsics, view.plane)] * 4 + [speck])
    assert np.abs(joined.color.astype(int) - speck.color).max() <= CHANGED


def test_the_sensors_holes_are_filled_from_still_frames_only_where_most_of_them_saw(frame, view) -> None:
    depths = [frame.depth_m.copy() for _ in range(5)]
    depths[4][10, 10] = np.nan  # one of five did not see it
    for depth_m in depths[:3]:
        depth_m[20, 20] = np.nan  # three of five did not
    depths[2][30, 30] += 0.5
    joined = join_still([Observation(frame.color, depth_m, frame.intrinsics, view.plane) for depth_m in depths]).depth_m
    assert joined[10, 10] == frame.depth_m[10, 10] and joined[30, 30] == frame.depth_m[30, 30]
    assert np.isnan(joined[20, 20])


@pytest.mark.slow
def test_a_clip_is_worked_through_with_its_table_and_goes_on_from_a_checkpoint(frame, model) -> None:
    frames = [_shifted(frame, 3.0, seed) for seed in range(4)]
    estimator = _estimator(model, lambda shot: locate_table(shot, _SMALL))
    assert estimator.specification.gives == "metric"
    whole = estimator.stream(4, 240, 424)
    maps = [whole.push(ClipFrame(shot.color, shot))[0] for shot in frames]
    assert whole.finish() == [] and all(np.isfinite(map_).all() for map_ in maps)
    first = estimator.stream(4, 240, 424)
    for shot in frames[:2]:
        first.push(ClipFrame(shot.color, shot))
    second = estimator.stream(4, 240, 424)
    second.restore(first.state())
    again = [second.push(ClipFrame(shot.color, shot))[0] for shot in frames[2:]]
    np.testing.assert_array_equal(again, maps[2:])


def test_a_clip_of_colour_alone_is_refused_with_what_to_give(frame, model) -> None:
    stream = _estimator(model).stream(1, 240, 424)
    with pytest.raises(PerceptionError, match=r"neither intrinsics nor depth.*intrinsics\.json.*another --estimator"):
        stream.push(ClipFrame(frame.color))
    with pytest.raises(PerceptionError, match="one size"):
        stream.push(ClipFrame(frame.color[:100]))


@pytest.mark.slow
def test_weights_of_a_training_run_are_taken_as_a_file_or_its_folder(frame, view, weights) -> None:
    for path in (weights, weights.parent):
        estimator = open_estimator("vitro-s", EstimatorOptions(weights=path))
        table_m = view.plane.depth(frame.intrinsics.rays())
        assert np.abs(estimator.estimate([frame], view.plane).values - table_m).max() < 1e-3
    assert open_estimator("vitro-s", EstimatorOptions(weights=weights)).name == "vitro-s"


def test_foreign_weights_and_unknown_options_are_refused(tmp_path, weights) -> None:
    import torch

    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    for path, told in ((foreign, "no weights of vitro-s"), (tmp_path / "none", "no weights at")):
        with pytest.raises(PerceptionError, match=told):
            open_estimator("vitro-s", EstimatorOptions(weights=path))
    with pytest.raises(ConfigurationError, match="no --steps"):
        open_estimator("vitro-s", EstimatorOptions(weights=weights, steps=5))


def test_it_is_offered_everywhere_and_never_called_a_dkt() -> None:
    assert "dkt" not in ESTIMATORS["vitro-s"].description.lower()


def test_auto_is_the_bundled_model_without_a_gpu_and_raw_only_without_it(tmp_path, monkeypatch, weights) -> None:
    monkeypatch.setenv("VITRO_WEIGHTS", str(tmp_path / "nothing"))
    monkeypatch.setattr("perception.estimators.vitro_s.model.WEIGHTS", weights)
    name, why = choose_estimator("auto")
    assert name == "vitro-s" and "auto: no weights of dkt-1.3b" in why
    monkeypatch.setattr("perception.estimators.vitro_s.model.WEIGHTS", tmp_path / "missing.safetensors")
    name, why = choose_estimator("auto")
    assert name == "raw" and why == "auto: no weights of dkt-1.3b, no file of vitro-s"


def test_the_operator_is_told_and_shown_what_is_unsure(frame, view, tmp_path) -> None:
    depth_m = frame.depth_m.copy()
    depth_m[100:140, 180:260] -= 0.08
    confidence = np.ones(depth_m.shape, np.float32)
    confidence[100:140, 180:220] = 0.1
    answer = RelativeDepth(depth_m, "metric", "vitro-s", confidence)
    assert unsure_share(answer, view, _SMALL, frame.intrinsics) == pytest.approx(0.5, abs=0.02)
    assert unsure_share(replace(answer, confidence=None), view, _SMALL, frame.intrinsics) is None
    assert unsure_share(replace(answer, values=frame.depth_m), view, _SMALL, frame.intrinsics) is None
    trial = Trial("diffuse", 0, (frame,), view, Estimate(answer, 0.5))
    save_pictures(trial, tmp_path)
    from PIL import Image

    picture = np.array(Image.open(tmp_path / "confidence.png")).astype(int)
    redness = picture[..., 0] - picture[..., 2]
    assert redness[120, 200] > 80 and redness[120, 240] < 20


def test_a_trial_on_depth_that_is_unsure_is_left_to_the_bold_and_says_what_it_lacks(frame, view) -> None:
    depth_m = frame.depth_m.copy()
    depth_m[100:140, 190:230] -= 0.08
    pipeline = Pipeline(_SMALL, PipelineOptions(estimator="raw", boldness=0.02))
    sure, unsure = (
        RelativeDepth(depth_m, "metric", "vitro-s", np.full(depth_m.shape, confidence, np.float32))
        for confidence in (1.0, 0.2)
    )
    grasps = pipeline.detect(frame, view, fit_metric(sure, view, frame), {})
    assert len(grasps) and set(grasps.labels) == {0}
    pipeline.estimator = SimpleNamespace(
        name="vitro-s", estimate=lambda frames, table, masks: unsure, specification=pipeline.estimator.specification
    )
    stages = Stages(Trial("diffuse", 0, (frame,)), pipeline, Console(is_quiet=True))
    with pytest.raises(PlanningError, match=r"No grasp was found.*likely enough.*lacks"):
        stages.plan((frame,), dict)
    assert set(stages.trial.stages_s) == {"locate", "estimate", "scale", "detect"} and stages.trial.grasps is not None
