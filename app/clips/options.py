"""The options of `depth` and `normals`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.option_types import FreshOption, ModelOptions
from app.options import CellOption, JsonOption

Source = Annotated[Path, typer.Argument(help="A video, a folder of images, a frame folder, a .bag or a .db3.")]
Out = Annotated[Path, typer.Option(help="The folder for the results; a run that was cut off goes on there.")]


@dataclass(frozen=True, kw_only=True)
class DepthOptions(JsonOption, FreshOption, CellOption, ModelOptions):
    """What `depth` takes."""

    source: Source
    out: Out
    estimator: Annotated[str, typer.Option(help="auto, vitro-s, dkt-1.3b, dkt-14b, dkt (any --weights), raw, ...")] = (
        "auto"
    )


@dataclass(frozen=True, kw_only=True)
class NormalsOptions(JsonOption, FreshOption, ModelOptions):
    """What `normals` takes."""

    source: Source
    out: Out
    estimator: Annotated[
        str, typer.Option(help="dkt-normal-14b, dkt-normal (any --weights), or depth: of the frames' own depth.")
    ] = "dkt-normal-14b"
