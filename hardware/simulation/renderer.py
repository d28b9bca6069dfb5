"""Colour pictures of the digital cell: path traced, denoised, exposed. The truth comes beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frame import Intrinsics
from hardware.cell import Cell
from hardware.simulation.path_tracer import PathTracer
from hardware.simulation.projector import DotProjector, beside
from hardware.simulation.raycast import RayCaster, Truth
from hardware.simulation.scene import SceneState
from hardware.simulation.staging import stage_parts
from hardware.simulation.stereo import (
    BASELINE_M,
    PROJECTOR_X_M,
    InfraredPair,
    ambient_intrinsics,
    compose,
    right_intrinsics,
)


@dataclass(frozen=True)
class Rendering:
    """color (H, W, 3) uint8 sRGB and the infrared pair, both before sensor noise; truth is for evaluation only."""

    color: NDArray[np.uint8]
    infrared: InfraredPair
    truth: Truth


def cell_intrinsics(cell: Cell) -> Intrinsics:
    """Intrinsics of the simulated camera: its principal point is the image's centre."""
    mount = cell.camera
    return Intrinsics(
        mount.width, mount.height, mount.focal_px, mount.focal_px, (mount.width - 1) / 2, (mount.height - 1) / 2
    )


class Renderer:
    """Renders `SceneState`s of one cell. One at a time: Mitsuba's state is the process's."""

    def __init__(self, cell: Cell, spp: int = 16) -> None:
        self._cell = cell
        self._spp = spp
        self.intrinsics = cell_intrinsics(cell)

    def render(self, state: SceneState) -> Rendering:
        """One picture, what the stereo's eyes see of the same instant, and the truth."""
        parts = stage_parts(self._cell, state)
        T_world_right = beside(state.T_world_camera, BASELINE_M)
        right = right_intrinsics(self.intrinsics)
        tracer = PathTracer(parts, state.appearance_seed)
        radiance = tracer.radiance(self.intrinsics, state.T_world_camera, self._spp)
        ambient = tracer.radiance(ambient_intrinsics(right), T_world_right, self._spp)
        # Freed before the next scene is built: kernels know how many meshes are alive.
        del tracer
        caster = RayCaster(parts)
        projector = DotProjector(caster, beside(state.T_world_camera, PROJECTOR_X_M))
        dots = (projector.image(self.intrinsics, state.T_world_camera), projector.image(right, T_world_right))
        infrared = compose(radiance, ambient, dots)
        return Rendering(developed(radiance), infrared, caster.truth(self.intrinsics, state.T_world_camera))


def developed(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture as an auto-exposing camera gives it: metered, highlights rolled off, sRGB uint8."""
    luminance = radiance @ np.float32([0.2126, 0.7152, 0.0722])
    metered = np.exp(np.log(luminance + 1e-3).mean())
    exposed = radiance * np.float32(0.22 / metered)
    knee = np.float32(0.6)
    rolled = np.where(exposed > knee, knee + (1 - knee) * (1 - np.exp(-(exposed - knee) / (1 - knee))), exposed)
    srgb = np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled.clip(1e-6) ** (1 / 2.4) - 0.055)
    return (srgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)
