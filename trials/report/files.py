"""A report's files, each whole or not there."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from core.files import replace_file, replacing, writing
from trials.report.contents import TrialReport
from trials.report.filmstrip import Filmstrip
from trials.report.page import report_page
from trials.report.text_forms import report_latex, report_markdown
from trials.report.trial_table import trial_table, write_csv, write_parquet

#: Of more trials the table is left to `trials export`: writing it takes longer than all the rest.
MOST_IN_TABLE = 100_000


def report_files(out: Path) -> tuple[Path, Path]:
    """The page and the folder that all else goes to, of a folder or the name of an HTML file."""
    return (out, out.parent) if out.suffix in (".html", ".htm") else (out / "report.html", out)


def write_report(
    report: TrialReport, out: Path, strips: Sequence[Filmstrip], progress: Callable[[Iterable[Any]], Iterable[Any]]
) -> tuple[Path, ...]:
    """Writes report.html, or the HTML file that `out` names, and beside it Markdown, table.tex and the trials' tables.

    Args:
        progress: what shows how far a sequence of steps has come.

    Returns:
        what was written, the page first.

    Raises:
        StorageError: the folder takes no file; what it held before is whole.
    """
    page, folder = report_files(out)
    numbers = _numbers(len(report.counted.arrays), any(rate.objects > 1 for rate in report.rates))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    texts: dict[Path, Callable[[], str]] = {
        page: lambda: report_page(report, strips, numbers),
        folder / f"{page.stem}.md": lambda: report_markdown(report, numbers),
        folder / "table.tex": lambda: report_latex(report),
    }
    tables: dict[Path, Callable[[Any, Any], None]] = {}
    if len(report.counted.arrays) <= MOST_IN_TABLE:
        tables = {folder / "trials.csv": write_csv, folder / "trials.parquet": write_parquet}
    table = trial_table(report.counted, report.names, report.trials) if tables else None
    for path in progress([*texts, *tables]):
        with writing(path):
            if path in texts:
                replace_file(path, texts[path]().encode())
            else:
                with replacing(path) as file:
                    tables[path](table, file)
    return (*texts, *tables)


def _numbers(trials: int, of_several: bool) -> str:
    """of_several: whether a scene held several objects."""
    if trials > MOST_IN_TABLE:
        return (
            f"The table of {trials:,} trials is not written here: python main.py trials export writes it. "
            "Every number above can be worked out from it."
        )
    rule = (
        "Every number above can be worked out again from trials.csv (trials.parquet holds the same): `value` is what a "
        "trial counts as, `stands` whether it is in the rates."
    )
    if of_several:
        rule += (
            " Of a scene that held several `objects`, once it was worked on to its end (`ended` of any of its trials), "
            "as many are lifted as its trials that stand are successes, none of them twice; first try is its `pick` 1 "
            "with `attempts` 1."
        )
    return rule
