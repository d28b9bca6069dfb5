"""The commands that train models: an option that is a setting is declared with the setting."""

from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from app.options import JsonOption, Parser, add_command
from core.size import Size, parse_size
from perception.learning.objects.settings import ObjectsSettings
from perception.learning.training.settings import TrainingSettings
from perception.learning.vitro_s.settings import VitroSettings

commands = typer.Typer()


RunFolder = Annotated[Path, typer.Option(help="The run's folder; a run that was cut off goes on there.")]


@dataclass(frozen=True, kw_only=True)
class TrainDktOptions(JsonOption):
    """DKT's LoRA by flow matching, as the paper trains it; goes on where it was cut off."""

    out: RunFolder
    config: Annotated[
        Path | None, typer.Option(help="YAML of settings; options given here go before.", show_default=False)
    ] = None
    from_: Annotated[
        str,
        typer.Option(
            "--from", help="A checkpoint to go on from, as step-000500; default: the last.", show_default=False
        ),
    ] = ""


def _option_of(name: str, setting: FieldInfo) -> tuple[str, Any, None]:
    """An option for a setting; its default is None, as a file of settings may say what holds."""
    kind: Any = list[str] if setting.annotation == tuple[str, ...] else setting.annotation
    at_least = next((limit.ge for limit in setting.metadata if hasattr(limit, "ge")), None)
    option = typer.Option(help=setting.description, show_default=False, min=at_least)
    parsed = Annotated[kind | None, Parser(parse_size), option]
    return name, parsed if kind == Size else Annotated[kind | None, option], None


@dataclass(frozen=True, kw_only=True)
class TrainVitroSOptions(JsonOption, VitroSettings):
    """The bundled small model, from nothing, on rendered scenes; goes on where it was cut off."""

    out: RunFolder
    checkpoint_every: Annotated[int, typer.Option(min=1, help="In steps; validates too.")] = 500


add_command(
    commands,
    "dkt",
    "app.train.dkt:train",
    make_dataclass(
        "TrainDktOptions",
        [_option_of(name, one) for name, one in TrainingSettings.model_fields.items() if one.description],
        bases=(TrainDktOptions,),
        namespace={"__doc__": TrainDktOptions.__doc__},
        frozen=True,
        kw_only=True,
    ),
)
add_command(commands, "vitro-s", "app.train.vitro_s:train", TrainVitroSOptions)


@dataclass(frozen=True, kw_only=True)
class TrainObjectsOptions(JsonOption, ObjectsSettings):
    """The network that tells objects apart, on scenes rendered while it learns; goes on where it was cut off."""

    out: RunFolder
    checkpoint_every: Annotated[int, typer.Option(min=1, help="In steps; validates too.")] = 500


add_command(commands, "objects", "app.train.objects:train", TrainObjectsOptions)
