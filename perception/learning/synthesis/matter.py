"""What things are made of: the optics that fool a depth sensor, and those that do not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hardware.simulation.scene.materials import (
    BRUSHED_ROUGHNESS,
    GLASS_IOR,
    GLAZE_IOR,
    PLASTIC_IOR,
    Finish,
    Scattering,
    plain,
)

Optics = Literal["transparent", "specular", "ordinary"]
#: Refractive index of water at 20 °C.
WATER_IOR = 1.333
#: Share of the optics among the objects of a scene.
MIX: dict[Optics, float] = {"transparent": 0.70, "specular": 0.13, "ordinary": 0.17}
#: kg/m³: enough to settle plausibly.
DENSITY = {"glass": 2500.0, "plastic": 1200.0, "metal": 7800.0, "ceramic": 2300.0, "matte": 700.0}


@dataclass(frozen=True)
class Matter:
    """name is written into a clip's list of objects; stuff is a key of DENSITY."""

    name: str
    optics: Optics
    stuff: str
    finish: Finish


def draw_matter(rng: Generator, optics: Optics | None = None) -> Matter:
    """A material, of the mix of optics unless one is named."""
    if optics is None:
        kinds = list(MIX)
        optics = kinds[int(rng.choice(len(kinds), p=list(MIX.values())))]
    choices = {"transparent": _TRANSPARENT, "specular": _SPECULAR, "ordinary": _ORDINARY}[optics]
    return choices[int(rng.integers(len(choices)))](rng)


def draw_liquid(rng: Generator) -> Matter:
    """Water, something tinted, or an opaque drink."""
    if rng.random() < 0.6:
        return Matter("water", "transparent", "glass", plain(Scattering.GLASS, (0.99, 0.99, 0.99), WATER_IOR))
    if rng.random() < 0.6:
        return Matter("tinted liquid", "transparent", "glass", plain(Scattering.GLASS, _tint(rng, 0.25), WATER_IOR))
    return Matter("opaque liquid", "ordinary", "matte", plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR))


def _clear_glass(rng: Generator) -> Matter:
    clear = rng.uniform(0.96, 0.995) * np.array([1.0, rng.uniform(1.0, 1.005), 1.0])
    return Matter("clear glass", "transparent", "glass", plain(Scattering.GLASS, clear.clip(0, 0.998), GLASS_IOR))


def _tinted_glass(rng: Generator) -> Matter:
    return Matter("tinted glass", "transparent", "glass", plain(Scattering.GLASS, _tint(rng, 0.35), GLASS_IOR))


def _clear_plastic(rng: Generator) -> Matter:
    return Matter(
        "clear plastic", "transparent", "plastic", plain(Scattering.GLASS, [rng.uniform(0.95, 0.995)] * 3, PLASTIC_IOR)
    )


def _mirror(rng: Generator) -> Matter:
    tone = rng.uniform(0.6, 0.9) * np.array([1.0, rng.uniform(0.86, 1.0), rng.uniform(0.65, 1.0)])
    return Matter("polished metal", "specular", "metal", plain(Scattering.MIRROR, tone))


def _brushed(rng: Generator) -> Matter:
    tone = rng.uniform(0.45, 0.8) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.6, 1.0)])
    return Matter("brushed metal", "specular", "metal", plain(Scattering.BRUSHED, tone, roughness=BRUSHED_ROUGHNESS))


def _glazed(rng: Generator) -> Matter:
    return Matter("glazed ceramic", "ordinary", "ceramic", plain(Scattering.GLAZE, _colour(rng), GLAZE_IOR))


def _matte(rng: Generator) -> Matter:
    return Matter("matte", "ordinary", "matte", plain(Scattering.MATTE, _colour(rng)))


def _tint(rng: Generator, darkest: float) -> NDArray[np.float64]:
    """What one wall lets through of red, green and blue; any hue, a few nearly grey."""
    strength = rng.uniform(0.1, 1.0)
    return np.sqrt(1.0 - strength * (1.0 - rng.uniform(darkest, 1.0, 3)))


def _colour(rng: Generator) -> NDArray[np.float64]:
    """An albedo: grey more often than colourful."""
    grey = rng.uniform(0.03, 0.85)
    return (grey * np.exp(rng.normal(0, rng.choice([0.05, 0.5]), 3))).clip(0.02, 0.88)


_Draw = Callable[[Generator], Matter]
_TRANSPARENT: tuple[_Draw, ...] = (_clear_glass, _clear_glass, _clear_plastic, _clear_plastic, _tinted_glass)
_SPECULAR: tuple[_Draw, ...] = (_mirror, _brushed)
_ORDINARY: tuple[_Draw, ...] = (_glazed, _matte)
