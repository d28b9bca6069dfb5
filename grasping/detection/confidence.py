"""What an estimator is unsure of is not grasped: points, whole objects, and what to tell the operator.

A confidence is taken for what a calibrated one is: the probability that the depth of a pixel is within
2 cm of the truth, which is about what a grasp with fingers 3 cm long forgives.
"""

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from perception.depth_types import RelativeDepth, TableView
from perception.objects.masks import object_region

#: A pixel less sure than this is more than twice as likely wrong as right: no contact is planned on it.
LEAST_CONFIDENCE = 0.33
#: An object of which more is unsure has a shape that nobody knows.
MAX_UNSURE = 0.5
#: Where nothing stands but more of the region than this is unsure, something may stand there unseen.
NOTED_SHARE = 0.02
#: What stands higher than this above the table is counted as standing [m].
STANDS_M = 0.01


def sure_points(weight: NDArray[np.float64], labels: NDArray[np.int32]) -> tuple[NDArray[np.bool_], str]:
    """Which points of clusters (labels (N,), -1 for none) may be grasped (N,), and why objects are left alone.

    Unsure points are dropped, and clusters that are mostly unsure; the note is empty where no cluster was.
    """
    unsure = is_unsure(weight)
    kept = ~unsure & (labels >= 0)
    shares = []
    for label in np.unique(labels[labels >= 0]):
        share = float(unsure[labels == label].mean())
        if share > MAX_UNSURE:
            kept &= labels != label
            shares.append(share)
    if not shares:
        return kept, ""
    least = f"{min(shares):.0%}"
    what = f"one thing: unsure of {least} of it"
    if len(shares) > 1:
        what = f"{len(shares)} things: unsure of at least {least} of each"
    return kept, f"the estimator is out of its depth on {what}"


def sure_depth(depth_m: NDArray[np.float32], confidence: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Depth (H, W) with holes where it is unsure: what was looked through is told by sure pixels alone."""
    return depth_m if confidence is None else np.where(is_unsure(confidence), np.nan, depth_m).astype(np.float32)


def is_unsure(confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where nothing is planned, for pixels (H, W) or points (N,); a confidence that is no number is none."""
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
