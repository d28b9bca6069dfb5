"""Small scenes for the renderer's tests: the cell of sim.yaml, seen with few pixels."""

from pathlib import Path

import numpy as np

from core.cell import Cell, load_cell
from core.transforms import transform
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.catalogue.tableware import material_of
from hardware.simulation.rendering.renderer import Renderer, Rendering
from hardware.simulation.scene.meshes import Mesh, Primitive
from hardware.simulation.scene.scene import PlacedObject, SceneObject
from hardware.simulation.scene.triangles import primitive
from hardware.simulation.sim_camera import cell_intrinsics
from perception.learning.datasets.base import DatasetClip, open_dataset
from perception.learning.synthesis.clips.clip_set import ClipSet
from perception.learning.synthesis.clips.farm import Job, render_here
from perception.learning.synthesis.clips.settings import SynthSettings
from tests.support.paths import CELLS

SIM_CELL = CELLS / "sim.yaml"


def small_cell(divisor: int = 4) -> Cell:
    """The digital cell with a camera of 848/divisor x 480/divisor pixels and the same view."""
    cell = load_cell(SIM_CELL)
    size = {"width": cell.camera.width // divisor, "height": cell.camera.height // divisor}
    camera = cell.camera.model_copy(update=size | {"focal_px": cell.camera.focal_px / divisor})
    return cell.model_copy(update={"camera": camera})


def ball(material: str, radius_m: float = 0.05, tint: tuple[float, float, float] = (0.8, 0.2, 0.1)) -> SceneObject:
    """A solid ball that stands on its lowest point."""
    triangles = primitive(Primitive("sphere", (radius_m,), np.eye(4)))
    corners = triangles.corners_m.reshape(-1, 3) + np.array([0.0, 0.0, radius_m], np.float32)
    vertices, index = np.unique(corners.round(7), axis=0, return_inverse=True)
    faces = index.reshape(-1, 3).astype(np.int32)
    return SceneObject("ball", material_of(material, tint), Mesh(vertices, faces), 0.1)


def scene(cell: Cell, surface: str, *things: tuple[SceneObject, float, float], seed: int = 3) -> CellState:
    """Things at (x, y) on a table, without arms; instance ids count from 1."""
    placed = tuple(
        PlacedObject(thing, transform(translation_m=(x, y, 0.0)), i + 1) for i, (thing, x, y) in enumerate(things)
    )
    return CellState(surface, placed, (), cell.camera.T_world_camera, seed)


def render(cell: Cell, state: CellState, spp: int = 16) -> Rendering:
    """What the cell's camera sees of it."""
    return Renderer(cell_scene(cell, state)).render(cell_intrinsics(cell), state.T_world_camera, spp)


def rendered_clips(root: Path, settings: SynthSettings, count: int, cell: Cell) -> tuple[DatasetClip, ...]:
    """Clips of a cell's own scenes, rendered into a data set of their own."""
    made = ClipSet(root, settings, count)
    with made.hold():
        list(render_here(Job(settings, made.missing(), made.clips, cell=cell)))
    return open_dataset("transphy3d", root).clips
