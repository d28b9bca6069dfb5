"""How matter meets light: one `Finish` for the path tracer's BSDFs and for the stereo's infrared."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware.simulation.scene import Material, Tableware


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
    """A surface. texture (h, w, 3) float32 linear RGB, row 0 at v = 1: albedo, or what a mirror reflects
    and a glass interface lets through. ior and roughness mean nothing where the family has none."""

    scattering: Scattering
    texture: NDArray[np.float32]
    ior: float = 1.5
    roughness: float = 0.1

    @property
    def mean_rgb(self) -> list[float]:
        return [float(c) for c in self.texture.mean((0, 1))]


def plain(scattering: Scattering, rgb: ArrayLike, ior: float = 1.5, roughness: float = 0.1) -> Finish:
    """A finish of one colour (linear RGB)."""
    return Finish(scattering, np.asarray(rgb, np.float32).reshape(1, 1, 3), ior, roughness)


def object_finish(tableware: Tableware) -> Finish:
    """The finish of an object's material and tint.

    Indices of refraction: soda-lime glass 1.50, the clear plastics 1.45 (as DKT's data uses).
    """
    tint = np.clip(np.asarray(tableware.tint, np.float32), 0.02, 1.0)
    match tableware.material:
        case Material.CLEAR_GLASS:
            return plain(Scattering.GLASS, (0.99, 0.995, 0.99), ior=1.5)
        case Material.TINTED_GLASS:
            # Two interfaces a wall, so the square root gives the tint to one wall.
            return plain(Scattering.GLASS, np.sqrt(0.3 + 0.7 * tint), ior=1.5)
        case Material.CLEAR_PLASTIC:
            return plain(Scattering.GLASS, (0.99, 0.99, 0.99), ior=1.45)
        case Material.CHROME:
            return plain(Scattering.MIRROR, (0.82, 0.83, 0.84))
        case Material.BRUSHED_STEEL:
            return plain(Scattering.BRUSHED, (0.70, 0.69, 0.67), roughness=0.22)
        case Material.GLAZED_CERAMIC:
            return plain(Scattering.GLAZE, tint)
        case Material.MATTE:
            return plain(Scattering.MATTE, tint)


def bsdf(finish: Finish, smooth_texture: bool = True) -> dict[str, Any]:
    """The Mitsuba description of a finish, always of the same structure within a family: no recompiling."""
    import mitsuba as mi

    texture = {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(finish.texture)),
        "raw": True,
        "filter_type": "bilinear" if smooth_texture else "nearest",
        "wrap_mode": "repeat",
    }
    colour = {"type": "rgb", "value": finish.mean_rgb}
    match finish.scattering:
        case Scattering.GLASS:
            return {"type": "dielectric", "int_ior": finish.ior, "ext_ior": 1.0, "specular_transmittance": colour}
        case Scattering.MIRROR:
            return {
                "type": "twosided",
                "bsdf": {"type": "conductor", "material": "none", "specular_reflectance": colour},
            }
        case Scattering.BRUSHED:
            rough = {"type": "roughconductor", "material": "none", "alpha": finish.roughness, "distribution": "ggx"}
            return {"type": "twosided", "bsdf": rough | {"specular_reflectance": texture}}
        case Scattering.GLAZE:
            glaze = {"type": "plastic", "int_ior": finish.ior, "nonlinear": True, "diffuse_reflectance": texture}
            return {"type": "twosided", "bsdf": glaze}
        case Scattering.MATTE:
            return {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": texture}}
        case Scattering.FROSTED:
            return {
                "type": "principledthin",
                "base_color": texture,
                "roughness": finish.roughness,
                "spec_trans": 0.35,
                "diff_trans": 1.0,
                "eta": finish.ior,
            }
