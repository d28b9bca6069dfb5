"""`synth`: renders a TransPhy3D data set, or checks one."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.clips.cli import parse_size
from app.options import CellName, Json, exits
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from core.cell import Cell

synthesis = typer.Typer()


class ClipSurface(StrEnum):
    """The tables of a data set; any: each clip draws its own."""

    ANY = "any"
    REFLECTIVE = "reflective"
    TRANSLUCENT = "translucent"
    DIFFUSE = "diffuse"


class ScenesChoice(StrEnum):
    """What is on the table: drawn shapes of drawn matter, or the cell's own tableware."""

    DRAWN = "drawn"
    CELL = "cell"


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
    size: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT in pixels.", show_default="416x240; the cell camera's own for cell scenes")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Draws everything; clip k depends on it and k alone.")] = 0,
    surface: Annotated[ClipSurface, typer.Option(help="The tables' surface.")] = ClipSurface.ANY,
    scenes: Annotated[
        ScenesChoice, typer.Option(help="Drawn, or the cell's: objects, table, tags and light never drawn.")
    ] = ScenesChoice.DRAWN,
    cell: CellName = "sim",
    views: Annotated[
        ViewsChoice | None,
        typer.Option(help="A camera path, or independent views.", show_default="orbit; cell scenes: none, it stands"),
    ] = None,
    zoom: Annotated[float, typer.Option(min=1.0, help="Longest focal length of a clip, in usual ones.")] = 1.0,
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
    from app.synth.command import SynthOptions, render_data_set, verify_data_set

    if verify:
        return verify_data_set(out, as_json)
    if clips is None:
        raise ConfigurationError("--clips says nothing.", "For example: --clips 4")
    from perception.learning.synthesis.clips.settings import SynthSettings, of_cell

    of = _cell_of(scenes, cell, views)
    own = {"views": (views or ViewsChoice.ORBIT).value} if of is None else of_cell(of)
    wanted = parse_size(size) or ((416, 240) if of is None else (of.camera.width, of.camera.height))
    settings = SynthSettings(seed, *wanted, frames, surface=surface.value, spp=spp, sensor=sensor, zoom=zoom, **own)
    return render_data_set(SynthOptions(out, clips, settings, meshes, ray, repair, of), as_json)


def _cell_of(scenes: ScenesChoice, name: str, views: ViewsChoice | None) -> "Cell | None":
    """The cell whose scenes are asked for; None where they are drawn."""
    if scenes is ScenesChoice.DRAWN:
        return None
    if views is not None:
        raise ConfigurationError(f"--views {views} and --scenes cell.", "Leave out --views: its camera stands still.")
    from app.paths import cell_file
    from core.cell import load_cell

    return load_cell(cell_file(name))
