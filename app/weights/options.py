"""`weights fetch|verify|where`: the models' weights."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import JsonOption, add_command

commands = typer.Typer()


@dataclass(frozen=True)
class FetchOptions(JsonOption):
    """Fetch a model's weights from the Hugging Face hub; goes on where it was cut off."""

    name: Annotated[str, typer.Argument(help="A model, as `weights where` lists them.")]
    keep_text_encoder: Annotated[
        bool, typer.Option("--keep-text-encoder", help="Keep its 11 GB once the prompts are embedded.")
    ] = False


@dataclass(frozen=True)
class VerifyOptions(JsonOption):
    """Read weights through and name everything that is wrong with them."""

    model: Annotated[str, typer.Argument(help="A model or a folder; default: every model that is there.")] = ""


@dataclass(frozen=True)
class WhereOptions(JsonOption):
    """Every model: its folder, whether it is there, and the command that fetches it."""


add_command(commands, "fetch", "app.weights.command:fetch_weights", FetchOptions)
add_command(commands, "verify", "app.weights.command:verify_weights", VerifyOptions)
add_command(commands, "where", "app.weights.command:show_weights", WhereOptions)
