"""The probability of success: what moves it, and what is said of what is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigurationError
from grasping.grasp_set import FEATURES, ROW, SCORE, GraspSet
from grasping.success import WORDS, SuccessModel, load_success_model

MODEL = load_success_model()


def grasps_with(features: np.ndarray | None, count: int = 5) -> GraspSet:
    rows = np.zeros((count, ROW))
    rows[:, 1] = np.arange(count)
    return GraspSet(rows, np.zeros((0, 3), np.float32), np.zeros(0, np.int32), "test", features=features)


def test_more_of_any_feature_never_lowers_the_probability() -> None:
    middling = np.full(len(FEATURES), 0.5)
    for k in range(len(FEATURES)):
        better = middling.copy()
        better[k] = 1.0
        assert MODEL.probability(better) >= MODEL.probability(middling)


def test_what_is_not_known_neither_speaks_for_a_grasp_nor_against_it() -> None:
    typical = np.array(MODEL.typical)
    for k in range(len(FEATURES)):
        unknown = typical.copy()
        unknown[k] = np.nan
        assert MODEL.probability(unknown) == MODEL.probability(typical)


def test_ranking_sorts_rows_and_features_together() -> None:
    features = np.random.default_rng(0).uniform(size=(5, len(FEATURES)))
    ranked = MODEL.rank(grasps_with(features))
    assert (np.diff(ranked.rows[:, SCORE]) <= 0).all()
    np.testing.assert_array_equal(ranked.features, features[ranked.rows[:, 1].astype(int)])
    np.testing.assert_allclose(ranked.rows[:, SCORE], MODEL.probability(ranked.features))


def test_a_detector_that_knows_nothing_gets_one_chance_for_all_in_its_order() -> None:
    ranked = MODEL.rank(grasps_with(None))
    assert len(set(ranked.rows[:, SCORE])) == 1
    assert list(ranked.rows[:, 1]) == [0, 1, 2, 3, 4]


def test_the_weakest_feature_is_what_costs_most() -> None:
    model = replace(MODEL, weights=(1.0,) * len(FEATURES))
    for k, name in enumerate(FEATURES):
        features = np.ones(len(FEATURES))
        features[k] = 0.3
        assert model.weakest(features) == name
        assert WORDS[name]


def test_a_model_is_read_as_it_was_written_and_a_broken_file_is_named(tmp_path: Path) -> None:
    model = SuccessModel(-1.0, (0.5,) * len(FEATURES), (0.4,) * len(FEATURES), "a test")
    model.write(tmp_path / "success.json")
    assert load_success_model(tmp_path / "success.json") == model
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"broken\.json"):
        load_success_model(tmp_path / "broken.json")
