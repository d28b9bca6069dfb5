"""Tables of results as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Columns = Literal["depth", "normals", "jitter", "confidence"]
#: Metric: (value, low, high), the interval NaN where there are fewer than two clips.
Summary = dict[str, tuple[float, float, float]]

#: Metrics and their titles; shares are printed in percent.
_TITLES: Mapping[Columns, tuple[tuple[str, str], ...]] = {
    "depth": (
        *(("rel", "REL %"), ("rmse_cm", "RMSE cm"), ("delta_1.05", "δ1.05 %"), ("delta_1.10", "δ1.10 %")),
        *(("delta_1.25", "δ1.25 %"), ("median_mm", "median mm"), ("coverage", "coverage %")),
    ),
    "normals": (
        *(("mean_deg", "mean °"), ("median_deg", "median °")),
        *(("within_11.25", "11.25° %"), ("within_22.5", "22.5° %"), ("within_30", "30° %")),
    ),
    "jitter": (("jitter_mm", "jitter mm"),),
    "confidence": (
        *(("said", "said %"), ("true", "true %")),
        *(("share", "pixels %"), ("calibration_error", "calibration error %")),
    ),
}
#: All but those that the paper does not rank by, nor do jitter and confidence, which it does not tell of.
_UNRANKED = frozenset(("median_mm", "coverage", "said", "true", "share"))
RANKED: Mapping[Columns, tuple[str, ...]] = {
    kind: tuple(metric for metric, _ in titles if metric not in _UNRANKED) for kind, titles in _TITLES.items()
}
_NONE = "–"


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
        return replace(self, rank=rank, note=self.note + note)


@dataclass(frozen=True)
class ResultTable:
    """Rows that may be compared; kind says which metrics they have."""

    title: str
    rows: tuple[ResultRow, ...]
    kind: Columns = "depth"

    def header(self) -> tuple[str, ...]:
        return ("method", *(title for _, title in _TITLES[self.kind]), "rank", "note")

    def cells(self, intervals: bool = True) -> list[tuple[str, ...]]:
        """Text in columns as `header` names them, intervals behind the values."""

        def cell(row: ResultRow, metric: str, title: str) -> str:
            if metric not in row.metrics:
                return _NONE
            value, low, high = (n * (100 if title.endswith("%") else 1) for n in row.metrics[metric])
            return _plain(value) + (f" ({_plain(low)}–{_plain(high)})" if intervals and low == low else "")

        return [
            (row.method, *(cell(row, *column) for column in _TITLES[self.kind]), _plain(row.rank), row.note)
            for row in self.rows
        ]


def markdown(tables: Sequence[ResultTable]) -> str:
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
        header = table.header()[:-1]
        lines += ["\\begin{table}\\centering", f"\\caption{{{_tex(table.title)}}}"]
        lines += [f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", "\\toprule"]
        lines += [" & ".join(map(_tex, header)) + " \\\\", "\\midrule"]
        for row, cells in zip(table.rows, table.cells(), strict=True):
            method, *others = (_tex(cell) for cell in cells[:-1])
            lines.append(" & ".join([f"\\textit{{{method}}}" if row.published else method, *others]) + " \\\\")
        lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def _plain(value: float) -> str:
    """Three digits or two places, as the paper prints them."""
    if value != value:
        return _NONE
    return f"{value:.1f}" if abs(value) >= 99.995 else f"{value:.2f}"


def _tex(text: str) -> str:
    names = {"\\": "\\textbackslash{}", "δ": "$\\delta$", "°": "$^\\circ$", "–": "--"}
    return "".join(names.get(c, f"\\{c}" if c in "%&_#$" else c) for c in text)
