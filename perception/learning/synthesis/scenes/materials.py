"""What drawn objects are made of: the optics that fool a depth sensor, and those that do not."""

from collections.abc import Callable

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


def draw_material(rng: Generator, optics: Optics | None = None) -> Material:
    """A material, of the mix of optics unless one is named."""
    if optics is None:
        optics = list(MIX)[int(rng.choice(len(MIX), p=list(MIX.values())))]
    kinds = _KINDS[optics]
    name, density_kg_m3, draw_finish = kinds[int(rng.integers(len(kinds)))]
    return Material(name, optics, density_kg_m3, draw_finish(rng))


def draw_liquid(rng: Generator) -> Material:
    """Water, something tinted, or an opaque drink."""
    if rng.random() < 0.6:
        return Material("water", "transparent", 1000.0, plain(Scattering.GLASS, (0.99, 0.99, 0.99), WATER_IOR))
    if rng.random() < 0.6:
        return Material("tinted liquid", "transparent", 1000.0, plain(Scattering.GLASS, _tint(rng, 0.25), WATER_IOR))
    return Material("opaque liquid", "ordinary", 1000.0, plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR))


def _clear_glass(rng: Generator) -> Finish:
    clear = rng.uniform(0.96, 0.995) * np.array([1.0, rng.uniform(1.0, 1.005), 1.0])
    return plain(Scattering.GLASS, clear.clip(0, 0.998), GLASS_IOR)


def _clear_plastic(rng: Generator) -> Finish:
    return plain(Scattering.GLASS, [rng.uniform(0.95, 0.995)] * 3, PLASTIC_IOR)


def _tinted_glass(rng: Generator) -> Finish:
    return plain(Scattering.GLASS, _tint(rng, 0.35), GLASS_IOR)


def _mirror(rng: Generator) -> Finish:
    tone = rng.uniform(0.6, 0.9) * np.array([1.0, rng.uniform(0.86, 1.0), rng.uniform(0.65, 1.0)])
    return plain(Scattering.MIRROR, tone)


def _brushed(rng: Generator) -> Finish:
    tone = rng.uniform(0.45, 0.8) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.6, 1.0)])
    return plain(Scattering.BRUSHED, tone, roughness=BRUSHED_ROUGHNESS)


def _glazed(rng: Generator) -> Finish:
    return plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR)


def _matte(rng: Generator) -> Finish:
    return plain(Scattering.MATTE, _colour(rng))


def _tint(rng: Generator, darkest: float) -> NDArray[np.float64]:
    """What one wall lets through of red, green and blue; any hue, a few nearly grey."""
    strength = rng.uniform(0.1, 1.0)
    return np.sqrt(1.0 - strength * (1.0 - rng.uniform(darkest, 1.0, 3)))


def _colour(rng: Generator) -> NDArray[np.float64]:
    """An albedo: grey more often than colourful."""
    grey = rng.uniform(0.03, 0.85)
    return (grey * np.exp(rng.normal(0, rng.choice([0.05, 0.5]), 3))).clip(0.02, 0.88)


_Kind = tuple[str, float, Callable[[Generator], Finish]]
#: Name, density and finish; one that stands twice is drawn twice as often.
_KINDS: dict[Optics, tuple[_Kind, ...]] = {
    "transparent": (
        *(2 * (("clear glass", GLASS, _clear_glass),)),
        *(2 * (("clear plastic", PLASTIC, _clear_plastic),)),
        ("tinted glass", GLASS, _tinted_glass),
    ),
    "specular": (("polished metal", METAL, _mirror), ("brushed metal", METAL, _brushed)),
    "ordinary": (("glazed ceramic", CERAMIC, _glazed), ("matte", WOOD, _matte)),
}
