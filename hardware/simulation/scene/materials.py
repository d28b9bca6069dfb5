"""What things are made of and how that meets light: for path tracer, the stereo's infrared and physics."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

#: Roughness of brushed steel, refractive indices of soda-lime glass, of the clear plastics (1.45, as
#: DKT's data uses), of glaze and of water at 20 °C. Objects draw from these few values only: each is
#: compiled into kernels.
BRUSHED_ROUGHNESS = 0.22
GLASS_IOR = 1.50
PLASTIC_IOR = 1.45
GLAZE_IOR = 1.50
WATER_IOR = 1.333
#: A drawn texture's side.
TEXTURE_PX = 512

#: What a material is to a depth sensor: the two that fool it, and the others.
Optics = Literal["transparent", "specular", "ordinary"]


class Scattering(StrEnum):
    """The families of surface the renderer knows."""

    GLASS = "glass"
    MIRROR = "mirror"
    BRUSHED = "brushed"
    GLAZE = "glaze"
    MATTE = "matte"
    FROSTED = "frosted"


@dataclass(frozen=True)
class Finish:
    """A surface. texture (h, w, 3) float32 linear RGB, row 0 at v = 0: albedo, or what a mirror reflects
    and a glass interface lets through. ior and roughness mean nothing where the family has none."""

    scattering: Scattering
    texture: NDArray[np.float32]
    ior: float = 1.5
    roughness: float = 0.1

    @cached_property
    def grey(self) -> NDArray[np.float32]:
        """(h, w) mean of the texture's channels: what infrared sees of it."""
        return self.texture @ np.full(3, 1 / 3, np.float32)

    @property
    def mean_rgb(self) -> list[float]:
        return [float(c) for c in self.texture.mean((0, 1))]


@dataclass(frozen=True)
class Material:
    """What an object is made of. friction: sliding, on the rubber of a gripper's pads."""

    name: str
    optics: Optics
    density_kg_m3: float
    finish: Finish
    friction: float = 0.5


def plain(scattering: Scattering, rgb: ArrayLike, ior: float = 1.5, roughness: float = 0.1) -> Finish:
    """A finish of one colour (linear RGB)."""
    return Finish(scattering, np.asarray(rgb, np.float32).reshape(1, 1, 3), ior, roughness)


def noise(rng: Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int = 4) -> NDArray:
    """Smooth periodic noise (h, w) in about -1..1: octaves of random grids, halved and refined each time."""
    total = np.zeros(shape)
    for octave in range(octaves):
        rows, columns = min(cells[0] << octave, shape[0]), min(cells[1] << octave, shape[1])
        grid = rng.uniform(-1, 1, (rows, columns))
        for axis in (0, 1):  # smoothstep between the grid's values
            at = np.arange(shape[axis]) * grid.shape[axis] / shape[axis]
            low = np.floor(at).astype(int)
            t = np.expand_dims((at - low) ** 2 * (3 - 2 * (at - low)), 1 - axis)
            grid = np.take(grid, low, axis) * (1 - t) + np.take(grid, (low + 1) % grid.shape[axis], axis) * t
        total += 0.5**octave * grid
    return total
