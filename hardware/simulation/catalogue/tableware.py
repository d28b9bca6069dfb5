"""The digital cell's catalogue: families of tableware and what they are made of; `draw_tableware` draws one object.

What is trained on drawn scenes (`perception.learning.synthesis.scenes`) has never seen these families, materials
and tints, nor the tables, rooms and lamps of `cell_scene`, and can be measured on them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from core.errors import ConfigurationError
from hardware.simulation.catalogue import solids, vessels
from hardware.simulation.scene.materials import (
    BRUSHED_ROUGHNESS,
    GLASS_IOR,
    GLAZE_IOR,
    PLASTIC_IOR,
    Finish,
    Material,
    Optics,
    Scattering,
    plain,
)
from hardware.simulation.scene.meshes import Shape, mass_properties
from hardware.simulation.scene.scene import SceneObject

#: ScenePart of random draws that are transparent, specular and ordinary.
MIX: dict[Optics, float] = {"transparent": 0.6, "specular": 0.2, "ordinary": 0.2}
MASS_BOUNDS_KG = (0.02, 0.45)

GLASS, TINTED, PLASTIC = "clear glass", "tinted glass", "clear plastic"
CHROME, STEEL, CERAMIC, MATTE = "chrome", "brushed steel", "glazed ceramic", "matte"


@dataclass(frozen=True)
class MaterialFamily:
    """What a material has whatever its tint, and the finish that one gives it."""

    optics: Optics
    density_kg_m3: float
    friction: float
    finish: Callable[[NDArray[np.float32]], Finish]


def _glass(rgb: ArrayLike, ior: float) -> Finish:
    return plain(Scattering.GLASS, rgb, ior)


STEEL_FINISH = plain(Scattering.BRUSHED, (0.70, 0.69, 0.67), roughness=BRUSHED_ROUGHNESS)
#: kg/m³ of soda-lime glass, PET and polystyrene, sheet steel, stoneware, painted wood and board.
MATERIALS = {
    GLASS: MaterialFamily("transparent", 2500.0, 0.45, lambda _: _glass((0.99, 0.995, 0.99), GLASS_IOR)),
    # Two interfaces a wall, so the square root gives the tint to one wall.
    TINTED: MaterialFamily("transparent", 2500.0, 0.45, lambda tint: _glass(np.sqrt(0.3 + 0.7 * tint), GLASS_IOR)),
    PLASTIC: MaterialFamily("transparent", 1200.0, 0.50, lambda _: _glass((0.99, 0.99, 0.99), PLASTIC_IOR)),
    CHROME: MaterialFamily("specular", 7850.0, 0.40, lambda _: plain(Scattering.MIRROR, (0.82, 0.83, 0.84))),
    STEEL: MaterialFamily("specular", 7850.0, 0.40, lambda _: STEEL_FINISH),
    CERAMIC: MaterialFamily("ordinary", 2300.0, 0.50, lambda tint: plain(Scattering.GLAZE, tint, GLAZE_IOR)),
    MATTE: MaterialFamily("ordinary", 700.0, 0.70, lambda tint: plain(Scattering.MATTE, tint)),
}
#: The tints that each comes in.
TINTS = {
    GLASS: ((1.0, 1.0, 1.0), (0.97, 1.0, 0.98)),
    TINTED: ((0.35, 0.62, 0.36), (0.66, 0.42, 0.16), (0.35, 0.52, 0.80), (0.75, 0.45, 0.55), (0.45, 0.45, 0.48)),
    PLASTIC: ((1.0, 1.0, 1.0), (0.93, 0.97, 1.0)),
    CHROME: ((0.95, 0.95, 0.96),),
    STEEL: ((0.78, 0.77, 0.75), (0.80, 0.68, 0.50)),
    CERAMIC: ((0.92, 0.91, 0.88), (0.22, 0.38, 0.62), (0.55, 0.25, 0.20), (0.28, 0.45, 0.36)),
    MATTE: ((0.80, 0.24, 0.18), (0.18, 0.42, 0.70), (0.88, 0.72, 0.20), (0.55, 0.40, 0.26), (0.25, 0.25, 0.27)),
}


@dataclass(frozen=True)
class Family:
    """One kind of object: how it is drawn, what it is plausibly made of, how often it lies on its side."""

    draw: Callable[[Generator], Shape]
    materials: tuple[str, ...]
    lying: float = 0.0


FAMILIES = {
    "tumbler": Family(vessels.tumbler, (GLASS, TINTED, PLASTIC, STEEL, MATTE), 0.15),
    "wine glass": Family(vessels.wine_glass, (GLASS, TINTED, PLASTIC)),
    "bottle": Family(vessels.bottle, (GLASS, TINTED, PLASTIC, STEEL, MATTE), 0.15),
    "jar": Family(vessels.jar, (GLASS, TINTED, PLASTIC, CERAMIC), 0.15),
    "bowl": Family(vessels.bowl, (GLASS, TINTED, PLASTIC, STEEL, CERAMIC, MATTE)),
    "mug": Family(vessels.mug, (GLASS, CERAMIC, STEEL, MATTE)),
    "flask": Family(vessels.flask, (GLASS, TINTED, PLASTIC)),
    "can": Family(solids.can, (CHROME, STEEL, MATTE), 0.15),
    "box": Family(solids.box, (PLASTIC, CHROME, STEEL, MATTE)),
    "ball": Family(solids.ball, (GLASS, TINTED, CHROME, MATTE)),
    "shaker": Family(solids.shaker, (GLASS, PLASTIC, CHROME, STEEL, CERAMIC), 0.15),
    "spoon": Family(solids.spoon, (CHROME, STEEL, PLASTIC, MATTE)),
}


def material_of(name: str, tint: ArrayLike) -> Material:
    """One of MATERIALS in a tint (linear RGB), which clear glass and bare metal do not show."""
    kind = MATERIALS[name]
    finish = kind.finish(np.clip(np.asarray(tint, np.float32), 0.02, 1.0))
    return Material(name, kind.optics, kind.density_kg_m3, finish, kind.friction)


def draw_tableware(rng: Generator, family: str | None = None, material: str | None = None) -> SceneObject:
    """Draws one object; the same generator state gives the same object.

    Without a material, 60 % of the draws are transparent, 20 % specular and 20 % ordinary, as far as
    the family allows; without a family, all that come in the material are equally likely.

    Raises:
        ConfigurationError: no such family.
    """
    if family is not None and family not in FAMILIES:
        raise ConfigurationError(f"There is no object family '{family}'.", f"Choose one of: {', '.join(FAMILIES)}.")
    if material is None:
        allowed = FAMILIES[family].materials if family else tuple(MATERIALS)
        of_optics = {optics: [name for name in allowed if MATERIALS[name].optics == optics] for optics in MIX}
        present = [optics for optics, names in of_optics.items() if names]
        weights = np.array([MIX[optics] for optics in present])
        names = of_optics[present[int(rng.choice(len(present), p=weights / weights.sum()))]]
        material = names[int(rng.integers(len(names)))]
    if family is None:
        family = str(rng.choice([name for name, kind in FAMILIES.items() if material in kind.materials]))
    shape = FAMILIES[family].draw(rng)
    tints = TINTS[material]
    made_of = material_of(material, np.array(tints[rng.integers(len(tints))]) * rng.uniform(0.94, 1.0, 3))
    fill = shape.metal_fill if made_of.optics == "specular" else 1.0
    mass_kg = mass_properties(shape.mesh)[0] * made_of.density_kg_m3 * shape.solidity * fill
    sizes = {name: float(value) for name, value in shape.parameters.items()}
    mass_kg = float(np.clip(mass_kg, *MASS_BOUNDS_KG))
    return SceneObject(family, made_of, shape.mesh, mass_kg, collision=shape.collision, parameters=sizes)
