"""The report of a comparison: sheet.png, report.json, report.md and report.html, which shows the sheet."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import writing
from core.image_file import write_image
from core.json_values import plain, to_json
from perception.pictures import Image

_SHOWS = "Every estimator's depth, objects, grasps and choice"
FILES = ("sheet.png", "report.json", "report.md", "report.html")


@dataclass(frozen=True)
class ComparisonReport:
    """title: what was compared. notes: sentences that belong above the table. columns, rows: the table, as text.
    facts: all of it as JSON takes it. sheet: the picture."""

    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    facts: Mapping[str, Any]
    sheet: Image


def write_comparison(report: ComparisonReport, folder: Path) -> dict[str, Any]:
    """Writes the files, an earlier report's removed first; the JSON object, with where they are.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    facts = {"report": str(folder), **plain(report.facts)}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        write_image(folder / "sheet.png", report.sheet)
        (folder / "report.json").write_text(to_json(facts, indent=2) + "\n")
        (folder / "report.md").write_text(_markdown(report))
        (folder / "report.html").write_text(_page(report))
    return facts


def _markdown(report: ComparisonReport) -> str:
    table = [report.columns, ("---",) * len(report.columns), *report.rows]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    notes = [f"{note}\n" for note in report.notes]
    return "\n".join([f"# {report.title}\n", *notes, *lines, f"\n![{_SHOWS}](sheet.png)\n"])


def _page(report: ComparisonReport) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"

    title = html.escape(report.title)
    notes = "".join(f"<p>{html.escape(note)}</p>\n" for note in report.notes)
    body = "\n".join(cells(row, "td") for row in report.rows)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 2100px; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }} td, th {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; }}
th {{ text-align: left; }} img {{ max-width: 100%; height: auto; }}
</style>
<h1>{title}</h1>
{notes}<table>
{cells(report.columns, "th")}
{body}
</table>
<img src="sheet.png" alt="{_SHOWS}">
</html>
"""
