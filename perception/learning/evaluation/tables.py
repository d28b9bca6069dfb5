"""Tables of results as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from perception.learning.evaluation.statistics import Summary

Columns = Literal["depth", "normals", "jitter", "confidence"]
_DEPTH_COLUMNS = (
    *(("rel", "REL %"), ("rmse_cm", "RMSE cm"), ("delta_1.05", "δ1.05 %"), ("delta_1.10", "δ1.10 %")),
    *(("delta_1.25", "δ1.25 %"), ("median_mm", "median mm"), ("coverage", "coverage %")),
)
_NORMAL_COLUMNS = (
    *(("mean_deg", "mean °"), ("median_deg", "median °")),
    *(("within_11.25", "11.25° %"), ("within_22.5", "22.5° %"), ("within_30", "30° %")),
)
_CONFIDENCE_COLUMNS = (
    *(("said", "said %"), ("true", "true %")),
    *(("share", "pixels %"), ("calibration_error", "calibration error %")),
)
_TITLES: Mapping[Columns, tuple[tuple[str, str], ...]] = {
    "depth": _DEPTH_COLUMNS,
    "normals": _NORMAL_COLUMNS,
    "jitter": (("jitter_mm", "jitter mm"),),
    "confidence": _CONFIDENCE_COLUMNS,
}
#: Shares are printed in percent.
_PERCENT = frozenset(
    ("rel", "delta_1.05", "delta_1.10", "delta_1.25", "coverage", "said", "true", "share", "calibration_error")
)
#: Those that the paper ranks by, and of jitter and confidence, which it does not tell of.
RANKED: Mapping[Columns, tuple[str, ...]] = {
    "depth": ("rel", "rmse_cm", "delta_1.05", "delta_1.10", "delta_1.25"),
    "normals": ("mean_deg", "median_deg", "within_11.25", "within_22.5", "within_30"),
    "jitter": ("jitter_mm",),
    "confidence": ("calibration_error",),
}
NONE = "–"


@dataclass(frozen=True)
class ResultRow:
    """One method's metrics. published: by the paper, without intervals. rank NaN: not ranked. note: what a reader
    must know of it."""

    method: str
    metrics: Summary
    rank: float
    published: bool = False
    note: str = ""

    def ranked(self, rank: float, note: str = "") -> "ResultRow":
        """The same with a rank, and more to note."""
        return replace(self, rank=rank, note=self.note + note)


@dataclass(frozen=True)
class ResultTable:
    """Rows that may be compared; kind says which metrics they have."""

    title: str
    rows: tuple[ResultRow, ...]
    kind: Columns = "depth"

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return _TITLES[self.kind]

    def header(self) -> tuple[str, ...]:
        return ("method", *(title for _, title in self.columns), "rank", "note")

    def cells(self, intervals: bool = True) -> list[tuple[str, ...]]:
        """Text in columns as `header` names them, intervals behind the values."""
        return [
            (
                row.method,
                *(_cell(row.metrics, metric, intervals) for metric, _ in self.columns),
                _plain(row.rank),
                row.note,
            )
            for row in self.rows
        ]


def markdown(tables: Sequence[ResultTable]) -> str:
    """Each table under a heading."""
    lines: list[str] = []
    for table in tables:
        rows = [table.header(), ["---"] * len(table.header()), *table.cells()]
        lines += [f"## {table.title}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join(lines)


def as_csv(tables: Sequence[ResultTable]) -> str:
    """One row a method, region and metric: numbers unrounded, in the units of their names."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("table", "method", "published", "metric", "value", "low", "high", "rank"))
    for table in tables:
        for row in table.rows:
            for metric, numbers in row.metrics.items():
                values = [f"{n:.6g}" if n == n else "" for n in (*numbers, row.rank)]
                writer.writerow((table.title, row.method, int(row.published), metric, *values))
    return buffer.getvalue()


def latex(tables: Sequence[ResultTable]) -> str:
    """Each table as a `table` of booktabs, the paper's rows in italics."""
    lines = ["% \\usepackage{booktabs}"]
    for table in tables:
        columns = [title for _, title in table.columns]
        lines += [
            "\\begin{table}\\centering",
            f"\\caption{{{_tex(table.title)}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(columns) + 1)}}}",
            "\\toprule",
            " & ".join(map(_tex, ("method", *columns, "rank"))) + " \\\\",
            "\\midrule",
        ]
        for row, cells in zip(table.rows, table.cells(), strict=True):
            shown = [_tex(cell) for cell in cells[:-1]]
            shown[0] = f"\\textit{{{shown[0]}}}" if row.published else shown[0]
            lines.append(" & ".join(shown) + " \\\\")
        lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def _cell(numbers: Summary, metric: str, intervals: bool) -> str:
    if metric not in numbers:
        return NONE
    factor = 100 if metric in _PERCENT or metric.startswith("within") else 1
    value, low, high = (factor * n for n in numbers[metric])
    interval = f" ({_plain(low)}–{_plain(high)})" if intervals and low == low else ""
    return f"{_plain(value)}{interval}"


def _plain(value: float) -> str:
    """Three digits or two places, as the paper prints them."""
    if value != value:
        return NONE
    return f"{value:.1f}" if abs(value) >= 99.995 else f"{value:.2f}"


def _tex(text: str) -> str:
    names = {"\\": "\\textbackslash{}", "δ": "$\\delta$", "°": "$^\\circ$", "–": "--"}
    return "".join(names.get(c, f"\\{c}" if c in "%&_#$" else c) for c in text)
