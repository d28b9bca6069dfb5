"""What clip k shows and from where: its scene, its camera and the places that this looks from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from core.surfaces import SURFACES
from core.transforms import look_at
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.scene.scene import Scene, SceneObject
from perception.learning.synthesis.clips.camera_path import (
    FRAMES_A_TURN,
    Focus,
    draw_intrinsics,
    jumps,
    narrowness,
    orbit,
)
from perception.learning.synthesis.clips.settings import ANY_SURFACE, SynthSettings
from perception.learning.synthesis.scenes.backdrop import HIDDEN
from perception.learning.synthesis.scenes.drawing import draw_scene

#: What a clip's seed is continued with for its camera and its lens; the scene takes it as it is.
_CAMERA, _LENS = 1, 2
#: Nearer than this to the lens [m] a robot's link would fill the picture.
_LENS_CLEARANCE_M = 0.12
#: Objects of a cell's scene at the most.
_CELL_OBJECTS = 5
#: A cell's camera stands this much nearer or farther than the cell says, and about so far off its place and aim [m].
NEARER_FARTHER, OFF_PLACE_M, OFF_AIM_M = (0.85, 1.25), 0.05, 0.03


@dataclass(frozen=True)
class Shot:
    """T_world_cameras (F, 4, 4): where the camera is in each frame of the clip."""

    scene: Scene
    intrinsics: Intrinsics
    T_world_cameras: NDArray[np.float64]


def draw_shot(
    settings: SynthSettings, number: int, user_objects: Sequence[SceneObject] = (), cell: Cell | None = None
) -> Shot:
    """What the settings and a clip's number draw; cell: the one whose scenes are asked for, if any are.

    Raises:
        ConfigurationError: the cell has no room for objects.
    """
    seed = [settings.seed, number]
    width, height = settings.width, settings.height
    surface = None if settings.surface == ANY_SURFACE else settings.surface
    if cell is not None:
        # The cell's camera at another picture size, its principal point in the middle.
        focal_px = round(cell.camera.focal_px * width / cell.camera.width, 3)
        pinhole = Intrinsics(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
        views = _draw_cell_views([*seed, _CAMERA], cell, settings.frames)
        return Shot(_draw_cell_scene(seed, cell, surface), pinhole, views)
    scene = draw_scene(seed, surface, user_objects)
    pinhole = draw_intrinsics([*seed, _LENS], width, height, settings.zoom)
    if settings.views == "orbit":
        # The scene is cleared for a whole turn, so that a shorter clip is the start of a longer one.
        poses = orbit([*seed, _CAMERA], focus_of(scene), max(settings.frames, FRAMES_A_TURN))
    else:
        poses = jumps([*seed, _CAMERA], focus_of(scene), settings.frames, narrowness(pinhole))
    return Shot(clear_view(scene, poses[:, :3, 3]), pinhole, poses[: settings.frames])


def clear_view(scene: Scene, eyes_m: NDArray[np.float64]) -> Scene:
    """The scene without a wall that hides it from one of the cameras (F, 3), and without an arm in a lens's way."""
    parts = []
    for part in scene.backdrop:
        corners = part.triangles.corners_m.reshape(-1, 3)
        if part.name == "wall":
            at, normal = corners[0].astype(float), part.triangles.normals[0, 0].astype(float)
            side = np.sign((scene.center_m - at) @ normal)
            if (side * ((eyes_m - at) @ normal) < _LENS_CLEARANCE_M).any():
                # Out of sight but there: a scene with fewer meshes would be compiled anew.
                part = part.at(HIDDEN)
        if part.name != "arm" or min(np.linalg.norm(corners - eye, axis=1).min() for eye in eyes_m) > _LENS_CLEARANCE_M:
            parts.append(part)
    return replace(scene, backdrop=tuple(parts))


def focus_of(scene: Scene) -> Focus:
    centre, reach_m = scene.center_m, 0.0
    for placed in scene.objects:
        radius_m = np.linalg.norm(placed.item.mesh.vertices_m, axis=1).max()
        reach_m = max(reach_m, float(np.linalg.norm(placed.T_world_object[:3, 3] - centre) + radius_m))
    return Focus(tuple(centre.tolist()), reach_m, scene.container is not None)


def _draw_cell_scene(seed: Sequence[int], cell: Cell, surface: str | None = None) -> Scene:
    """One to five objects settled on the cell's table, tags and parked arms included.

    Raises:
        ConfigurationError: a workspace too small for the objects.
    """
    rng = np.random.default_rng(list(seed))
    drawn = SURFACES[int(rng.integers(len(SURFACES)))]
    surface = surface or drawn
    physics = CellPhysics(cell)
    placed = stage(physics, rng, int(rng.integers(1, _CELL_OBJECTS + 1)), surface)
    appearance = int(rng.integers(1 << 30))
    state = CellState(surface, placed, physics.robot_shapes(), cell.camera.T_world_camera, appearance)
    return cell_scene(cell, state)


def _draw_cell_views(seed: Sequence[int], cell: Cell, frames: int) -> NDArray[np.float64]:
    """T_world_camera (F, 4, 4): one drawn place near the cell's camera for the whole clip, as that one stands still."""
    rng = np.random.default_rng(list(seed))
    eye = np.array(cell.camera.position_m) * rng.uniform(*NEARER_FARTHER) + rng.normal(0, OFF_PLACE_M, 3)
    target = np.array(cell.camera.target_m) + rng.normal(0, OFF_AIM_M, 3) * [1, 1, 0]
    return np.repeat(np.round(look_at(eye, target), 9)[None], frames, axis=0)
