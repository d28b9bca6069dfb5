"""A camera that draws the cell in a tenth of a second: tags by homography, depth by exact rays, no light and no glass.

For what asks how the rest of the cell behaves, not how glass looks: fault benches and tests.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import PAPER_RATIO, Tag
from core.clock import Clock
from core.image import Intrinsics, RgbdImage
from core.transforms import Matrix, invert
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.sim_camera import cell_intrinsics

_SUPERSAMPLE = 4
_MARKER_PX = 640
_TABLE_GREY = 120
#: Grey levels (of 255) of noise.
_NOISE = 2.0


class DrawnCamera(Camera):
    """`SimCamera`'s place without its renderer: every frame is of the cell as it is when read, its depth the truth.

    cell: what it draws; a tag that was moved may be moved here. draws_arms: in plain colours, for what looks for them.
    """

    name = "drawn"
    is_live = True

    def __init__(self, cell: Cell, snapshot: Callable[[], CellState], clock: Clock) -> None:
        self.cell, self._snapshot, self._clock = cell, snapshot, clock
        self.draws_arms = False
        self.intrinsics = cell_intrinsics(cell)
        self._number = 0
        self._depth_m: NDArray[np.float32] = np.zeros((1, 1), np.float32)

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        self._clock.sleep(1.0 / self.cell.camera.fps)
        state = self._snapshot()
        self._number += 1
        rays = RayCaster(cell_scene(self.cell, state).parts())
        self._depth_m = rays.truth(self.intrinsics, state.T_world_camera).depth_m
        color = draw_tags(self.cell, state.T_world_camera, seed=self._number)
        if self.draws_arms:
            color = draw_arms(color, rays, self.intrinsics, state.T_world_camera)
        return RgbdFrame(
            color=color,
            depth_m=self._depth_m,
            intrinsics=self.intrinsics,
            serial=self.cell.camera.serial,
            number=self._number,
            stamp_s=self._clock.now_s(),
            source="drawn",
        )

    def truth(self, image: RgbdImage) -> NDArray[np.float32]:
        """Depth (H, W) [m] of the frame read last."""
        return self._depth_m

    def close(self) -> None:
        pass


def draw_arms(color: NDArray[np.uint8], rays: RayCaster, k: Intrinsics, T_world_camera: Matrix) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the scene's arms in it, each in its colour and lit from above."""
    directions = k.rays().reshape(-1, 3) @ T_world_camera[:3, :3].T.astype(np.float32)
    hits = rays.cast(T_world_camera[:3, 3], directions)
    shades = np.array([part.finish.texture.mean() if part.name.startswith("robot") else np.nan for part in rays.parts])
    lit = np.where(hits.part >= 0, shades[hits.part], np.nan) * (0.6 + 0.4 * np.abs(hits.normals[:, 2]))
    is_arm = np.isfinite(lit).reshape(color.shape[:2])
    grey = np.nan_to_num(255 * lit ** (1 / 2.2)).astype(np.uint8).reshape(color.shape[:2])
    return np.where(is_arm[..., None], grey[..., None], color)


def draw_tags(cell: Cell, T_world_camera: Matrix, noise: float = _NOISE, seed: int = 0) -> NDArray[np.uint8]:
    """Colour (H, W, 3) of the cell's tags on a grey table, as its camera sees them from there."""
    T_camera_world, k, s = invert(T_world_camera), cell_intrinsics(cell), _SUPERSAMPLE
    canvas = np.full((k.height * s, k.width * s), _TABLE_GREY, np.uint8)
    for tag in cell.tags:
        _draw_tag(canvas, tag, k, T_camera_world)
    grey = cv2.resize(canvas, (k.width, k.height), interpolation=cv2.INTER_AREA).astype(float)
    grey += np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)


def _draw_tag(canvas: NDArray[np.uint8], tag: Tag, k: Intrinsics, T_camera_world: Matrix) -> None:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(dictionary, tag.id, _MARKER_PX)
    border = round(_MARKER_PX * (PAPER_RATIO - 1) / 2)
    paper = cv2.copyMakeBorder(marker, border, border, border, border, cv2.BORDER_CONSTANT, value=(255.0,))
    # Paper pixel (u, v, 1) -> tag metres (x right, y up), from the outer edge at -0.5 px.
    m_per_px = tag.size_m / _MARKER_PX
    half = (paper.shape[0] - 1) / 2
    tag_from_paper = np.array([[m_per_px, 0, -half * m_per_px], [0, -m_per_px, half * m_per_px], [0, 0, 1]])
    T, s = T_camera_world @ tag.T_world_tag, _SUPERSAMPLE
    fine = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
    H = fine @ k.matrix @ T[:3, [0, 1, 3]] @ tag_from_paper
    size = (canvas.shape[1], canvas.shape[0])
    cover = cv2.warpPerspective(np.full_like(paper, 255), H, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpPerspective(paper, H, size, flags=cv2.INTER_AREA)
    canvas[cover > 127] = warped[cover > 127]
