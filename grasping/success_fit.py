"""Fitting the probability of success to what became of tried grasps, and how well it then holds for others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasping.grasp_set import FEATURES
from grasping.success import SuccessModel

#: What the weights are drawn to where trials say little, set by hand: (F,) in the order of `FEATURES`.
PRIOR_WEIGHTS = np.array([2.0, 1.5, 1.0, 0.5, 0.5, 0.3, 0.5])
#: How strongly: as one over the variance of a Gaussian prior.
PRIOR_STRENGTH = 1.0
FOLDS = 5


@dataclass(frozen=True)
class TriedGrasps:
    """features (N, F), NaN where unknown; success (N,); scene (N,): grasps of one scene are not independent."""

    features: NDArray[np.float64]
    success: NDArray[np.bool_]
    scene: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.success)

    def __getitem__(self, index: NDArray) -> "TriedGrasps":
        return TriedGrasps(self.features[index], self.success[index], self.scene[index])


def fit_success(tried: TriedGrasps, source: str = "") -> SuccessModel:
    """The logistic model of greatest posterior probability; no weight is negative.

    Args:
        source: what the grasps are, in words; how many there were is added.
    """
    from scipy.optimize import minimize

    known = np.isfinite(tried.features)
    sums, counts = np.where(known, tried.features, 0.0).sum(0), known.sum(0)
    typical = np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)
    features, sign = np.where(known, tried.features, typical), np.where(tried.success, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> float:
        logits = parameters[0] + features @ parameters[1:]
        misfit = np.logaddexp(0.0, -sign * logits).sum()
        return float(misfit + PRIOR_STRENGTH / 2 * ((parameters[1:] - PRIOR_WEIGHTS) ** 2).sum())

    # Only with a pull on the bias too is there an end where all succeeded; half of typical grasps is the least claim.
    start = np.concatenate([[-PRIOR_WEIGHTS @ typical], PRIOR_WEIGHTS])
    bounds = [(-10.0, 10.0), *[(0.0, None)] * len(FEATURES)]
    found = minimize(lambda p: loss(p) + 0.05 * (p[0] - start[0]) ** 2, start, bounds=bounds, method="L-BFGS-B").x
    told = f"{source}: {int(tried.success.sum())} of {len(tried)} grasps succeeded".removeprefix(": ")
    return SuccessModel(
        round(float(found[0]), 4),
        tuple(np.round(found[1:], 4).tolist()),
        tuple(np.round(typical, 4).tolist()),
        told,
    )


def held_out(tried: TriedGrasps, seed: int = 0) -> NDArray[np.float64]:
    """(N,) what each grasp is expected to do by a model that saw none of its scene (cross-validation)."""
    scenes = np.random.default_rng(seed).permutation(np.unique(tried.scene))
    expected = np.empty(len(tried))
    for fold in np.array_split(scenes, min(FOLDS, len(scenes))):
        tested = np.isin(tried.scene, fold)
        expected[tested] = fit_success(tried[~tested]).probability(tried.features[tested])
    return expected
