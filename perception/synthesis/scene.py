"""A synthetic scene at rest: what lies on which table, in what light."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hardware.cell import Tag
from hardware.simulation.materials import Finish
from hardware.simulation.renderer_meshes import smooth
from hardware.simulation.scene import Mesh
from hardware.simulation.staging import Part
from hardware.simulation.surroundings import Lamp
from hardware.transforms import Matrix
from perception.synthesis.matter import Optics


@dataclass(frozen=True)
class Thing:
    """One object in its own frame: z up as it stands, origin at the centre of its foot.

    extras: what belongs to it and looks otherwise (a liquid, a lid), each a mesh with its finish.
    """

    family: str
    material: str
    optics: Optics
    mesh: Mesh
    finish: Finish
    mass_kg: float
    extras: tuple[tuple[Mesh, Finish], ...] = ()


@dataclass(frozen=True)
class Placed:
    """A thing at rest. instance_id (1..255) marks it in the truth; extras share it."""

    thing: Thing
    T_world_thing: Matrix
    instance_id: int

    def parts(self) -> list[Part]:
        """The thing and its extras as triangles in the world."""
        pieces = ((self.thing.mesh, self.thing.finish), *self.thing.extras)
        return [
            Part(
                f"object{self.instance_id}.{i}",
                smooth(mesh.vertices_m, mesh.faces).placed(self.T_world_thing),
                finish,
                self.instance_id,
            )
            for i, (mesh, finish) in enumerate(pieces)
        ]


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
