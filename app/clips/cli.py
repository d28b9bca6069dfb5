"""The commands that work through clips: `depth` and `normals`."""

import typer

from app.clips.options import DepthOptions, NormalsOptions
from app.options import add_command

clips = typer.Typer()


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
