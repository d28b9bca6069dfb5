"""A camera that draws the cell in a tenth of a second: tags by homography, depth by exact rays, no light and no glass.

For what asks how the rest of the cell behaves, not how glass looks: fault benches and tests.
"""

from collections.abc import Callable
from functools import lru_cache

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
        self._depth_m, part = rays.depth_and_part(self.intrinsics, state.T_world_camera)
        color = draw_tags(self.cell, state.T_world_camera, seed=self._number)
        if self.draws_arms:
            color = draw_arms(color, rays, part, self.intrinsics, state.T_world_camera)
        return self._frame(color, self._depth_m)

    def _frame(self, color: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> RgbdFrame:
        return RgbdFrame(
            color=color,
            depth_m=depth_m,
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


def draw_arms(
    color: NDArray[np.uint8], rays: RayCaster, part: NDArray[np.int32], k: Intrinsics, T_world_camera: Matrix
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the scene's arms in it, each in its colour and lit from above. part (H, W): as the rays
    have it."""
    shades = np.array([one.finish.texture.mean() if one.name.startswith("robot") else np.nan for one in rays.parts])
    is_arm = np.isfinite(shades)[part] & (part >= 0)
    directions = k.rays()[is_arm] @ T_world_camera[:3, :3].T.astype(np.float32)
    hits = rays.cast(T_world_camera[:3, 3], directions)
    lit = shades[part[is_arm]] * (0.6 + 0.4 * np.abs(hits.normals[:, 2]))
    drawn = color.copy()
    drawn[is_arm] = (255 * lit ** (1 / 2.2)).astype(np.uint8)[:, None]
    return drawn


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
    paper = _paper(cv2.aruco.DICT_APRILTAG_36h11, tag.id)
    # Paper pixel (u, v, 1) -> tag metres (x right, y up), from the outer edge at -0.5 px.
    m_per_px = tag.size_m / _MARKER_PX
    half = (paper.shape[0] - 1) / 2
    tag_from_paper = np.array([[m_per_px, 0, -half * m_per_px], [0, -m_per_px, half * m_per_px], [0, 0, 1]])
    T, s = T_camera_world @ tag.T_world_tag, _SUPERSAMPLE
    fine = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
    H = fine @ k.matrix @ T[:3, [0, 1, 3]] @ tag_from_paper
    window = _window(H, paper.shape[0], canvas.shape)
    part = canvas[window]
    if not part.size:
        return
    H = np.array([[1, 0, -window[1].start], [0, 1, -window[0].start], [0, 0, 1]]) @ H
    size = (part.shape[1], part.shape[0])
    cover = cv2.warpPerspective(np.full_like(paper, 255), H, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpPerspective(paper, H, size, flags=cv2.INTER_AREA)
    part[cover > 127] = warped[cover > 127]


@lru_cache(maxsize=64)
def _paper(family: int, tag_id: int) -> NDArray[np.uint8]:
    """A printed tag with its white border."""
    marker = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(family), tag_id, _MARKER_PX)
    border = round(_MARKER_PX * (PAPER_RATIO - 1) / 2)
    paper = cv2.copyMakeBorder(marker, border, border, border, border, cv2.BORDER_CONSTANT, value=(255.0,))
    return np.asarray(paper)


def _window(H: NDArray[np.float64], side_px: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a canvas that a square paper can cover; all of them where it reaches behind the camera."""
    corners = np.array([[u, v, 1.0] for u in (-1, side_px) for v in (-1, side_px)]) @ H.T
    if corners[:, 2].min() <= 0:
        return slice(0, shape[0]), slice(0, shape[1])
    pixels, size = corners[:, :2] / corners[:, 2:], np.array(shape[1::-1])
    left, top = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, size).astype(int)
    return slice(top, bottom), slice(left, right)
