"""Scenes of the digital cell itself: its tableware, tables, tags, arms and light, seen from about its camera.

Nothing here takes part in `drawing`: what is trained on drawn scenes has never seen these families,
materials, textures and rooms, and can be measured on them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from core.surfaces import SURFACES
from core.transforms import look_at
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.scene.scene import Scene

MOST_OBJECTS = 5
#: The camera stands this much nearer or farther than the cell's, and about so far off its place and aim [m].
NEARER_FARTHER, OFF_PLACE_M, OFF_AIM_M = (0.85, 1.25), 0.05, 0.03


def draw_cell_scene(seed: Sequence[int], cell: Cell, surface: str | None = None) -> Scene:
    """One to five objects settled on the cell's table, tags and parked arms included.

    Raises:
        ConfigurationError: a workspace too small for the objects.
    """
    rng = np.random.default_rng(list(seed))
    drawn = SURFACES[int(rng.integers(len(SURFACES)))]
    surface = surface or drawn
    physics = CellPhysics(cell)
    placed = stage(physics, rng, int(rng.integers(1, MOST_OBJECTS + 1)), surface)
    appearance = int(rng.integers(1 << 30))
    state = CellState(surface, placed, physics.robot_shapes(), cell.camera.T_world_camera, appearance)
    return cell_scene(cell, state)


def cell_views(seed: Sequence[int], cell: Cell, frames: int) -> NDArray[np.float64]:
    """T_world_camera (F, 4, 4): one drawn place near the cell's camera for the whole clip, as that one stands still."""
    rng = np.random.default_rng(list(seed))
    eye = np.array(cell.camera.position_m) * rng.uniform(*NEARER_FARTHER) + rng.normal(0, OFF_PLACE_M, 3)
    target = np.array(cell.camera.target_m) + rng.normal(0, OFF_AIM_M, 3) * [1, 1, 0]
    T = np.round(look_at((eye[0], eye[1], eye[2]), (target[0], target[1], target[2])), 9)
    return np.repeat(T[None], frames, axis=0)


def cell_pinhole(cell: Cell, width: int, height: int) -> Intrinsics:
    """The cell's camera at another picture size, its principal point in the middle."""
    focal_px = round(cell.camera.focal_px * width / cell.camera.width, 3)
    return Intrinsics(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
