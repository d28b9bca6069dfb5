"""The commands that work through clips: `depth` and `normals`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.option_types import FreshOption, ModelOptions
from app.options import CellOption, JsonOption, add_command

clips = typer.Typer()

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


def depth(options: DepthOptions) -> int:
    """The depth of a clip of any length, in metres where the cell's tags or table are seen."""
    from app.clips.depth import estimate_depth
    from app.console import Console

    console = Console(options.as_json)
    console.result(estimate_depth(options, console))
    return 0


def normals(options: NormalsOptions) -> int:
    """The surface normals of a clip of any length, as unit vectors in the camera's axes."""
    from app.clips.normals import estimate_normals
    from app.console import Console

    console = Console(options.as_json)
    console.result(estimate_normals(options, console))
    return 0


add_command(clips, "depth", depth, DepthOptions)
add_command(clips, "normals", normals, NormalsOptions)
