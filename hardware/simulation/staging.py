"""From a `SceneState` and its `Cell` to textured triangles: everything a camera could see, in the world."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.cell import Bin, Cell, Tag
from core.transforms import transform
from hardware.simulation.rendering.renderer_meshes import Triangles, box, joined, primitive, rectangle, smooth
from hardware.simulation.scene.materials import Finish, Scattering, object_finish, plain
from hardware.simulation.scene.scene import RobotShape, SceneState
from hardware.simulation.scene.surfaces import table_finish

TABLE_THICKNESS_M = 0.03
FLOOR_Z_M = -0.75
#: Tags are printed on paper that lies this far above the table.
TAG_LIFT_M = 2e-4
#: A tag36h11 is 8 modules of black square inside a white border of one module.
TAG_MODULES = 10


@dataclass(frozen=True)
class Part:
    """One thing in the world. instance_id is 0 for whatever is not a tableware object."""

    name: str
    triangles: Triangles
    finish: Finish
    instance_id: int = 0


def stage_parts(cell: Cell, state: SceneState) -> list[Part]:
    """The parts of a scene: table, floor, tags and bin of the cell, then robot and objects."""
    seed = state.appearance_seed
    parts = [_table(cell, state.surface, seed), _frame(cell), _floor(seed)]
    if cell.tags:
        parts.append(tag_papers(cell.tags))
    parts.append(Part("bin", _open_box(cell.bin), plain(Scattering.MATTE, (0.10, 0.16, 0.30))))
    parts += _robot(state.robot)
    for placed in state.objects:
        mesh = placed.tableware.mesh
        triangles = smooth(mesh.vertices_m, mesh.faces).placed(placed.T_world_object)
        finish = object_finish(placed.tableware)
        parts.append(Part(f"object{placed.instance_id}", triangles, finish, placed.instance_id))
    return parts


def _table(cell: Cell, surface: str, seed: int) -> Part:
    half = (cell.table.size_m[0] / 2, cell.table.size_m[1] / 2, TABLE_THICKNESS_M / 2)
    finish = _table_finish(surface, seed)
    if finish.scattering is Scattering.FROSTED:
        triangles = rectangle(cell.table.size_m, uv_span=cell.table.size_m)
    else:
        triangles = box(half, uv_per_m=1.0).placed(transform(translation_m=(0, 0, -half[2])))
    return Part("table", triangles, finish)


def _frame(cell: Cell) -> Part:
    """Legs and cross-beams that carry the table: seen through frosted acrylic."""
    x, y = cell.table.size_m
    height = -FLOOR_Z_M - TABLE_THICKNESS_M
    pieces = [((0.0, side * 0.3 * y, -0.08), (0.46 * x, 0.025, 0.02)) for side in (-1, 1)]
    pieces += [((end * 0.25 * x, 0.0, -0.08), (0.025, 0.46 * y, 0.02)) for end in (-1, 1)]
    corners = [(0.44 * x * end, 0.44 * y * side) for end in (-1, 1) for side in (-1, 1)]
    pieces += [((*corner, -TABLE_THICKNESS_M - height / 2), (0.025, 0.025, height / 2)) for corner in corners]
    boxes = [box(half).placed(transform(translation_m=at)) for at, half in pieces]
    return Part("frame", joined(boxes), plain(Scattering.MATTE, (0.06, 0.06, 0.07)))


@lru_cache(maxsize=4)
def _table_finish(surface: str, seed: int) -> Finish:
    return table_finish(surface, seed)


def _floor(seed: int) -> Part:
    grey = np.random.default_rng([seed, 4]).uniform(0.12, 0.45) * np.array([1.0, 0.97, 0.92])
    floor = rectangle((8.0, 8.0)).placed(transform(translation_m=(0, 0, FLOOR_Z_M)))
    return Part("floor", floor, plain(Scattering.MATTE, grey))


def tag_papers(tags: tuple[Tag, ...]) -> Part:
    """All tags as one mesh whose texture holds them side by side."""
    papers = []
    for i, tag in enumerate(tags):
        side = tag.size_m * TAG_MODULES / (TAG_MODULES - 2)
        paper = rectangle((side, side)).placed(tag.T_world_tag @ transform(translation_m=(0, 0, TAG_LIFT_M)))
        uv = paper.uv.copy()
        uv[..., 0] = (uv[..., 0] + i) / len(tags)
        papers.append(Triangles(paper.corners_m, paper.normals, uv))
    texture = np.concatenate([_tag_texture(tag.id) for tag in tags], axis=1)
    return Part("tags", joined(papers), Finish(Scattering.MATTE, texture))


@lru_cache(maxsize=64)
def _tag_texture(tag_id: int) -> NDArray[np.float32]:
    """Linear albedo of a printed tag with its white border, one texel a module."""
    import cv2

    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(dictionary, tag_id, TAG_MODULES - 2)
    # Row 0 of a texture is at v = 0, the lower edge of the paper.
    printed = np.pad(marker, 1, constant_values=255)[::-1].astype(np.float32) / 255
    return np.repeat((0.03 + 0.82 * printed)[..., None], 3, axis=-1)


def _open_box(spec: Bin) -> Triangles:
    return joined([box(half).placed(transform(translation_m=center)) for center, half in spec.slabs])


def _robot(shapes: tuple[RobotShape, ...]) -> list[Part]:
    """The robot's primitives, those of one colour together."""
    by_colour: dict[tuple[float, float, float], list[Triangles]] = {}
    for shape in shapes:
        by_colour.setdefault(shape.rgb, []).append(primitive(shape.shape).placed(shape.T_world_shape))
    return [
        Part(f"robot{i}", joined(meshes), plain(Scattering.MATTE, rgb))
        for i, (rgb, meshes) in enumerate(by_colour.items())
    ]
