"""What an estimator is unsure of, for the operator; how much that lowers a grasp's chance is `grasping.success`'s.

A confidence is taken for what a calibrated one is: the probability that the depth of a pixel is within
2 cm of the truth, which is about what a grasp with fingers 3 cm long forgives.
"""

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from core.report.words import counted
from grasping.grasp_set import FEATURES, WIDTH, fingertips
from perception.depth_types import Plane, RelativeDepth, TableView
from perception.objects.masks import object_region

#: A pixel less sure than this is more than twice as likely wrong as right.
LEAST_CONFIDENCE = 0.33
#: An object of which more is unsure has a shape that nobody knows.
MAX_UNSURE = 0.5
#: Where nothing stands but more of the region than this is unsure, something may stand there unseen.
NOTED_SHARE = 0.02
#: What stands higher than this above the table is counted as standing [m].
STANDS_M = 0.01


def note_of_unsure(weight: NDArray[np.float64], labels: NDArray[np.int32]) -> str:
    """Which clusters of points (labels (N,), -1 for none; weight (N,): their confidence) have a doubtful shape.

    Empty where none has.
    """
    unsure = is_unsure(weight)
    shares = [float(unsure[labels == label].mean()) for label in np.unique(labels[labels >= 0])]
    doubtful = [share for share in shares if share > MAX_UNSURE]
    if not doubtful:
        return ""
    least = min(doubtful)
    share = f"{least:.0%} or more" if len(doubtful) > 1 and least <= 0.995 else f"{least:.0%}"
    return f"the estimator is unsure of {len(doubtful)} of {counted(len(shares), 'object')}: of {share} of their area"


def known_features(
    rows: NDArray, sureness: NDArray[np.float64], plane: Plane, max_opening_m: float
) -> NDArray[np.float64]:
    """(N, F) what rows (N, 17) of a detector that tells nothing but them show; its own score is of another kind and
    stays out. sureness (N,): the confidence of the depth where each is."""
    features = np.full((len(rows), len(FEATURES)), np.nan)
    known = {"confidence": sureness, "margin": (max_opening_m - rows[:, WIDTH]) / 0.03}
    for name, values in (known | {"height": plane.height(fingertips(rows)) / 0.10}).items():
        features[:, FEATURES.index(name)] = np.clip(values, 0, 1)
    return features


def is_unsure(confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    """For pixels (H, W) or points (N,); a confidence that is no number is none."""
    return np.asarray(~(confidence >= LEAST_CONFIDENCE))


def note_of_empty(region: NDArray[np.bool_], confidence: NDArray[np.float32] | None) -> str:
    """Why nothing was found where nothing stands, with what is unsure of that."""
    nothing = "nothing stands on the table in the region"
    if confidence is None or not region.any():
        return nothing
    share = float(is_unsure(confidence)[region].mean())
    return f"{nothing}, and the estimator is unsure of {share:.0%} of it" if share > NOTED_SHARE else nothing


def unsure_share(relative: RelativeDepth, view: TableView, cell: Cell, intrinsics: Intrinsics) -> float | None:
    """The share of the workspace's standing pixels that are unsure; None where that is not told, or nothing stands."""
    if relative.confidence is None or relative.kind != "metric":
        return None
    height_m = view.plane.height(intrinsics.rays() * relative.values[..., None])
    standing = object_region(view, cell, intrinsics, {}, relative.values) & (height_m > STANDS_M)
    return float(is_unsure(relative.confidence)[standing].mean()) if standing.any() else None
