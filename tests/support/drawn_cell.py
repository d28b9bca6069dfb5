"""A cell drawn by homographies: tags on a grey table with exact depth, where the renderer is not needed."""

from functools import cache

import numpy as np

from calibration.looks.shown_pose import shown_poses
from core.cell import Cell, load_cell
from core.cell_parts import Tag
from core.transforms import invert
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.drawn_camera import draw_tags
from hardware.simulation.sim_camera import cell_intrinsics as intrinsics_of
from perception.depth_types import Plane
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")


@cache
def poses_of(arm: str) -> tuple[np.ndarray, ...]:
    """Where an arm of this cell shows itself."""
    return shown_poses(CELL, arm, intrinsics_of(CELL), invert(CELL.camera.T_world_camera))


def with_tags(cell: Cell, tags: tuple[Tag, ...]) -> Cell:
    return cell.model_copy(update={"tags": tags})


def table_plane(T_camera_world: np.ndarray) -> Plane:
    normal = T_camera_world[:3, 2]
    return Plane(normal, float(normal @ T_camera_world[:3, 3]))


def draw_frame(cell: Cell, T_world_camera: np.ndarray | None = None, noise: float = 2.0, seed: int = 0) -> RgbdFrame:
    """The cell's tags on a grey table, with perfect table depth everywhere."""
    T_world_camera = cell.camera.T_world_camera if T_world_camera is None else T_world_camera
    intrinsics = intrinsics_of(cell)
    depth_m = table_plane(invert(T_world_camera)).depth(intrinsics.rays())
    color = draw_tags(cell, T_world_camera, noise, seed)
    return RgbdFrame(color, depth_m, intrinsics, cell.camera.serial, 1, 0.0, "drawn")
