"""`synth`: renders a TransPhy3D data set, or checks one."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli_clips import parse_size
from app.cli_options import Json, exits
from errors import ConfigurationError

synthesis = typer.Typer()


class ClipSurface(StrEnum):
    """The tables of a data set; any: each clip draws its own."""

    ANY = "any"
    REFLECTIVE = "reflective"
    TRANSLUCENT = "translucent"
    DIFFUSE = "diffuse"


class ViewsChoice(StrEnum):
    """Where a clip's frames are seen from: a path around the objects, or independent places."""

    ORBIT = "orbit"
    JUMP = "jump"


@synthesis.command()
@exits
def synth(
    out: Annotated[Path, typer.Option(help="The data set's folder; a run that was cut off goes on there.")],
    clips: Annotated[int | None, typer.Option(min=1, help="How many clips it is to hold.", show_default=False)] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip; 1 for an image set of one view a scene.")] = 120,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels.")] = "416x240",
    seed: Annotated[int, typer.Option(min=0, help="Draws everything; clip k depends on it and k alone.")] = 0,
    surface: Annotated[ClipSurface, typer.Option(help="The tables' surface.")] = ClipSurface.ANY,
    views: Annotated[ViewsChoice, typer.Option(help="A camera path, or independent views.")] = ViewsChoice.ORBIT,
    spp: Annotated[int, typer.Option(min=1, help="Samples a pixel before denoising.")] = 16,
    sensor: Annotated[bool, typer.Option("--sensor", help="Simulated stereo depth too; takes about twice as long.")] = (
        False
    ),
    meshes: Annotated[
        Path | None, typer.Option(help="A folder of .obj and .glb files among the objects.", show_default=False)
    ] = None,
    ray: Annotated[
        str, typer.Option(help="Render on a Ray cluster: its ADDRESS, or local:N workers here.", show_default=False)
    ] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every file of the set in --out; render none.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Check it, and render damaged clips again.")] = False,
    as_json: Json = False,
) -> int:
    """Render a TransPhy3D data set: clips with true depth, normals, instances and poses."""
    from app.commands.synth import SynthOptions, render_data_set, verify_data_set

    if verify:
        return verify_data_set(out, as_json)
    wanted = parse_size(size)
    if clips is None or wanted is None:
        raise ConfigurationError("--clips or --size says nothing.", "For example: --clips 4 --size 416x240")
    from perception.synthesis.settings import SynthSettings

    settings = SynthSettings(seed, *wanted, frames, views.value, surface.value, spp, sensor)
    return render_data_set(SynthOptions(out, clips, settings, meshes, ray, repair), as_json)
