"""A report's trials as one table, CSV and Parquet: every number of the report can be worked out from it again."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.json_values import to_json
from trials.label import LabelledTrial
from trials.report.counting import CountedTrials

#: Of so many trials the columns that only their rows hold are written too.
MOST_WITH_ROWS = 5_000


def trial_table(counted: CountedTrials, names: dict[str, str], trials: Sequence[LabelledTrial]) -> Any:
    """A pyarrow.Table of one row a trial.

    What rates are made of is there of all: `value` is what the trial counts as, `stands` whether it is in the rates,
    `replaced` whether its scene was laid again, `ended` whether its scene was worked on to its end. Of no more than
    `MOST_WITH_ROWS` trials, `trials`, there is also what their rows hold.
    """
    import pyarrow as pa

    arrays, examples = counted.arrays, counted.arrays.examples
    columns: dict[str, Any] = {
        "trial": arrays.ids,
        "campaign": arrays.campaigns,
        "surface": [known.trial.surface for known in examples],
        "estimator": [names[known.trial.estimator] for known in examples],
        "scene": arrays.scenes,
        "objects": arrays.objects,
        "pick": arrays.picks,
        "attempts": arrays.attempts,
        "outcome": [str(known.trial.outcome or "running") for known in examples],
        "reason": [str(known.trial.reason) for known in examples],
        "label": [str(known.label.value) if known.label else "" for known in examples],
        "label_reason": [str(known.label.reason or "") if known.label else "" for known in examples],
        "value": [str(known.value) for known in examples],
        "cause": [known.cause for known in examples],
        "stands": counted.stands,
        "replaced": counted.replaced,
        "ended": arrays.ended,
    }
    kinds = pa.array(arrays.kinds.astype(np.int32))
    made = {
        name: pa.DictionaryArray.from_arrays(kinds, pa.array(values)) if isinstance(values, list) else pa.array(values)
        for name, values in columns.items()
    }
    if len(trials) == len(arrays):
        made |= {name: pa.array(values) for name, values in _rows(trials).items()}
    # A dictionary of one entry a kind holds texts twice, which Parquet's readers may not expect.
    return pa.table({name: column.cast(pa.string()) if name in _TEXT else column for name, column in made.items()})


_TEXT = ("surface", "estimator", "outcome", "reason", "label", "label_reason", "value", "cause")


def _rows(trials: Sequence[LabelledTrial]) -> dict[str, list[Any]]:
    records = [known.trial for known in trials]
    columns: dict[str, list[Any]] = {
        name: [getattr(record, name) for record in records]
        for name in (
            "uuid", "seed", "begun", "finished", "detail", "verified", "simulator_verdict", "expected", "width_m",
            "effort_nm", "detector", "planner", "cell", "world", "calibration", "software", "frame_digest",
        )
    }  # fmt: skip
    columns |= {
        f"metric_{name}": [getattr(record.metric, name) for record in records]
        for name in ("scale", "shift", "residual_mm")
    }
    for stage in dict.fromkeys(stage for record in records for stage in record.stages_s):
        columns[f"{stage}_s"] = [record.stages_s.get(stage) for record in records]
    columns["objects_laid"] = [to_json(record.scene) for record in records]
    columns["labelled_by"] = [known.label.by if known.label else "" for known in trials]
    columns["note"] = [known.label.note if known.label else "" for known in trials]
    return columns


def write_csv(table: Any, file: Any) -> None:
    import pyarrow.csv

    pyarrow.csv.write_csv(table, file)


def write_parquet(table: Any, file: Any) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, file)
