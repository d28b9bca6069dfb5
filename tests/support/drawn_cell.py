"""A cell drawn by homographies: tags on a grey table with exact depth, where the renderer is not needed."""

import cv2
import numpy as np

from core.cell import Cell, load_cell
from core.cell_parts import PAPER_RATIO, Tag
from core.image import Intrinsics
from core.transforms import invert
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import Plane
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")
_SUPERSAMPLE = 4
_MARKER_PX = 640


def intrinsics_of(cell: Cell) -> Intrinsics:
    camera = cell.camera
    return Intrinsics(
        camera.width, camera.height, camera.focal_px, camera.focal_px, camera.width / 2 - 0.5, camera.height / 2 - 0.5
    )


def with_tags(cell: Cell, tags: tuple[Tag, ...]) -> Cell:
    return cell.model_copy(update={"tags": tags})


def table_plane(T_camera_world: np.ndarray) -> Plane:
    normal = T_camera_world[:3, 2]
    return Plane(normal, float(normal @ T_camera_world[:3, 3]))


def draw_frame(cell: Cell, T_world_camera: np.ndarray | None = None, noise: float = 2.0, seed: int = 0) -> RgbdFrame:
    """The cell's tags on a grey table, with perfect table depth everywhere."""
    T_camera_world = invert(cell.camera.T_world_camera if T_world_camera is None else T_world_camera)
    intrinsics = intrinsics_of(cell)
    s = _SUPERSAMPLE
    canvas = np.full((intrinsics.height * s, intrinsics.width * s), 120, np.uint8)
    for tag in cell.tags:
        _draw_tag(canvas, tag, intrinsics, T_camera_world)
    grey = cv2.resize(canvas, (intrinsics.width, intrinsics.height), interpolation=cv2.INTER_AREA).astype(float)
    grey += np.random.default_rng(seed).normal(0, noise, grey.shape)
    color = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)
    depth_m = table_plane(T_camera_world).depth(intrinsics.rays())
    return RgbdFrame(color, depth_m, intrinsics, cell.camera.serial, 1, 0.0, "drawn")


def _draw_tag(canvas: np.ndarray, tag: Tag, intrinsics: Intrinsics, T_camera_world: np.ndarray) -> None:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(dictionary, tag.id, _MARKER_PX)
    border = round(_MARKER_PX * (PAPER_RATIO - 1) / 2)
    paper = cv2.copyMakeBorder(marker, *[border] * 4, cv2.BORDER_CONSTANT, value=255)
    # Paper pixel (u, v, 1) -> tag metres (x right, y up), from the outer edge at -0.5 px.
    m_per_px = tag.size_m / _MARKER_PX
    half = (paper.shape[0] - 1) / 2
    tag_from_paper = np.array([[m_per_px, 0, -half * m_per_px], [0, -m_per_px, half * m_per_px], [0, 0, 1]])
    T = T_camera_world @ tag.T_world_tag
    s = _SUPERSAMPLE
    fine = np.array([[s, 0, (s - 1) / 2], [0, s, (s - 1) / 2], [0, 0, 1]])
    H = fine @ intrinsics.matrix @ T[:3, [0, 1, 3]] @ tag_from_paper
    size = canvas.shape[::-1]
    cover = cv2.warpPerspective(np.full_like(paper, 255), H, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpPerspective(paper, H, size, flags=cv2.INTER_AREA)
    canvas[cover > 127] = warped[cover > 127]
