"""The commands that work through clips, `depth` and `normals`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.options import CellOption, Check, FreshOption, JsonOption, ModelOptions, add_command
from app.paths import demand_existing

commands = typer.Typer()


def demand_clip(path: Path) -> None:
    """Raises ConfigurationError for one that is not there."""
    demand_existing(path, "clip", "Name a video file, a .bag, a .db3 or a folder of frames.")


Source = Annotated[
    Path, Check(demand_clip), typer.Argument(help="A video, a folder of images, a frame folder, a .bag or a .db3.")
]
Out = Annotated[Path, typer.Option(help="The folder for the results; a run that was cut off goes on there.")]


@dataclass(frozen=True, kw_only=True)
class DepthOptions(JsonOption, FreshOption, CellOption, ModelOptions):
    """The depth of a clip of any length, in metres where the cell's tags or table are seen."""

    source: Source
    out: Out
    estimator: Annotated[str, typer.Option(help="auto, vitro-s, dkt-1.3b, dkt-14b, dkt (any --weights), raw, ...")] = (
        "auto"
    )


@dataclass(frozen=True, kw_only=True)
class NormalsOptions(JsonOption, FreshOption, ModelOptions):
    """The surface normals of a clip of any length, as unit vectors in the camera's axes."""

    source: Source
    out: Out
    estimator: Annotated[
        str, typer.Option(help="dkt-normal-14b, dkt-normal (any --weights), or depth: of the frames' own depth.")
    ] = "dkt-normal-14b"


add_command(commands, "depth", "app.clips.depth:run_depth", DepthOptions)
add_command(commands, "normals", "app.clips.depth:run_normals", NormalsOptions)
