"""Colour pictures of the digital cell: path traced, denoised, exposed. The truth comes beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frame import Intrinsics
from hardware.cell import Cell
from hardware.simulation.materials import Scattering, bsdf, plain
from hardware.simulation.projector import DotProjector, beside
from hardware.simulation.raycast import RayCaster, Truth
from hardware.simulation.renderer_backend import mitsuba
from hardware.simulation.renderer_meshes import Triangles
from hardware.simulation.scene import SceneState
from hardware.simulation.staging import FLOOR_Z_M, Part, stage_parts
from hardware.simulation.stereo import BASELINE_M, PROJECTOR_X_M, InfraredPair, compose, right_intrinsics
from hardware.simulation.surroundings import lamps, room
from hardware.transforms import Matrix, transform

MAX_BOUNCES = 14
#: Radiance above this is a firefly of the few samples, not a highlight.
BRIGHTEST = 40.0


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
        tracer = PathTracer(parts, state.appearance_seed)
        eyes = [(self.intrinsics, state.T_world_camera)]
        eyes.append((right_intrinsics(self.intrinsics), beside(state.T_world_camera, BASELINE_M)))
        left, right = (tracer.radiance(*eye, spp) for eye, spp in zip(eyes, (self._spp, self._spp // 2), strict=True))
        caster = RayCaster(parts)
        projector = DotProjector(caster, beside(state.T_world_camera, PROJECTOR_X_M))
        dots = (projector.image(*eyes[0]), projector.image(*eyes[1]))
        truth = caster.truth(self.intrinsics, state.T_world_camera)
        return Rendering(developed(left), compose((left, right), dots), truth)


class PathTracer:
    """A Mitsuba scene of parts, seen by pinhole cameras of the same intrinsics."""

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        mi = mitsuba()
        scene: dict[str, Any] = {"type": "scene", "integrator": _integrator()}
        for i, part in enumerate([*parts, *_palette()]):
            scene[f"part{i:03d}"] = _mesh(part)
        scene["room"] = _room(seed)
        for i, lamp in enumerate(lamps(seed)):
            to_world = lamp.T_world_lamp @ np.diag([lamp.side_m / 2, lamp.side_m / 2, 1.0, 1.0])
            emitter = {"type": "area", "radiance": {"type": "rgb", "value": [float(c) for c in lamp.radiance]}}
            scene[f"lamp{i}"] = {"type": "rectangle", "to_world": mi.ScalarTransform4f(to_world), "emitter": emitter}
        self._scene = mi.load_dict(scene, optimize=False)
        _make_opaque(self._scene)

    def radiance(self, intrinsics: Intrinsics, T_world_camera: Matrix, spp: int) -> NDArray[np.float32]:
        """Denoised linear radiance (H, W, 3)."""
        import pyoidn

        mi = mitsuba()
        sensor = mi.load_dict(_sensor(intrinsics, T_world_camera))
        _make_opaque(sensor)
        image = np.array(mi.render(self._scene, sensor=sensor, spp=spp), np.float32)
        image = np.nan_to_num(image, nan=0.0, posinf=BRIGHTEST)
        color, albedo, normal = (np.ascontiguousarray(image[..., i : i + 3]) for i in (0, 3, 6))
        return pyoidn.denoise(color.clip(0, BRIGHTEST), albedo.clip(0, 1), normal.clip(-1, 1), hdr=True)


def developed(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture as an auto-exposing camera gives it: metered, highlights rolled off, sRGB uint8."""
    luminance = radiance @ np.float32([0.2126, 0.7152, 0.0722])
    metered = np.exp(np.log(luminance + 1e-3).mean())
    exposed = radiance * np.float32(0.22 / metered)
    knee = np.float32(0.6)
    rolled = np.where(exposed > knee, knee + (1 - knee) * (1 - np.exp(-(exposed - knee) / (1 - knee))), exposed)
    srgb = np.where(rolled <= 0.0031308, 12.92 * rolled, 1.055 * rolled.clip(1e-6) ** (1 / 2.4) - 0.055)
    return (srgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _integrator() -> dict[str, Any]:
    path = {"type": "path", "max_depth": MAX_BOUNCES, "rr_depth": 6}
    return {"type": "aov", "aovs": "albedo:albedo,normal:sh_normal", "image": path}


def _sensor(intrinsics: Intrinsics, T_world_camera: Matrix) -> dict[str, Any]:
    """A pinhole camera. Mitsuba's pixel i spans i..i+1 while OpenCV's is centred on i, and its x points left."""
    mi = mitsuba()
    to_world = T_world_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])
    return {
        "type": "perspective",
        "to_world": mi.ScalarTransform4f(to_world),
        "fov_axis": "x",
        "fov": float(np.degrees(2 * np.arctan(intrinsics.width / 2 / intrinsics.fx))),
        "principal_point_offset_x": 0.5 - (intrinsics.cx + 0.5) / intrinsics.width,
        "principal_point_offset_y": 0.5 - (intrinsics.cy + 0.5) / intrinsics.height,
        "near_clip": 0.01,
        "far_clip": 100.0,
        "film": {
            "type": "hdrfilm",
            "width": intrinsics.width,
            "height": intrinsics.height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgb",
            "component_format": "float32",
        },
        "sampler": {"type": "independent"},
    }


def _mesh(part: Part) -> Any:
    mi = mitsuba()
    properties = mi.Properties()
    properties["mesh_bsdf"] = mi.load_dict(bsdf(part.finish, not part.sharp_texture))
    triangles = part.triangles
    count = len(triangles.corners_m)
    mesh = mi.Mesh(part.name, 3 * count, count, properties, has_vertex_normals=True, has_vertex_texcoords=True)
    params = mi.traverse(mesh)
    params["vertex_positions"] = triangles.corners_m.ravel()
    params["vertex_normals"] = triangles.normals.ravel()
    params["vertex_texcoords"] = triangles.uv.ravel()
    params["faces"] = np.arange(3 * count, dtype=np.uint32)
    params.update()
    return mesh


def _palette() -> list[Part]:
    """One hidden triangle of every family, so that every scene compiles to the same kernels."""
    corners = np.float32([[[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]]]) + np.float32([0, 0, FLOOR_Z_M - 1.0])
    hidden = Triangles(
        corners, np.broadcast_to(np.float32([0, 0, 1]), (1, 3, 3)).copy(), np.zeros((1, 3, 2), np.float32)
    )
    kinds = [s for s in Scattering if s is not Scattering.FROSTED]
    return [Part(f"hidden {kind}", hidden, plain(kind, (0.5, 0.5, 0.5))) for kind in kinds]


def _room(seed: int) -> dict[str, Any]:
    mi = mitsuba()
    y_up_to_z_up = transform(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    return {"type": "envmap", "bitmap": mi.Bitmap(room(seed)), "to_world": mi.ScalarTransform4f(y_up_to_z_up)}


def _make_opaque(thing: Any) -> None:
    """Turns literals into buffers, or every new colour, index or pose would be compiled into the kernel."""
    mi = mitsuba()
    if mi.variant() == "scalar_rgb":
        return
    import drjit as dr

    params = mi.traverse(thing)
    for key in params.keys():  # noqa: SIM118 - SceneParameters iterates over pairs
        value = params[key]
        if dr.is_jit_v(value):
            dr.make_opaque(value)
            params[key] = value
    params.update()
