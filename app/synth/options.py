"""`synth`: renders a TransPhy3D data set, or checks one."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.options import CellOption, JsonOption, Parser, add_command
from core.size import Size, parse_size
from core.surfaces import SURFACES

commands = typer.Typer()

#: The tables of a data set; any: each clip draws its own.
ClipSurface = StrEnum("ClipSurface", ["any", *SURFACES])  # type: ignore[misc]
_ANY = ClipSurface("any")


@dataclass(frozen=True, kw_only=True)
class SynthOptions(JsonOption, CellOption):
    """Render a TransPhy3D data set: clips with true depth, normals, instances and poses."""

    out: Annotated[Path, typer.Option(help="The data set's folder; a run that was cut off goes on there.")]
    clips: Annotated[int | None, typer.Option(min=1, help="How many clips it is to hold.", show_default=False)] = None
    frames: Annotated[int, typer.Option(min=1, help="Frames a clip; 1 for an image set of one view a scene.")] = 120
    size: Annotated[
        Size | None,
        Parser(parse_size),
        typer.Option(help="WIDTHxHEIGHT in pixels.", show_default="416x240; the cell camera's own for cell scenes"),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Draws everything; clip k depends on it and k alone.")] = 0
    surface: Annotated[ClipSurface, typer.Option(help="The tables' surface.")] = _ANY
    scenes: Annotated[
        Literal["drawn", "cell"],
        typer.Option(help="Drawn, or the cell's: objects, table, tags and light never drawn."),
    ] = "drawn"
    views: Annotated[
        Literal["orbit", "jump"] | None,
        typer.Option(help="A camera path, or independent views.", show_default="orbit; cell scenes: none, it stands"),
    ] = None
    zoom: Annotated[float, typer.Option(min=1.0, help="Longest focal length of a clip, in usual ones.")] = 1.0
    spp: Annotated[int, typer.Option(min=1, help="Samples a pixel before denoising.")] = 16
    sensor: Annotated[bool, typer.Option("--sensor", help="Simulated stereo depth too; takes about twice as long.")] = (
        False
    )
    meshes: Annotated[
        Path | None, typer.Option(help="A folder of .obj and .glb files among the objects.", show_default=False)
    ] = None
    ray: Annotated[
        str, typer.Option(help="Render on a Ray cluster: its ADDRESS, or local:N workers here.", show_default=False)
    ] = ""
    verify: Annotated[bool, typer.Option("--verify", help="Check every file of the set in --out; render none.")] = False
    repair: Annotated[bool, typer.Option("--repair", help="Check it, and render damaged clips again.")] = False


add_command(commands, "synth", "app.synth.command:synth", SynthOptions)
