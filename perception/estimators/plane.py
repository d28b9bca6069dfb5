"""The table's plane everywhere: what one knows who sees no object."""

from collections.abc import Sequence

from perception.estimators.specification import EstimatorSpecification, Map, Observation


class TablePlane:
    """NaN above the horizon."""

    def estimate(self, seen: Sequence[Observation]) -> Map:
        newest = seen[-1]
        assert newest.table is not None and newest.intrinsics is not None
        return newest.table.depth(newest.intrinsics.rays())


ESTIMATOR = EstimatorSpecification(
    "plane",
    "the table's plane everywhere: the baseline that knows no objects",
    "metric",
    load=lambda options: TablePlane(),
    needs_table=True,
    has_holes=True,
    is_crisp=True,
)
