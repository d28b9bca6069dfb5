"""A scene at rest: what lies on which table among what, and in what light. Whoever drew it, the renderer takes it."""

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.cell_parts import Tag
from core.transforms import Matrix, apply, look_at, transform
from hardware.simulation.scene.materials import Finish, Material, Scattering
from hardware.simulation.scene.meshes import Mesh, Primitive
from hardware.simulation.scene.triangles import Triangles, box, join_triangles, rectangle, smooth

TABLE_THICKNESS_M = 0.03
#: Lays on its side what stands: y comes up.
ON_SIDE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
#: Tags are printed on paper that lies this far above the table.
TAG_LIFT_M = 2e-4
#: A tag36h11 is 8 modules of black square inside a white border of one module.
TAG_MODULES = 10
#: A room's radiance by latitude (row 0 is straight up) and longitude: coarse enough to sample quickly; mirrors
#: show it a little out of focus.
ROOM_PX = (128, 256)


@dataclass(frozen=True)
class Piece:
    """What is of one material, in its object's frame. family: what a person would sort it under."""

    family: str
    material: Material
    mesh: Mesh

    @cached_property
    def triangles(self) -> Triangles:
        """Its shaded mesh, the same in every frame."""
        return smooth(self.mesh.vertices_m, self.mesh.faces)


@dataclass(frozen=True)
class SceneObject(Piece):
    """One object in its own frame: z up as it stands, origin at the centre of its foot on the table.

    contents: what belongs to it and is of another material, as a liquid or a lid; collision: what MuJoCo meets of
    it in the cell; parameters: sizes by name [m].
    """

    mass_kg: float
    contents: tuple[Piece, ...] = ()
    collision: tuple[Primitive, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScenePart:
    """Textured triangles in the world. instance_id is 0 for whatever is no object."""

    name: str
    triangles: Triangles
    finish: Finish
    instance_id: int = 0

    def at(self, T_a_b: Matrix) -> "ScenePart":
        """The same part of frame b in frame a."""
        return replace(self, triangles=self.triangles.at(T_a_b))


@dataclass(frozen=True)
class PlacedObject:
    """An object at rest. instance_id (1..255) marks its body in the truth, the ids after it mark its contents."""

    item: SceneObject
    T_world_object: NDArray[np.float64]
    instance_id: int

    def pieces(self) -> dict[int, Piece]:
        """The object, then its contents, by their ids."""
        return dict(enumerate((self.item, *self.item.contents), start=self.instance_id))

    def parts(self) -> list[ScenePart]:
        """The object and its contents as triangles in the world."""
        parts = []
        for id_, piece in self.pieces().items():
            triangles = piece.triangles.at(self.T_world_object)
            parts.append(ScenePart(f"object{id_}", triangles, piece.material.finish, id_))
        return parts


@dataclass(frozen=True)
class RobotShape:
    """One visible primitive of an arm, already in the world."""

    shape: Primitive
    T_world_shape: NDArray[np.float64]
    rgb: tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A square lamp: it shines along its own +z."""

    T_world_lamp: Matrix
    side_m: float
    radiance: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """World: the table is z = 0, z up, objects near the origin.

    backdrop: everything but the objects (table, floor, wall, tags, a container). room and lamps: see `PathTracer`.
    container: what the objects lie in (`tray`), or None on the bare table. tags: those that lie on the table, in
    the world.
    """

    surface: str
    objects: tuple[PlacedObject, ...]
    backdrop: tuple[ScenePart, ...]
    room: NDArray[np.float32] = field(repr=False)
    lamps: tuple[Lamp, ...]
    container: str | None = None
    tags: tuple[Tag, ...] = ()

    def parts(self) -> list[ScenePart]:
        """All that a camera could see."""
        return [*self.backdrop, *(part for placed in self.objects for part in placed.parts())]

    @property
    def center_m(self) -> NDArray[np.float64]:
        """(3,) The middle of the objects, half of their mean height above the table; else the origin."""
        if not self.objects:
            return np.zeros(3)
        corners = np.concatenate([apply(one.T_world_object, one.item.mesh.vertices_m) for one in self.objects])
        return np.array([*(corners[:, :2].min(0) + corners[:, :2].max(0)) / 2, corners[:, 2].mean()])


def table_top(size_m: ArrayLike, finish: Finish, repeats_per_m: float = 1.0) -> ScenePart:
    """A slab, or a sheet where it is frosted, below z = 0 around the origin."""
    x, y = np.asarray(size_m, float).tolist()
    if finish.scattering is Scattering.FROSTED:
        return ScenePart("table", rectangle((x, y), uv_span=(x * repeats_per_m, y * repeats_per_m)), finish)
    half = (x / 2, y / 2, TABLE_THICKNESS_M / 2)
    return ScenePart("table", box(half, repeats_per_m).at(transform(translation_m=(0, 0, -half[2]))), finish)


def tag_papers(tags: tuple[Tag, ...]) -> ScenePart:
    """All tags as one mesh whose texture holds them side by side."""
    papers = []
    for i, tag in enumerate(tags):
        side = tag.size_m * TAG_MODULES / (TAG_MODULES - 2)
        paper = rectangle((side, side)).at(tag.T_world_tag @ transform(translation_m=(0, 0, TAG_LIFT_M)))
        uv = paper.uv.copy()
        uv[..., 0] = (uv[..., 0] + i) / len(tags)
        papers.append(Triangles(paper.corners_m, paper.normals, uv))
    texture = np.concatenate([_tag_texture(tag.id) for tag in tags], axis=1)
    return ScenePart("tags", join_triangles(papers), Finish(Scattering.MATTE, texture))


@lru_cache(maxsize=64)
def _tag_texture(tag_id: int) -> NDArray[np.float32]:
    """Linear albedo of a printed tag with its white border, one texel a module."""
    import cv2

    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(dictionary, tag_id, TAG_MODULES - 2)
    # Row 0 of a texture is at v = 0, the lower edge of the paper.
    printed = np.pad(marker, 1, constant_values=255)[::-1].astype(np.float32) / 255
    return np.repeat((0.03 + 0.82 * printed)[..., None], 3, axis=-1)


def lamp_over_table(
    azimuth_rad: float, distance_m: float, height_m: float, side_m: float, irradiance: NDArray[np.float64]
) -> Lamp:
    """A lamp that faces the table's centre and brings it this linear RGB irradiance (3,).

    Args:
        distance_m: from the table's centre, along the table.
    """
    eye_m = (distance_m * np.cos(azimuth_rad), distance_m * np.sin(azimuth_rad), height_m)
    radiance = irradiance * (distance_m**2 + height_m**2) / side_m**2
    return Lamp(look_at(eye_m, (0.0, 0.0, 0.0), up=(0.1, 1.0, 0.2)), side_m, radiance)


def paint(room: NDArray, left: float, width: float, rows: slice, rgb: NDArray) -> None:
    """Paints a rectangle of a room, columns wrapping round."""
    room[rows, np.arange(int(left), int(left + width)) % room.shape[1]] = rgb
