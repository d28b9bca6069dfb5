"""How matter meets light: one `Finish` for the path tracer's BSDFs and for the stereo's infrared."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware.simulation.scene.scene import Material, Tableware


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


def plain(scattering: Scattering, rgb: ArrayLike, ior: float = 1.5, roughness: float = 0.1) -> Finish:
    """A finish of one colour (linear RGB)."""
    return Finish(scattering, np.asarray(rgb, np.float32).reshape(1, 1, 3), ior, roughness)


#: Roughness of brushed steel, refractive indices of soda-lime glass, of the clear plastics (1.45, as
#: DKT's data uses) and of glaze. Objects draw from these few values only: each is compiled into kernels.
BRUSHED_ROUGHNESS = 0.22
GLASS_IOR = 1.50
PLASTIC_IOR = 1.45
GLAZE_IOR = 1.50


def object_finish(tableware: Tableware) -> Finish:
    """The finish of an object's material and tint."""
    tint = np.clip(np.asarray(tableware.tint, np.float32), 0.02, 1.0)
    match tableware.material:
        case Material.CLEAR_GLASS:
            return plain(Scattering.GLASS, (0.99, 0.995, 0.99), GLASS_IOR)
        case Material.TINTED_GLASS:
            # Two interfaces a wall, so the square root gives the tint to one wall.
            return plain(Scattering.GLASS, np.sqrt(0.3 + 0.7 * tint), GLASS_IOR)
        case Material.CLEAR_PLASTIC:
            return plain(Scattering.GLASS, (0.99, 0.99, 0.99), PLASTIC_IOR)
        case Material.CHROME:
            return plain(Scattering.MIRROR, (0.82, 0.83, 0.84))
        case Material.BRUSHED_STEEL:
            return plain(Scattering.BRUSHED, (0.70, 0.69, 0.67), roughness=BRUSHED_ROUGHNESS)
        case Material.GLAZED_CERAMIC:
            return plain(Scattering.GLAZE, tint, GLAZE_IOR)
        case Material.MATTE:
            return plain(Scattering.MATTE, tint)
