"""Labelled views to learn whole objects from: drawn scenes, seen from close by, with what no camera sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix, apply, invert
from hardware.simulation.rendering.path_tracer import PathTracer
from hardware.simulation.rendering.raycast import RayCaster, tensor
from hardware.simulation.rendering.renderer import develop
from hardware.simulation.scene.scene import PlacedObject, Scene, ScenePart
from perception.depth_types import Plane
from perception.learning.synthesis.clips.camera_path import SHIFT, jumps
from perception.learning.synthesis.clips.shots import clear_view, focus_of
from perception.learning.synthesis.scenes.drawing import Mix, draw_scene

#: Size of a view [px]; the pixels a metre that it has on the table at its middle; views a scene; samples a pixel.
WIDTH, HEIGHT = 256, 192
DENSITY_PX_M = (330.0, 850.0)
VIEWS, SAMPLES = 4, 8
#: A robot's table has more metal, more crockery and more solid things on it than the paper's.
MIX = Mix({"transparent": 0.48, "specular": 0.30, "ordinary": 0.22}, (0.70, 0.08, 0.22))
#: Depth is stored in tenths of a millimetre.
UNIT_M = 1e-4
#: Bits of `View.others`: an arm; its mirror image in the table; what is neither table nor object to learn.
ARM, ARM_IMAGE, NOT_LEARNT = 1, 2, 4
#: From how far behind an object its back is looked at [m].
_FAR_M = 4.0
_CAMERA, _LENS = 1, 2


@dataclass(frozen=True)
class View:
    """One picture with its labels, all (H, W); depths in `UNIT_M`, 0 where there is none.

    color (H, W, 3); depth: the first surface; back: where the ray leaves its object for the last time; ids: the
    object, 0 for none; others: bits ARM, ARM_IMAGE, NOT_LEARNT. optics by object id. sensor, estimate: what a depth
    sensor and an estimator made of it, once they saw it.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    back: NDArray[np.uint16]
    ids: NDArray[np.uint8]
    others: NDArray[np.uint8]
    intrinsics: Intrinsics
    table: Plane
    optics: Mapping[int, str]
    sensor: NDArray[np.uint16] | None = None
    estimate: NDArray[np.uint16] | None = None

    @property
    def depth_m(self) -> NDArray[np.float32]:
        """(H, W) [m], NaN where there is none."""
        return unpack(self.depth)


def pack(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth [m] in `UNIT_M`."""
    return (np.nan_to_num(depth_m) / UNIT_M).clip(0, 65535).round().astype(np.uint16)


def unpack(packed: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Depth [m], NaN where there is none."""
    return np.where(packed > 0, packed * np.float32(UNIT_M), np.nan).astype(np.float32)


def render_views(seed: Sequence[int]) -> Iterator[View]:
    """The views of the scene that a seed draws."""
    scene = draw_scene(seed, mix=MIX)
    focus = focus_of(scene)
    poses = jumps([*seed, _CAMERA], focus, VIEWS)
    scene = clear_view(scene, poses[:, :3, 3])
    parts = scene.parts()
    tracer, labels = PathTracer(parts, scene.room, scene.lamps), _Labels(scene, parts)
    rng = np.random.default_rng([*seed, _LENS])
    for T_world_camera in poses:
        intrinsics = _lens(rng, float(np.linalg.norm(T_world_camera[:3, 3] - focus.centre_m)))
        color = develop(tracer.radiance(intrinsics, T_world_camera, SAMPLES))
        yield labels.view(color, intrinsics, T_world_camera)


def _lens(rng: np.random.Generator, distance_m: float) -> Intrinsics:
    """As of a part of a larger picture, with a drawn number of pixels a metre."""
    focal_px = round(distance_m * float(np.exp(rng.uniform(*np.log(DENSITY_PX_M)))), 3)
    shift = rng.uniform(-2 * SHIFT, 2 * SHIFT, 2)
    cx, cy = (WIDTH - 1) / 2 + shift[0] * WIDTH, (HEIGHT - 1) / 2 + shift[1] * HEIGHT
    return Intrinsics(WIDTH, HEIGHT, focal_px, focal_px, round(float(cx), 3), round(float(cy), 3))


class _Labels:
    """What is true of a scene's pixels."""

    def __init__(self, scene: Scene, parts: Sequence[ScenePart]) -> None:
        self._caster = RayCaster(parts)
        self._names = np.array([part.name for part in parts])
        self._owner = np.zeros(256, np.uint8)
        for placed in scene.objects:
            for id_ in placed.pieces():
                self._owner[id_] = placed.instance_id
        self._solids = {placed.instance_id: _solid(placed) for placed in scene.objects}
        self._optics = {placed.instance_id: placed.item.material.optics for placed in scene.objects}
        arms = [part for part in parts if part.name == "arm"]
        self._mirror_caster = RayCaster([_mirror(part) for part in arms]) if arms else None

    def view(self, color: NDArray[np.uint8], intrinsics: Intrinsics, T_world_camera: Matrix) -> View:
        shape = (intrinsics.height, intrinsics.width)
        R, eye = T_world_camera[:3, :3], T_world_camera[:3, 3]
        rays = intrinsics.rays().reshape(-1, 3) @ R.T.astype(np.float32)
        hits = self._caster.cast(eye, rays)
        seen = hits.part >= 0
        names = np.where(seen, self._names[hits.part], "")
        ids = np.where(seen, np.array([part.instance_id for part in self._caster.parts])[hits.part], 0)
        ids = self._owner[ids]
        others = np.where(names == "arm", ARM, 0)
        others |= np.where(np.char.startswith(names, "book") | (names == "tray"), NOT_LEARNT, 0)
        if self._mirror_caster is not None:
            others |= np.where(self._mirror_caster.cast(eye, rays).part >= 0, ARM_IMAGE, 0)
        depth_m = np.where(seen, hits.distance_m, np.nan).astype(np.float32)
        back_m = depth_m.copy()
        for id_, solid in self._solids.items():
            its = ids == id_
            if its.any():
                back_m[its] = np.fmax(_back(solid, eye, rays[its]), depth_m[its])
        T_camera_world = invert(T_world_camera)
        normal = T_camera_world[:3, 2]
        table = Plane(normal, float(normal @ T_camera_world[:3, 3]))
        optics = {id_: optics for id_, optics in self._optics.items() if (ids == id_).any()}
        return View(
            color,
            pack(depth_m).reshape(shape),
            pack(back_m).reshape(shape),
            ids.reshape(shape),
            others.astype(np.uint8).reshape(shape),
            intrinsics,
            table,
            optics,
        )


def _solid(placed: PlacedObject) -> o3d.t.geometry.RaycastingScene:
    solid = o3d.t.geometry.RaycastingScene()
    for piece in placed.pieces().values():
        vertices = apply(placed.T_world_object, piece.mesh.vertices_m.astype(float)).astype(np.float32)
        solid.add_triangles(tensor(vertices), tensor(piece.mesh.faces.astype(np.uint32)))
    return solid


def _mirror(part: ScenePart) -> ScenePart:
    """A part as it would be seen in a table that is a mirror."""
    flip = np.array([1.0, 1.0, -1.0], np.float32)
    triangles = part.triangles
    return replace(part, triangles=replace(triangles, corners_m=triangles.corners_m * flip))


def _back(solid: o3d.t.geometry.RaycastingScene, eye: NDArray, rays: NDArray) -> NDArray[np.float32]:
    """Depth (N,) of the last surface along rays (N, 3) of depth 1, seen from behind; -inf where there is none."""
    origins = (eye + _FAR_M * rays).astype(np.float32)
    hits = solid.cast_rays(tensor(np.concatenate([origins, -rays.astype(np.float32)], 1)))
    return _FAR_M - hits["t_hit"].numpy()
