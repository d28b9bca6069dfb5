"""The result of `bench depth` as plain values, for `--json`."""

import math
from collections.abc import Sequence
from typing import Any

from perception.learning.evaluation.measure import ClipResult
from perception.learning.evaluation.tables import ResultTable


def estimator_facts(own: Sequence[ClipResult]) -> dict[str, Any]:
    """How an estimator ran on all of its clips, and what it failed at, with the reasons."""
    frames = sum(result.frames for result in own)
    return {
        "ran_as": own[0].ran_as,
        "frames": frames,
        "seconds_per_frame": sum(result.seconds * result.frames for result in own) / frames,
        "misses": [[result.clip, number, why] for result in own for number, why in result.misses],
        "not_made_metric": [[result.clip, number, why] for result in own for number, why in result.unused],
    }


def table_facts(table: ResultTable) -> dict[str, Any]:
    """A table's rows, each metric with its interval; None where there is no number."""
    rows = [
        {
            "method": row.method,
            "published": row.is_published,
            "rank": _or_none(row.rank),
            "note": row.note,
            "metrics": {metric: [_or_none(n) for n in numbers] for metric, numbers in row.numbers.items()},
        }
        for row in table.rows
    ]
    return {"title": table.title, "rows": rows}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
