"""The scene that a cell's camera sees: its table, tags and bin, then robot and objects as they are at one instant."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import transform
from hardware.simulation.catalogue.appearance import lamps, room, table_finish
from hardware.simulation.scene.materials import Scattering, plain
from hardware.simulation.scene.scene import (
    TABLE_THICKNESS_M,
    PlacedObject,
    RobotShape,
    Scene,
    ScenePart,
    table_top,
    tag_papers,
)
from hardware.simulation.scene.triangles import Triangles, box, join_triangles, primitive, rectangle

FLOOR_Z_M = -0.75


@dataclass(frozen=True)
class CellState:
    """All that changes in a cell of what a camera sees. appearance_seed draws this trial's texture, light, colours."""

    surface: str
    objects: tuple[PlacedObject, ...]
    robot: tuple[RobotShape, ...]
    T_world_camera: NDArray[np.float64]
    appearance_seed: int


def cell_scene(cell: Cell, state: CellState) -> Scene:
    """A cell in a state as the renderer takes it."""
    seed = state.appearance_seed
    grey = np.random.default_rng([seed, 4]).uniform(0.12, 0.45) * np.array([1.0, 0.97, 0.92])
    floor = rectangle((8.0, 8.0)).at(transform(translation_m=(0, 0, FLOOR_Z_M)))
    parts = [
        table_top(cell.table.size_m, table_finish(state.surface, seed)),
        _frame(cell),
        ScenePart("floor", floor, plain(Scattering.MATTE, grey)),
    ]
    if cell.tags:
        parts.append(tag_papers(cell.tags))
    slabs = join_triangles([box(half).at(transform(translation_m=center)) for center, half in cell.bin.slabs])
    parts.append(ScenePart("bin", slabs, plain(Scattering.MATTE, (0.10, 0.16, 0.30))))
    by_colour: dict[tuple[float, float, float], list[Triangles]] = {}
    for shape in state.robot:
        by_colour.setdefault(shape.rgb, []).append(primitive(shape.shape).at(shape.T_world_shape))
    for i, (rgb, meshes) in enumerate(by_colour.items()):
        parts.append(ScenePart(f"robot{i}", join_triangles(meshes), plain(Scattering.MATTE, rgb)))
    return Scene(state.surface, state.objects, tuple(parts), room(seed), lamps(seed), tags=cell.tags)


def _frame(cell: Cell) -> ScenePart:
    """Legs and cross-beams that carry the table: seen through frosted acrylic."""
    x, y = cell.table.size_m
    height = -FLOOR_Z_M - TABLE_THICKNESS_M
    pieces = [((0.0, side * 0.3 * y, -0.08), (0.46 * x, 0.025, 0.02)) for side in (-1, 1)]
    pieces += [((end * 0.25 * x, 0.0, -0.08), (0.025, 0.46 * y, 0.02)) for end in (-1, 1)]
    corners = [(0.44 * x * end, 0.44 * y * side) for end in (-1, 1) for side in (-1, 1)]
    pieces += [((*corner, -TABLE_THICKNESS_M - height / 2), (0.025, 0.025, height / 2)) for corner in corners]
    boxes = [box(half).at(transform(translation_m=at)) for at, half in pieces]
    return ScenePart("frame", join_triangles(boxes), plain(Scattering.MATTE, (0.06, 0.06, 0.07)))
