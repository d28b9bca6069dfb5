"""`python main.py tag-sheet --out tags.pdf`: the cell's tags to print and glue on."""

from pathlib import Path

from app.console import Console
from app.paths import cell_file
from calibration.tag_sheet import write_tag_sheet
from core.cell import load_cell


def print_tags(out: Path, cell_name: str) -> int:
    """Writes the PDF; the person prints it at 100 % and measures what came out."""
    cell = load_cell(cell_file(cell_name))
    write_tag_sheet(cell, out)
    Console().say(
        f"{len(cell.tags)} tags in [bold]{out}[/]. Print at 100 %, measure the black squares, "
        "and write the measured sizes into the cell's YAML."
    )
    return 0
