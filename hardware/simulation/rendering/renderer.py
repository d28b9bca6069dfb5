"""What cameras see of a scene: colour, path traced, denoised and exposed; the stereo's eyes; and the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix
from hardware.simulation.projector import DotProjector, beside
from hardware.simulation.rendering.path_tracer import PathTracer
from hardware.simulation.rendering.raycast import RayCaster, Truth
from hardware.simulation.scene.scene import Scene
from hardware.simulation.stereo import (
    BASELINE_M,
    PROJECTOR_X_M,
    InfraredPair,
    ambient_intrinsics,
    compose,
    right_intrinsics,
)

#: Samples of the right eye's ambient light, at a quarter of the pixels.
AMBIENT_SAMPLES = 8
#: Exposure: the geometric mean goes to middle grey, unless that would burn out more than 1.5 % of the picture.
MIDDLE_GREY = 0.20
#: The lamp's own image in a mirror may burn out: nothing is darkened further than to this share.
NEAR_WHITE = 0.75
DARKEST = 0.45
#: A camera's own sharpening: without it gamma alone moves the edges of black on white by 0.2 px.
SHARPENING = 0.7
SHARPENING_PX = 0.8
#: Linear level above which highlights roll off.
KNEE = 0.6
#: Rec. 709 weights of linear red, green and blue.
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Rendering:
    """color (H, W, 3) uint8 sRGB and the infrared pair, where it was asked for, both before sensor noise; truth is
    for evaluation only."""

    color: NDArray[np.uint8]
    truth: Truth
    infrared: InfraredPair | None = None


class Renderer:
    """One scene, loaded once and seen from anywhere. One at a time: Mitsuba's state is the process's.

    Let go of it before the next scene is loaded: kernels know how many meshes are alive.
    """

    def __init__(self, scene: Scene) -> None:
        parts = scene.parts()
        self._tracer = PathTracer(parts, scene.room, scene.lamps)
        self._caster = RayCaster(parts)

    def render(self, intrinsics: Intrinsics, T_world_camera: Matrix, spp: int = 16, stereo: bool = False) -> Rendering:
        """One picture.

        Args:
            spp: samples a pixel before denoising.
            stereo: with what the stereo's eyes see of the same instant; the left one coincides with the camera.
        """
        radiance = self._tracer.radiance(intrinsics, T_world_camera, spp)
        infrared = None
        if stereo:
            T_world_right, right = beside(T_world_camera, BASELINE_M), right_intrinsics(intrinsics)
            ambient = self._tracer.radiance(ambient_intrinsics(right), T_world_right, AMBIENT_SAMPLES, quality="fast")
            projector = DotProjector(self._caster, beside(T_world_camera, PROJECTOR_X_M))
            dots = (projector.image(intrinsics, T_world_camera), projector.image(right, T_world_right))
            infrared = compose(radiance, ambient, dots)
        return Rendering(develop(radiance), self._caster.truth(intrinsics, T_world_camera), infrared)


def develop(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture as an auto-exposing camera gives it: metered, sharpened, highlights rolled off, sRGB uint8."""
    import cv2

    luminance = radiance @ LUMINANCE
    grey = float(np.exp(np.log(luminance + 1e-3).mean()))
    bright = max(float(np.percentile(luminance, 98.5)), 1e-6)
    gain = MIDDLE_GREY / grey
    exposed = radiance * np.float32(max(min(gain, NEAR_WHITE / bright), DARKEST * gain))
    exposed = np.maximum(exposed + SHARPENING * (exposed - cv2.GaussianBlur(exposed, (0, 0), SHARPENING_PX)), 0.0)
    rolled = np.where(exposed > KNEE, KNEE + (1 - KNEE) * (1 - np.exp(-(exposed - KNEE) / (1 - KNEE))), exposed)
    srgb = np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled.clip(1e-6) ** (1 / 2.4) - 0.055)
    return np.asarray(srgb.clip(0, 1) * 255 + 0.5, np.uint8)
