"""`python main.py tag-sheet --out tags.pdf`: the cell's tags to print and glue on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.options import CellOption, add_command

commands = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class TagSheetOptions(CellOption):
    """The cell's AprilTags as a PDF to print true to scale."""

    out: Annotated[Path, typer.Option(help="The PDF to write.")]


def tag_sheet(options: TagSheetOptions) -> int:
    from app.console import Console
    from app.paths import cell_file
    from calibration.sheets.tag_sheet import write_tag_sheet
    from core.cell import load_cell

    cell = load_cell(cell_file(options.cell))
    write_tag_sheet(cell, options.out)
    Console().say(
        f"{len(cell.tags)} tags in [bold]{options.out}[/]. Print at 100 %, measure the black squares, "
        "and write the measured sizes into the cell's YAML."
    )
    return 0


add_command(commands, "tag-sheet", tag_sheet, TagSheetOptions)
