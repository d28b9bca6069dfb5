"""Whether an estimator's word for itself holds: how sure it says it is, and how often its metric depth is right."""

import numpy as np
from numpy.typing import NDArray

from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.regions import things_of
from perception.learning.evaluation.statistics import Summary
from perception.learning.evaluation.tables import ResultRow
from perception.learning.evaluation.tally import CONFIDENCE_BINS, ConfidenceTally


def confidence_tallies(
    frame: DatasetFrame, depth_m: NDArray[np.float32], confidence: NDArray[np.float32]
) -> dict[str, ConfidenceTally]:
    """By region: `objects`, or glass and mirrors where the data set tells of no others; none where nothing stands.

    depth_m: (H, W) [m] as the cell makes it; confidence: (H, W), the probability that it is within `TOLERANCE_M`;
    either NaN: none. Pixels count that have both, and whose truth is known.
    """
    things = things_of(frame)
    if "objects" in things:
        things = {"objects": things["objects"]}
    error_m = np.abs(depth_m - frame.depth_m)
    known, held = np.isfinite(error_m), error_m < _tolerance_m()
    return {name: ConfidenceTally.of(confidence, held, mask & known) for name, mask in things.items()}


def confidence_rows(method: str, summary: Summary, rank: float, note: str) -> list[ResultRow]:
    """A row over all pixels, which alone has the rank, and one for each bin that has any."""
    what = f"true: within {1000 * _tolerance_m():.0f} mm"
    whole = {name: summary[name] for name in ("said", "true", "share", "calibration_error")}
    rows = [ResultRow(method, whole, rank, note="; ".join(filter(None, (what, note))))]
    for k in range(CONFIDENCE_BINS):
        bin_ = {name: summary[f"{name}_{k}"] for name in ("said", "true", "share")}
        if bin_["share"][0] > 0:
            low, high = (round(100 * edge / CONFIDENCE_BINS) for edge in (k, k + 1))
            rows.append(ResultRow(f"{method}, {low}–{high} % sure", bin_, float("nan")))
    return rows


def _tolerance_m() -> float:
    """Torch comes with it, which what has no confidence does without."""
    from perception.estimators.vitro_s.model import TOLERANCE_M

    return TOLERANCE_M
