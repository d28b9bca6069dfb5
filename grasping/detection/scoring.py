"""How good a fitted grasp is: a product of terms in (0, 1], each one reason for which grasps fail."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grasping.detection.candidates import Candidates
from grasping.detection.insertion import Fit
from grasping.detection.segmentation import Surface

#: So many seen points tell how sure the depth is at a grasp: a patch of two to three centimetres.
NEAREST_SEEN = 48


def score(candidates: Candidates, fit: Fit, surface: Surface, max_opening_m: float) -> NDArray[np.float64]:
    """(B,) scores 0..1 of candidates whose `fit` is final, on one object's completed surface."""
    terms = (
        _term(fit.alignment.min(1), 0.80, 0.98),  # slips: outside a friction cone of 0.5 at 0.89
        _term(fit.counts.min(1), 0, 8),  # touches an edge or a stray point
        0.6 + 0.4 * fit.seen.max(1),  # rests on guesses only
        _sureness(candidates, surface),  # depth that may be wrong
        _near_centre_of_mass(candidates, surface),  # swings
        _term(max_opening_m - fit.width_m, 0.002, 0.020),  # no room for an error of depth
        _term(fit.depth_m, -0.005, 0.015),  # holds by the very tips
        np.exp(-((fit.offset_m / 0.015) ** 2)),  # turns between pads that do not face each other
        _term(fit.width_m, -0.004, 0.016),  # pinches a rim whose thickness is not known
    )
    return np.prod(terms, axis=0)


def _sureness(candidates: Candidates, surface: Surface) -> NDArray:
    """The mean confidence of what was seen nearest to the grasp: 1 for an estimator that tells none."""
    seen = surface.seen > 0
    if not seen.any():
        return np.ones(len(candidates))
    count = min(NEAREST_SEEN, int(seen.sum()))
    nearest = cKDTree(surface.points_m[seen]).query(candidates.center_m, k=[*range(1, count + 1)])[1]
    return np.asarray(surface.seen[seen][nearest].mean(1))


def _term(value: NDArray, worst: float, best: float) -> NDArray:
    """0.05 at `worst` and below, 1 at `best` and above, straight between."""
    return np.clip((value - worst) / (best - worst), 0.05, 1.0)


def _near_centre_of_mass(candidates: Candidates, surface: Surface) -> NDArray:
    """Off to the side an object swings out of the fingers; above or below it hangs or stands."""
    arm = candidates.center_m - surface.points_m.mean(0)
    sideways = arm - np.einsum("bi,bi->b", arm, candidates.R[:, :, 1])[:, None] * candidates.R[:, :, 1]
    horizontal = np.linalg.norm(sideways[:, :2], axis=1)
    return np.exp(-((horizontal / 0.05) ** 2) - (sideways[:, 2] / 0.15) ** 2)
