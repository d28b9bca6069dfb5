"""The truth made worse in known ways: each does what its name says, and nothing else."""

import numpy as np
import pytest

from core.errors import ConfigurationError
from core.image import Intrinsics, RgbdImage
from perception.depth_types import Plane
from perception.estimators.degraded import DEGRADATIONS, DEGRADED
from perception.estimators.registry import find_estimator, open_estimator

TABLE_M, OBJECT_M = 1.0, 0.9
OBJECT = np.zeros((480, 848), bool)
OBJECT[163:317, 323:517] = True
TRUE = np.where(OBJECT, OBJECT_M, TABLE_M)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_far_from_edges_only_bias_waves_holes_and_noise_change_depth(name: str) -> None:
    error = np.abs(DEGRADATIONS[name][1](TRUE, OBJECT) - TRUE)
    if name.startswith(("width", "blur")):
        assert error[230:250, 410:430].max() < 1e-6 and error[:100].max() < 1e-6
        assert error[160:166, 323:517].max() > 0.02
    if name.startswith(("far", "near")):
        mm = float(name.partition("-")[2].removesuffix("mm"))
        assert np.allclose(error[OBJECT], mm / 1000) and error[~OBJECT].max() == 0
    if name.startswith("noise"):
        assert np.sqrt((error**2).mean()) == pytest.approx(float(name[6]) / 1000, rel=0.03)
    if name.startswith("wave"):
        assert 0.005 < error.max() < 0.006 + 1e-9
    if name.startswith("holes"):
        assert np.isnan(error[OBJECT]).mean() == pytest.approx(0.2, abs=0.01) and not np.isnan(error[~OBJECT]).any()


def test_too_far_is_farther_and_too_near_is_nearer() -> None:
    assert (DEGRADATIONS["far-12mm"][1](TRUE, OBJECT) > TRUE)[OBJECT].all()
    assert (DEGRADATIONS["near-12mm"][1](TRUE, OBJECT) < TRUE)[OBJECT].all()


@pytest.mark.parametrize("name", DEGRADED)
def test_a_degraded_oracle_is_a_cheat_that_names_what_was_done(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cheat"):
        open_estimator(name)
    image = RgbdImage(
        np.zeros((480, 848, 3), np.uint8), TRUE.astype(np.float32), Intrinsics(848, 480, 615, 615, 423.5, 239.5)
    )
    estimator = open_estimator(name, truth=lambda _: TRUE.astype(np.float32))
    answer = estimator.estimate([image], Plane(np.array([0.0, 0.0, -1.0]), -TABLE_M))
    assert answer.estimator == f"{name} (cheat)" and answer.kind == find_estimator("oracle").gives
    assert np.nanmean(answer.values[OBJECT]) > np.nanmean(answer.values[~OBJECT])
