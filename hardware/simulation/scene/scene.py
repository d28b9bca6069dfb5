"""What lies in the digital cell at one instant: the meeting point of physics and rendering."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Material(StrEnum):
    """What an object is made of; decides how it looks, how it slips and what it weighs."""

    CLEAR_GLASS = "clear glass"
    TINTED_GLASS = "tinted glass"
    CLEAR_PLASTIC = "clear plastic"
    CHROME = "chrome"
    BRUSHED_STEEL = "brushed steel"
    GLAZED_CERAMIC = "glazed ceramic"
    MATTE = "matte"

    @property
    def is_transparent(self) -> bool:
        return self in (Material.CLEAR_GLASS, Material.TINTED_GLASS, Material.CLEAR_PLASTIC)

    @property
    def is_specular(self) -> bool:
        return self in (Material.CHROME, Material.BRUSHED_STEEL)


@dataclass(frozen=True)
class Mesh:
    """A closed triangle mesh: vertices (V, 3) [m] float32, faces (F, 3) int32, outward winding."""

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Primitive:
    """A collision or robot shape: half sizes for `box`, (radius, half height) for `cylinder` and
    `capsule` (axis z), (radius,) for `sphere`; T_body_shape places it on its body."""

    kind: str
    size_m: tuple[float, ...]
    T_body_shape: NDArray[np.float64]


@dataclass(frozen=True)
class Tableware:
    """One object in its own frame: z up as it stands, origin at the centre of its foot on the table."""

    family: str
    material: Material
    tint: tuple[float, float, float]
    mesh: Mesh
    collision: tuple[Primitive, ...]
    mass_kg: float
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedObject:
    """An object at rest: T_world_object as physics left it. instance_id >= 1 marks it in renders."""

    tableware: Tableware
    T_world_object: NDArray[np.float64]
    instance_id: int


@dataclass(frozen=True)
class RobotShape:
    """One visible primitive of an arm, already in the world."""

    shape: Primitive
    T_world_shape: NDArray[np.float64]
    rgb: tuple[float, float, float]


@dataclass(frozen=True)
class SceneState:
    """Everything a camera can see. appearance_seed draws texture, light and colours of this trial."""

    surface: str
    objects: tuple[PlacedObject, ...]
    robot: tuple[RobotShape, ...]
    T_world_camera: NDArray[np.float64]
    appearance_seed: int
