"""Families of tableware and what they are made of; `draw_tableware` draws one object."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from core.errors import ConfigurationError
from hardware.simulation.scene import tableware_solids as solids
from hardware.simulation.scene import tableware_vessels as vessels
from hardware.simulation.scene.scene import Material, Tableware
from hardware.simulation.scene.tableware_mesh import mass_properties
from hardware.simulation.scene.tableware_spoon import spoon
from hardware.simulation.scene.tableware_vessels import Shape

GLASS, TINTED, PLASTIC = Material.CLEAR_GLASS, Material.TINTED_GLASS, Material.CLEAR_PLASTIC
CHROME, STEEL, CERAMIC, MATTE = Material.CHROME, Material.BRUSHED_STEEL, Material.GLAZED_CERAMIC, Material.MATTE

#: Part of random draws that are transparent, specular and ordinary.
MIX = {"transparent": 0.6, "specular": 0.2, "ordinary": 0.2}
MASS_BOUNDS_KG = (0.02, 0.45)


@dataclass(frozen=True)
class Family:
    """One kind of object: how it is drawn, what it is plausibly made of, how often it lies on its side."""

    draw: Callable[[Generator], Shape]
    materials: tuple[Material, ...]
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
    "spoon": Family(spoon, (CHROME, STEEL, PLASTIC, MATTE)),
}

#: kg/m³: soda-lime glass, PET and polystyrene, sheet steel, stoneware, painted wood and board.
DENSITY = {
    GLASS: 2500.0,
    TINTED: 2500.0,
    PLASTIC: 1200.0,
    CHROME: 7850.0,
    STEEL: 7850.0,
    CERAMIC: 2300.0,
    MATTE: 700.0,
}

TINTS = {
    GLASS: ((1.0, 1.0, 1.0), (0.97, 1.0, 0.98)),
    TINTED: ((0.35, 0.62, 0.36), (0.66, 0.42, 0.16), (0.35, 0.52, 0.80), (0.75, 0.45, 0.55), (0.45, 0.45, 0.48)),
    PLASTIC: ((1.0, 1.0, 1.0), (0.93, 0.97, 1.0)),
    CHROME: ((0.95, 0.95, 0.96),),
    STEEL: ((0.78, 0.77, 0.75), (0.80, 0.68, 0.50)),
    CERAMIC: ((0.92, 0.91, 0.88), (0.22, 0.38, 0.62), (0.55, 0.25, 0.20), (0.28, 0.45, 0.36)),
    MATTE: ((0.80, 0.24, 0.18), (0.18, 0.42, 0.70), (0.88, 0.72, 0.20), (0.55, 0.40, 0.26), (0.25, 0.25, 0.27)),
}


def draw_tableware(rng: Generator, family: str | None = None, material: Material | None = None) -> Tableware:
    """Draws one object; the same generator state gives the same object.

    Without a material, 60 % of the draws are transparent, 20 % specular and 20 % ordinary, as far as
    the family allows; without a family, all that come in the material are equally likely.

    Raises:
        ConfigurationError: no such family.
    """
    if family is not None and family not in FAMILIES:
        raise ConfigurationError(f"There is no object family '{family}'.", f"Choose one of: {', '.join(FAMILIES)}.")
    if material is None:
        material = _draw_material(rng, FAMILIES[family].materials if family else tuple(Material))
    if family is None:
        family = str(rng.choice([name for name, kind in FAMILIES.items() if material in kind.materials]))
    shape = FAMILIES[family].draw(rng)
    tint = np.array(TINTS[material][rng.integers(len(TINTS[material]))]) * rng.uniform(0.94, 1.0, 3)
    red, green, blue = (float(channel) for channel in tint)
    return Tableware(
        family=family,
        material=material,
        tint=(red, green, blue),
        mesh=shape.mesh,
        collision=shape.collision,
        mass_kg=_mass_kg(shape, material),
        parameters={name: float(value) for name, value in shape.parameters.items()},
    )


def _draw_material(rng: Generator, allowed: tuple[Material, ...]) -> Material:
    """Draws a material by the mix of classes, then evenly within the class."""
    classes = {kind: [m for m in allowed if _class_of(m) == kind] for kind in MIX}
    present = [kind for kind, members in classes.items() if members]
    weights = np.array([MIX[kind] for kind in present])
    members = classes[str(rng.choice(present, p=weights / weights.sum()))]
    return members[int(rng.integers(len(members)))]


def _class_of(material: Material) -> str:
    if material.is_transparent:
        return "transparent"
    return "specular" if material.is_specular else "ordinary"


def _mass_kg(shape: Shape, material: Material) -> float:
    volume = mass_properties(shape.mesh)[0]
    fill = shape.metal_fill if material.is_specular else 1.0
    return float(np.clip(volume * DENSITY[material] * shape.solidity * fill, *MASS_BOUNDS_KG))
