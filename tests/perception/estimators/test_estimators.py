"""Estimators answer as they promise, and the cheat says that it is one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.estimator_choice import choose_estimator
from core.errors import ConfigurationError, PerceptionError
from core.image import RgbdImage
from hardware.cameras.clips.clip import ClipFrame
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import ESTIMATORS, choice_of, open_estimator
from perception.estimators.specification import Answer, EstimatorSpecification, Observation
from perception.objects.object_map import CellMasks, ObjectMap
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.paths import ROOT
from tests.support.tiny.dkt import tiny_dkt


def test_the_guide_names_every_estimator_of_depth() -> None:
    guide = (ROOT / "docs" / "estimators.md").read_text()
    assert [name for name, one in ESTIMATORS.items() if one.gives != "normals" and f"`{name}`" not in guide] == []


@pytest.fixture(scope="module")
def frame():
    return draw_frame(CELL)


def _estimator(name: str, truth: np.ndarray):
    return open_estimator(name, truth=lambda image: truth)


#: Those that need no weights.
BUILT_IN = ("raw", "oracle")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_estimator_answers_in_the_frames_shape(name: str, frame) -> None:
    estimator = _estimator(name, frame.depth_m)
    answer = estimator.estimate([frame], None)
    assert answer.values.shape == frame.color.shape[:2]
    assert answer.values.dtype == np.float32
    assert answer.estimator == estimator.name


class Told:
    """A model that tells objects apart where the cell says they may be."""

    def estimate(self, seen: Sequence[Observation]) -> Answer:
        depth_m, masks = seen[-1].depth_m, seen[-1].masks
        assert depth_m is not None
        ids = np.zeros(depth_m.shape, np.int32) if masks is None else masks.region.astype(np.int32)
        return Answer(depth_m, np.ones_like(depth_m), ObjectMap(ids, ids.astype(np.float32), np.zeros_like(depth_m)))


def test_what_a_model_knows_of_objects_goes_on_to_metric_depth_and_its_clips_are_maps_alone(frame) -> None:
    specification = EstimatorSpecification("told", "for this test", "metric", lambda options: Told(), needs_depth=True)
    estimator = Estimator(specification, Told())
    region = np.zeros(frame.color.shape[:2], bool)
    region[100:200, 300:400] = True
    answer = estimator.estimate([frame, frame], None, CellMasks(region, region, region))
    assert answer.objects is not None and answer.confidence is not None
    np.testing.assert_array_equal(answer.objects.mask, region)
    assert fit_metric(answer, locate_table(frame, CELL), frame).objects is answer.objects
    assert estimator.estimate([frame], None).objects.count == 0
    stream = estimator.stream(1, *frame.color.shape[:2])
    np.testing.assert_array_equal(stream.push(ClipFrame(frame.color, frame))[0], frame.depth_m)


def test_an_unknown_estimator_lists_the_choices() -> None:
    with pytest.raises(ConfigurationError, match=r"no estimator 'magic'.*raw.*oracle"):
        open_estimator("magic")


@pytest.mark.parametrize("name", [name for name, one in ESTIMATORS.items() if one.weights and one.gives != "normals"])
def test_a_model_without_weights_is_refused_with_the_command_that_fetches_them(
    name: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("VITRO_WEIGHTS", str(tmp_path))
    with pytest.raises(PerceptionError, match="weights fetch"):
        open_estimator(name)


def test_dkt_answers_for_the_newest_of_the_frames_it_sees(frame, tmp_path) -> None:
    settings = EstimatorOptions(weights=tiny_dkt().write(tmp_path / "dkt"), size=(48, 32))
    estimator = open_estimator("dkt", settings)
    later = replace(frame, color=np.ascontiguousarray(frame.color[:, ::-1]), number=frame.number + 1)
    alone, after_another = estimator.estimate([later], None), estimator.estimate([frame, later], None)
    assert alone.kind == "disparity" and alone.values.shape == frame.color.shape[:2]
    assert alone.estimator == estimator.name and "48x32" in estimator.name
    assert np.isfinite(after_another.values).all() and not np.array_equal(alone.values, after_another.values)


@pytest.mark.parametrize(("bundled", "fallback"), [(True, "vitro-s"), (False, "raw")])
def test_auto_is_dkt_with_a_gpu_else_what_is_bundled_else_the_sensor_and_says_why(
    tmp_path, monkeypatch, bundled: bool, fallback: str
) -> None:
    monkeypatch.setenv("VITRO_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("app.estimator_choice.has_bundled", lambda: bundled)
    name, why = choose_estimator("auto")
    assert name == fallback and "no weights of dkt-1.3b" in why
    monkeypatch.setattr("app.estimator_choice.is_complete", lambda model: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_estimator("auto")[0] == fallback and "no CUDA device" in choose_estimator("auto")[1]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "a GPU")
    assert choose_estimator("auto") == ("dkt-1.3b", "auto: its weights and a GPU are here")
    assert choose_estimator("oracle") == ("oracle", "as asked")


def test_weights_without_their_models_name_are_wrong_usage() -> None:
    with pytest.raises(ConfigurationError, match="one model"):
        choose_estimator("auto", Path("some/weights"))
    assert choose_estimator("dkt", Path("some/weights"))[0] == "dkt"


def test_raw_is_the_sensors_depth_with_its_holes(frame) -> None:
    depth_m = frame.depth_m.copy()
    depth_m[10, 20], depth_m[11, 20] = np.nan, 0.0
    answer = open_estimator("raw").estimate([replace(frame, depth_m=depth_m)], None)
    assert answer.kind == "metric"
    holes = np.zeros(frame.depth_m.shape, bool)
    holes[10:12, 20] = True
    np.testing.assert_array_equal(np.isnan(answer.values), holes)
    np.testing.assert_array_equal(answer.values[~holes], depth_m[~holes])


def test_only_the_oracle_cheats_and_its_name_says_so(frame) -> None:
    cheats = {name for name in BUILT_IN if _estimator(name, frame.depth_m).specification.is_cheat}
    assert cheats == {"oracle"}
    assert "cheat" in _estimator("oracle", frame.depth_m).name
    assert "cheat" in ESTIMATORS["oracle"].description


def test_the_oracle_is_refused_where_there_is_no_truth() -> None:
    with pytest.raises(ConfigurationError, match=r"cheat.*--camera sim"):
        open_estimator("oracle")


def test_the_oracle_gives_disparity_from_zero_to_one_and_nothing_metric() -> None:
    truth = np.array([[0.5, 1.0], [2.0, np.nan]])
    whole = draw_frame(CELL)
    frame = replace(whole, color=whole.color[:2, :2], depth_m=whole.depth_m[:2, :2])
    answer = _estimator("oracle", truth).estimate([frame], None)
    assert answer.kind == "disparity"
    np.testing.assert_allclose(answer.values, [[1.0, (1 - 0.5) / 1.5], [0.0, np.nan]], rtol=1e-6)
    twice_as_far = _estimator("oracle", 2 * truth).estimate([frame], None)
    np.testing.assert_allclose(twice_as_far.values, answer.values, rtol=1e-6)


def test_the_oracle_asks_for_the_newest_frames_truth() -> None:
    frame = draw_frame(CELL)
    asked: list[RgbdImage] = []

    def truth(image: RgbdImage) -> np.ndarray:
        asked.append(image)
        return frame.depth_m

    open_estimator("oracle", truth=truth).estimate([draw_frame(CELL, seed=1), frame], None)
    assert len(asked) == 1 and asked[0] is frame


def test_an_empty_truth_is_no_depth() -> None:
    with pytest.raises(PerceptionError, match="empty"):
        _estimator("oracle", np.full((480, 848), np.nan)).estimate([draw_frame(CELL)], None)


@pytest.mark.parametrize(
    ("logged", "choice"),
    [
        ("oracle (cheat)", "oracle"),
        ("vitro-s", "vitro-s"),
        ("dkt-1.3b (832x480, 5 steps), no CUDA graph", "dkt-1.3b"),
        ("vitro-s, retried at the CPU: no memory", "vitro-s"),
        ("oracle+blur-6px (cheat)", "oracle+blur-6px"),
        ("A", "A"),
        ("oracle-mine", "oracle-mine"),
        ("dkt-1.3b-ft (832x480)", "dkt-1.3b-ft (832x480)"),
        ("plane-fit 3", "plane-fit 3"),
    ],
)
def test_what_a_log_calls_an_estimator_chooses_it(logged: str, choice: str) -> None:
    assert choice_of(logged) == choice
