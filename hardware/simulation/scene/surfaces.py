"""The three table surfaces, drawn from a seed: mirror-like, frosted and plain."""

import numpy as np
from numpy.typing import NDArray

from hardware.simulation.scene.materials import Finish, Scattering, plain

TEXTURE_PX = 512
#: Polished and waxed stone; one value, because it is compiled into kernels.
STONE_IOR = 1.7


def table_finish(surface: str, seed: int) -> Finish:
    """What a table of this surface is made of in this trial.

    reflective: polished metal or glossy stone; translucent: frosted acrylic; diffuse: wood or cloth.

    Raises:
        ValueError: an unknown surface.
    """
    rng = np.random.default_rng([seed, 1])
    match surface:
        case "reflective":
            return _polished_metal(rng) if rng.random() < 0.6 else _glossy_stone(rng)
        case "translucent":
            tint = np.array([0.86, 0.90, 0.92]) * rng.uniform(0.92, 1.04, 3)
            return plain(Scattering.FROSTED, tint.clip(0, 0.97), ior=1.49, roughness=rng.uniform(0.2, 0.3))
        case "diffuse":
            return _wood(rng) if rng.random() < 0.6 else _cloth(rng)
    raise ValueError(f"unknown surface {surface!r}; known: reflective, translucent, diffuse")


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int = 4) -> NDArray:
    """Smooth periodic noise (h, w) in about -1..1: octaves of random grids, halved and refined each time."""
    total, weight = np.zeros(shape), 1.0
    for octave in range(octaves):
        rows, columns = min(cells[0] << octave, shape[0]), min(cells[1] << octave, shape[1])
        total += weight * _stretched(rng.uniform(-1, 1, (rows, columns)), shape)
        weight *= 0.5
    return total


def _stretched(grid: NDArray, shape: tuple[int, int]) -> NDArray:
    """Periodic smoothstep interpolation of a coarse grid."""
    for axis in (0, 1):
        at = np.arange(shape[axis]) * grid.shape[axis] / shape[axis]
        low = np.floor(at).astype(int)
        t = (at - low) ** 2 * (3 - 2 * (at - low))
        t = t[:, None] if axis == 0 else t[None, :]
        grid = np.take(grid, low, axis) * (1 - t) + np.take(grid, (low + 1) % grid.shape[axis], axis) * t
    return grid


def _polished_metal(rng: np.random.Generator) -> Finish:
    size = (TEXTURE_PX, TEXTURE_PX)
    smears = 1.0 + 0.03 * noise(rng, size, (4, 4)) + 0.015 * noise(rng, size, (4, 128), 2)
    colour = rng.uniform(0.72, 0.88) * np.array([1.0, 0.99, 0.97])
    texture = (smears[..., None] * colour).clip(0.0, 0.97).astype(np.float32)
    return Finish(Scattering.BRUSHED, texture, roughness=rng.uniform(0.008, 0.025))


def _glossy_stone(rng: np.random.Generator) -> Finish:
    size = (TEXTURE_PX, TEXTURE_PX)
    veins = np.abs(noise(rng, size, (3, 3), 5)) ** 0.5
    base, vein = rng.uniform(0.006, 0.02), rng.uniform(0.03, 0.07)
    grey = vein + (base - vein) * veins.clip(0, 1)
    texture = (grey[..., None] * rng.uniform(0.9, 1.1, 3)).clip(0.003, 0.2).astype(np.float32)
    return Finish(Scattering.GLAZE, texture, ior=STONE_IOR)


def _wood(rng: np.random.Generator) -> Finish:
    size = (TEXTURE_PX, TEXTURE_PX)
    v = np.linspace(0, 1, size[0], endpoint=False)[:, None]
    rings = np.sin(2 * np.pi * (rng.integers(8, 14) * v + 0.9 * noise(rng, size, (2, 1), 3)))
    fibres = noise(rng, size, (128, 6), 2)
    light = np.array([0.52, 0.34, 0.19]) * rng.uniform(0.75, 1.2)
    shade = 1.0 + 0.18 * rings + 0.14 * fibres
    return Finish(Scattering.MATTE, (shade[..., None] * light).clip(0.02, 0.9).astype(np.float32))


def _cloth(rng: np.random.Generator) -> Finish:
    size = (TEXTURE_PX, TEXTURE_PX)
    y, x = np.mgrid[: size[0], : size[1]] * (2 * np.pi * 64 / TEXTURE_PX)
    weave = 0.12 * np.sin(x) * np.sin(y) + 0.08 * noise(rng, size, (64, 64), 3)
    colour = rng.uniform(0.12, 0.6, 3)
    return Finish(Scattering.MATTE, ((1.0 + weave)[..., None] * colour).clip(0.02, 0.9).astype(np.float32))
