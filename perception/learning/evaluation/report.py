"""Results of clips as tables: by protocol and region, with the paper's rows where they are of the same kind."""

from collections.abc import Mapping, Sequence

from perception.learning.evaluation.confidence import confidence_rows
from perception.learning.evaluation.measure import ClipResult
from perception.learning.evaluation.published import PublishedRow, is_same_data, published
from perception.learning.evaluation.regions import FAMILY
from perception.learning.evaluation.statistics import Summary, ranks, summarise
from perception.learning.evaluation.tables import RANKED, Columns, ResultRow, ResultTable

_TITLES = {
    "aligned": "One scale and shift a clip, fitted to the truth (the paper's protocol)",
    "used": "Metric depth as the cell makes it",
    "sensor": "Scale and shift fitted to the sensor outside the glass",
    "normals": "Normals",
    "jitter": "Standard deviation of metric depth over frames, camera and scene still",
    "confidence": "Confidence in metric depth, as it is said and as it proves true",
}
#: Regions in the order of their tables.
_REGIONS = ("all", "objects", "transparent", "specular", "hard", "table")
_REGION_NAMES = {
    "all": "all pixels",
    "objects": "pixels of objects",
    "transparent": "transparent pixels",
    "specular": "mirror-like pixels",
    "hard": "transparent and mirror-like pixels",
    "table": "bare table",
}
#: Protocols whose metrics are not those of depth.
_COLUMNS: Mapping[str, Columns] = {"normals": "normals", "jitter": "jitter", "confidence": "confidence"}
#: The protocols in which every clip counts alike; in the others every pixel does.
_BY_CLIPS = ("aligned", "normals")

Results = Mapping[str, Sequence[ClipResult]]


def tables_of(results: Results, kind: str, name: str, seed: int) -> tuple[ResultTable, ...]:
    """results: by estimator, all of the same clips. kind, name: the data set's."""
    tables = []
    for protocol in _TITLES:
        for region in _regions(results, protocol):
            table = _table(results, kind, name, protocol, region, seed)
            if table.rows:
                tables.append(table)
    return tuple(tables)


def _regions(results: Results, protocol: str) -> list[str]:
    """Those that tell something: `hard` and `transparent` are one where nothing is mirror-like."""
    found = {region for own in results.values() for clip in own for region in clip.tallies.get(protocol, {})}
    if "specular" not in found:
        found.discard("hard")
    families = sorted(region for region in found if region.startswith(FAMILY)) if protocol == "used" else []
    return [region for region in _REGIONS if region in found] + families


def _table(results: Results, kind: str, name: str, protocol: str, region: str, seed: int) -> ResultTable:
    columns = _COLUMNS.get(protocol, "depth")
    summaries = {
        subject: summarise(
            [clip.tallies[protocol][region] for clip in own if region in clip.tallies.get(protocol, {})],
            protocol not in _BY_CLIPS,
            seed,
        )
        for subject, own in results.items()
    }
    summaries = {subject: summary for subject, summary in summaries.items() if summary}
    paper = published(kind, name, protocol) if region == "all" else ()
    compared: list[Mapping[str, float]] = [_values(summary) for summary in summaries.values()]
    is_ranked_with = is_same_data(kind)
    compared += [row.metrics for row in paper] if is_ranked_with else []
    places = iter(ranks(compared, RANKED[columns]))
    rows = []
    for subject, summary in summaries.items():
        rows += _measured_rows(subject, summary, next(places), _note(results[subject], protocol), columns)
    if rows:
        rows += [_published_row(row, next(places) if is_ranked_with else float("nan")) for row in paper]
    title = f"{_TITLES[protocol]}: {_REGION_NAMES.get(region, region)}"
    return ResultTable(title, tuple(rows), columns)


def _measured_rows(method: str, summary: Summary, rank: float, note: str, columns: Columns) -> list[ResultRow]:
    if columns == "confidence":
        return confidence_rows(method, summary, rank, note)
    return [ResultRow(method, summary, rank, note=note)]


def _published_row(row: PublishedRow, rank: float) -> ResultRow:
    nan = float("nan")
    numbers = {metric: (value, nan, nan) for metric, value in row.metrics.items()}
    note = f"the paper, {row.source}" + ("" if rank == rank else ", other scenes")
    return ResultRow(row.method, numbers, rank, is_published=True, note=note)


def _values(summary: Summary) -> dict[str, float]:
    return {metric: value for metric, (value, _, _) in summary.items()}


def _note(clips: Sequence[ClipResult], protocol: str) -> str:
    """What did not work, and by what the table was told."""
    frames = sum(clip.frames for clip in clips)
    told = []
    missed = sum(len(clip.misses) for clip in clips)
    if missed:
        told.append(f"{missed} of {frames} frames without an answer")
    if protocol == "used":
        unused = sum(len(clip.unused) for clip in clips)
        told += [f"{unused} of {frames} refused"] if unused else []
        sources = {
            source: sum(clip.tables.get(source, 0) for clip in clips) for clip in clips for source in clip.tables
        }
        told.append("table by " + ", ".join(f"{source} in {count}" for source, count in sorted(sources.items())))
    return "; ".join(told)
