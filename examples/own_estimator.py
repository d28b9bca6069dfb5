"""A depth estimator of your own: the sensor's depth, and the table's plane where the sensor saw nothing.

python main.py dry-run recording.db3 --estimator examples/own_estimator.py
python main.py bench depth --dataset cleargrasp --root FOLDER --estimators raw,examples/own_estimator.py
"""

from collections.abc import Sequence

import numpy as np

from perception.estimators.specification import EstimatorSpecification, Map, Observation


class FilledHoles:
    """A network would be loaded in __init__; what it imports is imported there too."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        newest = seen[-1]
        assert newest.depth_m is not None and newest.table is not None and newest.intrinsics is not None
        table_m = newest.table.depth(newest.intrinsics.rays())
        return np.where(newest.depth_m > 0, newest.depth_m, table_m)


ESTIMATOR = EstimatorSpecification(
    name="filled-holes",
    description="the sensor's depth, and the table where it has holes",
    gives="metric",
    load=lambda options: FilledHoles(),
    needs_depth=True,
    needs_table=True,
    has_holes=True,
)
