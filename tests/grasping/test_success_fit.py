"""Fitting the probability of success: it finds what made grasps succeed, and claims no more than it saw."""

import numpy as np
import pytest

from grasping.grasp_set import FEATURES
from grasping.success_fit import PRIOR_WEIGHTS, TriedGrasps, fit_success, held_out


def drawn(count: int, seed: int = 0) -> TriedGrasps:
    """Grasps that succeed by a known logistic law, which looks at the confidence and the neighbours."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(size=(count, len(FEATURES)))
    logits = -4 + 5 * features[:, 1] + 3 * features[:, 6]
    return TriedGrasps(features, rng.uniform(size=count) < 1 / (1 + np.exp(-logits)), np.arange(count) // 2)


def test_what_made_grasps_succeed_gets_the_weight() -> None:
    weights = dict(zip(FEATURES, fit_success(drawn(2000)).weights, strict=True))
    assert weights["confidence"] > weights["clearance"] > max(weights["height"], weights["insertion"])
    assert min(weights.values()) >= 0


def test_where_it_says_so_much_so_many_succeed_in_scenes_it_never_saw() -> None:
    tried = drawn(2000)
    expected = held_out(tried)
    for low in (0.1, 0.3, 0.5, 0.7, 0.9):
        here = np.abs(expected - low) < 0.1
        assert tried.success[here].mean() == pytest.approx(expected[here].mean(), abs=0.08)


def test_few_trials_leave_the_weights_near_what_was_set_by_hand() -> None:
    assert np.abs(np.array(fit_success(drawn(4)).weights) - PRIOR_WEIGHTS).max() < 1.0


@pytest.mark.parametrize("success", [True, False])
def test_one_sided_trials_end_in_no_certainty(success: bool) -> None:
    tried = drawn(30)
    model = fit_success(TriedGrasps(tried.features, np.full(30, success), tried.scene))
    assert 0.01 < model.probability(tried.features.mean(0)) < 0.995


def test_a_feature_that_no_grasp_had_changes_nothing() -> None:
    tried = drawn(100)
    tried.features[:, 3] = np.nan
    model = fit_success(tried)
    assert np.isfinite(model.probability(tried.features)).all()
    assert model.weights[3] == pytest.approx(PRIOR_WEIGHTS[3], abs=0.6)
