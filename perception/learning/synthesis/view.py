"""What a camera sees of a synthetic scene: a path-traced picture with its exact truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix
from hardware.simulation.raycast import RayCaster
from hardware.simulation.rendering.path_tracer import FAMILIES, PathTracer
from hardware.simulation.rendering.renderer import developed, infrared_pair
from hardware.simulation.scene.materials import Scattering, plain
from hardware.simulation.stereo import InfraredPair
from perception.learning.synthesis.matter import WATER_IOR
from perception.learning.synthesis.scene import SynthScene

#: The digital cell's plain finishes, and liquids.
SYNTH_FAMILIES = (*FAMILIES, plain(Scattering.GLASS, (1, 1, 1), WATER_IOR))


@dataclass(frozen=True)
class View:
    """color (H, W, 3) uint8 sRGB without sensor noise; depth_m, normals, instance_ids: see `raycast.Truth`.

    infrared: what a stereo camera's eyes see of the same instant, where it was asked for.
    """

    color: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    instance_ids: NDArray[np.int32]
    infrared: InfraredPair | None = None


class SceneView:
    """One scene, loaded once and seen from anywhere. One at a time: Mitsuba's state is the process's."""

    def __init__(self, scene: SynthScene) -> None:
        parts = scene.parts()
        self._tracer = PathTracer(parts, scene.room, scene.lamps, SYNTH_FAMILIES)
        self._caster = RayCaster(parts)

    def see(self, intrinsics: Intrinsics, T_world_camera: Matrix, spp: int = 16, stereo: bool = False) -> View:
        """One picture with `spp` samples a pixel before denoising; stereo: with the infrared pair."""
        radiance = self._tracer.radiance(intrinsics, T_world_camera, spp)
        infrared = infrared_pair(self._tracer, self._caster, intrinsics, T_world_camera, radiance) if stereo else None
        truth = self._caster.truth(intrinsics, T_world_camera)
        return View(developed(radiance), truth.depth_m, truth.normals, truth.instance_ids, infrared)
