"""The scene that a cell's camera sees at one instant; the table's surface, the lamps and the room drawn from a seed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.surfaces import Surface
from core.transforms import transform
from hardware.robot.fixtures import fixtures_of
from hardware.simulation.scene.materials import TEXTURE_PX, Finish, Scattering, noise, plain
from hardware.simulation.scene.scene import (
    ROOM_PX,
    TABLE_THICKNESS_M,
    Lamp,
    PlacedObject,
    RobotShape,
    Scene,
    ScenePart,
    lamp_over_table,
    paint,
    table_top,
    tag_papers,
)
from hardware.simulation.scene.triangles import Triangles, box, join_triangles, primitive, rectangle

FLOOR_Z_M = -0.75
#: Polished and waxed stone; one value, because it is compiled into kernels.
STONE_IOR = 1.7
_SIZE = (TEXTURE_PX, TEXTURE_PX)


@dataclass(frozen=True)
class CellState:
    """All that changes in a cell of what a camera sees. appearance_seed draws this trial's texture, light, colours.

    held: what a hand shows to the camera (a board), each in a frame of its own, and where that frame is.
    """

    surface: str
    objects: tuple[PlacedObject, ...]
    robot: tuple[RobotShape, ...]
    T_world_camera: NDArray[np.float64]
    appearance_seed: int
    held: tuple[tuple[ScenePart, NDArray[np.float64]], ...] = ()


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
    if fixtures := fixtures_of(cell):
        boxes = join_triangles([box(one.half_m).at(one.T_world_box) for one in fixtures])
        parts.append(ScenePart("fixtures", boxes, plain(Scattering.MATTE, (0.22, 0.22, 0.23))))
    by_colour: dict[tuple[float, float, float], list[Triangles]] = {}
    for shape in state.robot:
        by_colour.setdefault(shape.rgb, []).append(primitive(shape.shape).at(shape.T_world_shape))
    for i, (rgb, meshes) in enumerate(by_colour.items()):
        parts.append(ScenePart(f"robot{i}", join_triangles(meshes), plain(Scattering.MATTE, rgb)))
    parts += [part.at(T_world_part) for part, T_world_part in state.held]
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


@lru_cache(maxsize=4)
def table_finish(surface: str, seed: int) -> Finish:
    """What a table of this surface is made of in this trial.

    reflective: polished metal or glossy stone; translucent: frosted acrylic; diffuse: wood or cloth.
    """
    rng = np.random.default_rng([seed, 1])
    match Surface(surface):
        case Surface.REFLECTIVE:
            return _polished_metal(rng) if rng.random() < 0.6 else _glossy_stone(rng)
        case Surface.TRANSLUCENT:
            tint = np.array([0.86, 0.90, 0.92]) * rng.uniform(0.92, 1.04, 3)
            return plain(Scattering.FROSTED, tint.clip(0, 0.97), ior=1.49, roughness=rng.uniform(0.2, 0.3))
        case Surface.DIFFUSE:
            return _wood(rng) if rng.random() < 0.6 else _cloth(rng)


def _polished_metal(rng: np.random.Generator) -> Finish:
    smears = 1.0 + 0.03 * noise(rng, _SIZE, (4, 4)) + 0.015 * noise(rng, _SIZE, (4, 128), 2)
    colour = rng.uniform(0.72, 0.88) * np.array([1.0, 0.99, 0.97])
    texture = (smears[..., None] * colour).clip(0.0, 0.97).astype(np.float32)
    return Finish(Scattering.BRUSHED, texture, roughness=rng.uniform(0.008, 0.025))


def _glossy_stone(rng: np.random.Generator) -> Finish:
    veins = np.abs(noise(rng, _SIZE, (3, 3), 5)) ** 0.5
    base, vein = rng.uniform(0.006, 0.02), rng.uniform(0.03, 0.07)
    grey = vein + (base - vein) * veins.clip(0, 1)
    texture = (grey[..., None] * rng.uniform(0.9, 1.1, 3)).clip(0.003, 0.2).astype(np.float32)
    return Finish(Scattering.GLAZE, texture, ior=STONE_IOR)


def _wood(rng: np.random.Generator) -> Finish:
    v = np.linspace(0, 1, TEXTURE_PX, endpoint=False)[:, None]
    rings = np.sin(2 * np.pi * (rng.integers(8, 14) * v + 0.9 * noise(rng, _SIZE, (2, 1), 3)))
    fibres = noise(rng, _SIZE, (128, 6), 2)
    light = np.array([0.52, 0.34, 0.19]) * rng.uniform(0.75, 1.2)
    shade = 1.0 + 0.18 * rings + 0.14 * fibres
    return Finish(Scattering.MATTE, (shade[..., None] * light).clip(0.02, 0.9).astype(np.float32))


def _cloth(rng: np.random.Generator) -> Finish:
    y, x = np.mgrid[:TEXTURE_PX, :TEXTURE_PX] * (2 * np.pi * 64 / TEXTURE_PX)
    weave = 0.12 * np.sin(x) * np.sin(y) + 0.08 * noise(rng, _SIZE, (64, 64), 3)
    colour = rng.uniform(0.12, 0.6, 3)
    return Finish(Scattering.MATTE, ((1.0 + weave)[..., None] * colour).clip(0.02, 0.9).astype(np.float32))


def lamps(seed: int) -> tuple[Lamp, ...]:
    """Two lamps above the table, one of them often faint."""
    rng = np.random.default_rng([seed, 2])
    both = []
    for strength in (rng.uniform(4.0, 9.0), rng.uniform(0.3, 4.0)):
        azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 2.0)
        distance, side = rng.uniform(0.3, 1.4), rng.uniform(0.2, 0.5)
        irradiance = strength * np.array([1.0, rng.uniform(0.86, 1.0), rng.uniform(0.7, 1.0)])
        both.append(lamp_over_table(azimuth, distance, height, side, irradiance))
    return tuple(both)


def room(seed: int) -> NDArray[np.float32]:
    """Radiance (128, 256, 3) of the room around, as `ROOM_PX` tells.

    Walls with windows, doors, shelves and pictures give glass something to bend and metal something to mirror.
    """
    rng = np.random.default_rng([seed, 3])
    rows, columns = ROOM_PX
    elevation = (np.pi / 2 - (np.arange(rows) + 0.5) / rows * np.pi)[:, None]
    azimuth = ((np.arange(columns) + 0.5) / columns * 2 * np.pi)[None, :]
    wall = rng.uniform(0.2, 0.55) * rng.uniform(0.85, 1.1, 3)
    image = np.broadcast_to(wall, (rows, columns, 3)).copy()
    image *= (0.75 + 0.35 * np.sin(elevation).clip(-1, 1) + 0.12 * np.cos(azimuth - rng.uniform(0, 6)))[..., None]
    for _ in range(rng.integers(8, 16)):
        low = rng.uniform(-0.4, 0.3)
        left, width, high = rng.uniform(0, columns), rng.uniform(8, 50), low + rng.uniform(0.1, 0.6)
        paint(image, left, width, _rows(low, high), rng.uniform(0.03, 0.9, 3))
    for _ in range(rng.integers(1, 4)):
        sky = rng.uniform(2.0, 6.0) * np.array([0.9, 1.0, 1.1])
        paint(image, rng.uniform(0, columns), rng.uniform(10, 25), _rows(0.05, rng.uniform(0.4, 0.8)), sky)
    ceiling = elevation[:, 0] > rng.uniform(0.7, 0.95)
    image[ceiling] = wall * 0.6 + 0.4
    for _ in range(rng.integers(1, 5)):
        low = rng.uniform(0.95, 1.25)
        left, width, high = rng.uniform(0, columns), rng.uniform(15, 45), low + rng.uniform(0.06, 0.15)
        paint(image, left, width, _rows(low, high), np.full(3, rng.uniform(4, 9)))
    return np.maximum(image, 0.01).astype(np.float32)


def _rows(low_rad: float, high_rad: float) -> slice:
    """A room's rows between two elevations."""
    top, bottom = (int((0.5 - elevation / np.pi) * ROOM_PX[0]) for elevation in (high_rad, low_rad))
    return slice(max(top, 0), bottom)
