"""Table surfaces of the three kinds, drawn from far wider ranges than the digital cell's."""

import numpy as np
from numpy.random import Generator

from hardware.simulation.scene.materials import Finish, Scattering
from perception.learning.synthesis.patterns import draw_colour, draw_pattern

#: Few values, because each is compiled into kernels.
MIRROR_ROUGHNESSES = (0.01, 0.03, 0.07)
FROSTED_ROUGHNESSES = (0.15, 0.25, 0.4)
VARNISH_IOR = 1.6


def draw_table(rng: Generator, surface: str) -> Finish:
    """What a table of one surface is made of.

    reflective: metal from mirror to satin, or anything under varnish or glass; translucent: frosted
    sheet; diffuse: anything matte.

    Raises:
        ValueError: an unknown surface.
    """
    match surface:
        case "reflective" if rng.random() < 0.5:
            tone = rng.uniform(0.55, 0.92) * np.exp(rng.normal(0, 0.04, 3))
            smears = 1.0 + rng.uniform(0.0, 0.12) * (draw_pattern(rng) - 0.5)
            texture = (smears * tone).clip(0.05, 0.97).astype(np.float32)
            return Finish(Scattering.BRUSHED, texture, roughness=float(rng.choice(MIRROR_ROUGHNESSES)))
        case "reflective":
            return Finish(Scattering.GLAZE, draw_pattern(rng, float(rng.choice([0.05, 0.3, 0.8]))), ior=VARNISH_IOR)
        case "translucent":
            tint = (0.6 + 0.37 * draw_colour(rng, 0.3)) * (1 + 0.04 * (draw_pattern(rng) - 0.5))
            roughness = float(rng.choice(FROSTED_ROUGHNESSES))
            return Finish(Scattering.FROSTED, tint.clip(0.1, 0.97).astype(np.float32), ior=1.49, roughness=roughness)
        case "diffuse":
            return Finish(Scattering.MATTE, draw_pattern(rng))
    raise ValueError(f"unknown surface {surface!r}; known: reflective, translucent, diffuse")
