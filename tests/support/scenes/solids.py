"""Solids of revolution in a whole picture, looked for only where they can be."""

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.objects.solids.lying_solid import LyingSolid
from perception.objects.solids.upright_solid import UprightSolid

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


def whole_view(solid: LyingSolid | UprightSolid, intrinsics: Intrinsics) -> tuple[Map, Map, Mask]:
    """What `seen` says of all pixels: of those whose rays miss the ball around the solid it need not be asked, which
    are nineteen of twenty."""
    if isinstance(solid, UprightSolid):
        middle_m, half_m = np.append(solid.center_m, solid.height_m / 2), solid.height_m / 2
    else:
        middle_m, half_m = solid.origin_m + solid.axis * solid.along_m.mean(), solid.length_m / 2
    to_middle_m = solid.R @ (middle_m - solid.eye_m)
    rays = intrinsics.rays().astype(float)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    beside_m = np.linalg.norm(np.cross(rays, to_middle_m), axis=-1)
    return solid.seen(beside_m <= np.hypot(half_m, solid.width_m / 2) + 1e-3, intrinsics)
