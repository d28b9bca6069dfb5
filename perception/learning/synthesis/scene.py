"""A synthetic scene at rest: what lies on which table, in what light."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.cell import Tag
from core.transforms import Matrix
from hardware.simulation.rendering.renderer_meshes import smooth
from hardware.simulation.scene.materials import Finish
from hardware.simulation.scene.scene import Mesh
from hardware.simulation.scene.surroundings import Lamp
from hardware.simulation.staging import Part
from perception.learning.synthesis.matter import Optics


@dataclass(frozen=True)
class Piece:
    """What is of one matter, in its thing's frame. family: what a person would sort it under; material: its name."""

    family: str
    material: str
    optics: Optics
    mesh: Mesh
    finish: Finish


@dataclass(frozen=True)
class Thing(Piece):
    """One object in its own frame: z up as it stands, origin at the centre of its foot.

    extras: what belongs to it and is of other matter, as a liquid or a lid.
    """

    mass_kg: float
    extras: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A thing at rest. instance_id (1..255) marks its body in the truth, the ids after it mark its extras."""

    thing: Thing
    T_world_thing: Matrix
    instance_id: int

    def pieces(self) -> dict[int, Piece]:
        """The thing, then its extras, by their ids."""
        return dict(enumerate((self.thing, *self.thing.extras), start=self.instance_id))

    def parts(self) -> list[Part]:
        """The thing and its extras as triangles in the world."""
        parts = []
        for id_, piece in self.pieces().items():
            triangles = smooth(piece.mesh.vertices_m, piece.mesh.faces).placed(self.T_world_thing)
            parts.append(Part(f"object{id_}", triangles, piece.finish, id_))
        return parts


@dataclass(frozen=True)
class SynthScene:
    """World: the table is z = 0, z up, things near the origin.

    backdrop: everything but the things (table, floor, wall, tags, books, a container). room and lamps:
    see `PathTracer`. container: what the things lie in (`tray`), or None on the bare table. tags: those that
    lie on the table, in the world.
    """

    surface: str
    things: tuple[Placed, ...]
    backdrop: tuple[Part, ...]
    room: NDArray[np.float32] = field(repr=False)
    lamps: tuple[Lamp, ...]
    container: str | None = None
    tags: tuple[Tag, ...] = ()

    def parts(self) -> list[Part]:
        """All that a camera could see."""
        return [*self.backdrop, *(part for placed in self.things for part in placed.parts())]

    @property
    def center_m(self) -> NDArray[np.float64]:
        """(3,) The middle of the things, half of their mean height above the table; the origin where there are none."""
        if not self.things:
            return np.zeros(3)
        corners = np.concatenate(
            [p.thing.mesh.vertices_m @ p.T_world_thing[:3, :3].T + p.T_world_thing[:3, 3] for p in self.things]
        )
        return np.array([*(corners[:, :2].min(0) + corners[:, :2].max(0)) / 2, corners[:, 2].mean()])
