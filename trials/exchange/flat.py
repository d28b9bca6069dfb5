"""A log as one flat table, a row a trial with the label that counts: CSV or Parquet, for reading elsewhere."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, TextIO

from core.json_values import plain, to_json
from trials.columns import kind_of
from trials.label import LabelledTrial
from trials.record import MetricFit, TrialRecord

#: Of a record what is no value of one cell.
_NESTED = ("id", "scene", "stages_s", "metric", "notes")
_ROWS_AT_ONCE = 5_000

Again = Callable[[], Iterable[LabelledTrial]]


@dataclass(frozen=True)
class FlatTable:
    """trials: goes through them once more each time it is called. names: campaign -> its name."""

    trials: Again
    names: dict[int, str]

    def write_csv(self, file: TextIO) -> int:
        """How many rows were written beneath the headings; times in ISO 8601, nothing where nothing is known."""
        writer = csv.DictWriter(file, self._columns())
        writer.writeheader()
        written = 0
        for row in self._rows():
            written += 1
            writer.writerow({name: plain(value) if value is not None else "" for name, value in row.items()})
        return written

    def write_parquet(self, file: BinaryIO) -> int:
        """As `write_csv`, with types."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", "UTC")}
        schema = pa.schema([(name, types.get(kind, pa.string())) for name, kind in self._columns().items()])
        rows, written = iter(self._rows()), 0
        with ParquetWriter(file, schema) as writer:
            while several := list(islice(rows, _ROWS_AT_ONCE)):
                writer.write_table(pa.Table.from_pylist(several, schema))
                written += len(several)
        return written

    def _columns(self) -> dict[str, type]:
        stages: dict[str, type] = {}
        for known in self.trials():
            stages |= dict.fromkeys((f"{stage}_s" for stage in known.trial.stages_s), float)
        own = {field.name: kind_of(TrialRecord, field.name) for field in fields(TrialRecord)}
        metric = {f"metric_{field.name}": float for field in fields(MetricFit)}
        said = {"label": str, "label_reason": str, "labelled_by": str, "labelled": datetime, "note": str}
        return {
            "trial": int,
            **{name: kind for name, kind in own.items() if name not in _NESTED},
            "campaign_name": str,
            **metric,
            **stages,
            **said,
            "is_confirmed": bool,
            "value": str,
            "cause": str,
            "scene": str,
            "notes": str,
        }

    def _rows(self) -> Iterator[dict[str, Any]]:
        for known in self.trials():
            record, label = known.trial, known.label
            yield {
                "trial": record.id,
                **{field.name: getattr(record, field.name) for field in fields(record) if field.name not in _NESTED},
                "campaign_name": self.names.get(record.campaign, ""),
                **{f"metric_{name}": value for name, value in vars(record.metric).items()},
                **{f"{stage}_s": float(seconds) for stage, seconds in record.stages_s.items()},
                "label": label.value if label else None,
                "label_reason": label.reason if label else None,
                "labelled_by": label.by if label else None,
                "labelled": label.made if label else None,
                "note": label.note if label else None,
                "is_confirmed": known.is_confirmed,
                "value": known.value,
                "cause": known.cause,
                "scene": to_json(record.scene),
                "notes": to_json(record.notes),
            }
