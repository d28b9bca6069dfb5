"""What drawn objects are made of: the optics that fool a depth sensor, and those that do not."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hardware.simulation.scene.materials import (
    BRUSHED_ROUGHNESS,
    GLASS_IOR,
    GLAZE_IOR,
    PLASTIC_IOR,
    WATER_IOR,
    Finish,
    Material,
    Optics,
    Scattering,
    plain,
)

#: Share of the optics among the objects of a scene.
MIX: dict[Optics, float] = {"transparent": 0.70, "specular": 0.13, "ordinary": 0.17}
#: kg/m³: enough to settle plausibly.
GLASS, PLASTIC, METAL, CERAMIC, WOOD = 2500.0, 1200.0, 7800.0, 2300.0, 700.0
#: Names and densities; one that stands twice is drawn twice as often.
KINDS: dict[Optics, tuple[tuple[str, float], ...]] = {
    "transparent": (*2 * (("clear glass", GLASS),), *2 * (("clear plastic", PLASTIC),), ("tinted glass", GLASS)),
    "specular": (("polished metal", METAL), ("brushed metal", METAL)),
    "ordinary": (("glazed ceramic", CERAMIC), ("matte", WOOD)),
}


def draw_material(rng: Generator, optics: Optics | None = None, mix: Mapping[Optics, float] = MIX) -> Material:
    """A material, of the mix of optics unless one is named."""
    if optics is None:
        optics = list(mix)[int(rng.choice(len(mix), p=list(mix.values())))]
    name, density_kg_m3 = KINDS[optics][int(rng.integers(len(KINDS[optics])))]
    return Material(name, optics, density_kg_m3, _draw_finish(rng, name))


def draw_liquid(rng: Generator) -> Material:
    """Water, something tinted, or an opaque drink."""
    if rng.random() < 0.6:
        return Material("water", "transparent", 1000.0, plain(Scattering.GLASS, (0.99, 0.99, 0.99), WATER_IOR))
    if rng.random() < 0.6:
        return Material("tinted liquid", "transparent", 1000.0, plain(Scattering.GLASS, _tint(rng, 0.25), WATER_IOR))
    return Material("opaque liquid", "ordinary", 1000.0, plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR))


def _draw_finish(rng: Generator, name: str) -> Finish:
    match name:
        case "clear glass":
            clear = rng.uniform(0.96, 0.995) * np.array([1.0, rng.uniform(1.0, 1.005), 1.0])
            return plain(Scattering.GLASS, clear.clip(0, 0.998), GLASS_IOR)
        case "clear plastic":
            return plain(Scattering.GLASS, [rng.uniform(0.95, 0.995)] * 3, PLASTIC_IOR)
        case "tinted glass":
            return plain(Scattering.GLASS, _tint(rng, 0.35), GLASS_IOR)
        case "polished metal":
            return plain(Scattering.MIRROR, _tone(rng, (0.6, 0.9), 0.86, 0.65))
        case "brushed metal":
            return plain(Scattering.BRUSHED, _tone(rng, (0.45, 0.8), 0.85, 0.6), roughness=BRUSHED_ROUGHNESS)
        case "glazed ceramic":
            return plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR)
    return plain(Scattering.MATTE, _colour(rng))


def _tone(rng: Generator, brightness: tuple[float, float], green: float, blue: float) -> NDArray[np.float64]:
    """What a metal reflects: white, or warm down to these shares of green and blue."""
    return rng.uniform(*brightness) * np.array([1.0, rng.uniform(green, 1.0), rng.uniform(blue, 1.0)])


def _tint(rng: Generator, darkest: float) -> NDArray[np.float64]:
    """What one wall lets through of red, green and blue; any hue, a few nearly grey."""
    strength = rng.uniform(0.1, 1.0)
    return np.sqrt(1.0 - strength * (1.0 - rng.uniform(darkest, 1.0, 3)))


def _colour(rng: Generator) -> NDArray[np.float64]:
    """An albedo: grey more often than colourful."""
    grey = rng.uniform(0.03, 0.85)
    return (grey * np.exp(rng.normal(0, rng.choice([0.05, 0.5]), 3))).clip(0.02, 0.88)
