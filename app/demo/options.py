"""The command `demo`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import JsonOption, PageHost, add_command
from core.surfaces import Surface

commands = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class DemoOptions(JsonOption):
    """Three short trials in the digital cell, one a table's surface, with a word of explanation at each stage."""

    surface: Annotated[Surface | None, typer.Option(help="Only this table.", show_default=False)] = None
    estimator: Annotated[str, typer.Option(help="What turns colour into depth.")] = "vitro-s"
    yes: Annotated[bool, typer.Option("--yes", help="Play through without asking.")] = False
    headless: Annotated[bool, typer.Option("--headless", help="At the terminal alone, without the page.")] = False
    page_host: PageHost = "127.0.0.1"


add_command(commands, "demo", "app.demo.command:show_demo", DemoOptions)
