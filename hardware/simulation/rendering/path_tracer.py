"""Mitsuba's view of a scene: a fixed set of meshes whose contents change, so that kernels compile once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix, transform
from hardware.simulation.rendering.backend import mitsuba
from hardware.simulation.scene.materials import (
    BRUSHED_ROUGHNESS,
    GLASS_IOR,
    GLAZE_IOR,
    PLASTIC_IOR,
    WATER_IOR,
    Finish,
    Scattering,
    plain,
)
from hardware.simulation.scene.scene import Lamp, ScenePart
from hardware.simulation.scene.triangles import Triangles, join_triangles, rectangle

#: Light runs far inside the wall of a glass: with 10 its rim is black.
MAX_BOUNCES = 20
ROULETTE_FROM = 2
#: Samples traced at once: bounds the memory of the wavefront.
SAMPLES_PER_PASS = 8
#: Samples for the denoiser's guides, which are all but free of noise.
GUIDE_SAMPLES = 4
#: Radiance above this is a firefly of the few samples, not a highlight.
BRIGHTEST = 40.0
#: Colours in a family's palette: its size, too, is compiled in.
PALETTE = 32
#: Below every floor.
HIDDEN_Z_M = -1.75
#: The plain families: everything of one colour shares a mesh with its family, coloured by a palette.
FAMILIES = (
    plain(Scattering.GLASS, (1, 1, 1), GLASS_IOR),
    plain(Scattering.GLASS, (1, 1, 1), PLASTIC_IOR),
    plain(Scattering.MIRROR, (1, 1, 1)),
    plain(Scattering.BRUSHED, (1, 1, 1), roughness=BRUSHED_ROUGHNESS),
    plain(Scattering.GLAZE, (1, 1, 1), GLAZE_IOR),
    plain(Scattering.MATTE, (1, 1, 1)),
    plain(Scattering.GLASS, (1, 1, 1), WATER_IOR),
)


class PathTracer:
    """One scene in its light, seen by any pinhole cameras."""

    def __init__(self, parts: Sequence[ScenePart], room: NDArray[np.float32], lamps: Sequence[Lamp]) -> None:
        """room: radiance (h, w, 3) by latitude and longitude."""
        mi = mitsuba()
        y_up_to_z_up = mi.ScalarTransform4f(transform(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])))
        scene: dict[str, Any] = {
            "type": "scene",
            "room": {"type": "envmap", "bitmap": mi.Bitmap(room), "to_world": y_up_to_z_up},
        }
        for i, family in enumerate(FAMILIES):
            scene[f"family{i}"] = _family_mesh(family, [p for p in parts if _family(p.finish) is family])
        for i, part in enumerate(p for p in parts if _family(p.finish) is None):
            texture = _bitmap(part.finish.texture, smooth=part.name != "tags")
            scene[f"part{i}"] = _mesh(part.triangles, _bsdf(part.finish, texture))
        for i, lamp in enumerate(lamps):
            # A mesh: the rectangle plugin would compile the lamp's place into the kernels.
            square = rectangle((lamp.side_m, lamp.side_m)).at(lamp.T_world_lamp)
            radiance = {"type": "rgb", "value": [float(c) for c in lamp.radiance]}
            scene[f"lamp{i}"] = _mesh(square, {"type": "diffuse"}, {"type": "area", "radiance": radiance})
        # Without its guard, loading merges meshes and with them what the kernels see.
        self._scene = mi.load_dict(scene, optimize=False)

    def radiance(
        self, intrinsics: Intrinsics, T_world_camera: Matrix, spp: int, quality: str = "high"
    ) -> NDArray[np.float32]:
        """Denoised linear RGB radiance (H, W, 3); quality is the denoiser's: `high` or, in half the time, `fast`."""
        import pyoidn

        mi = mitsuba()
        sensor = mi.load_dict(_sensor(intrinsics, T_world_camera))
        paths = mi.load_dict({"type": "path", "max_depth": MAX_BOUNCES, "rr_depth": ROULETTE_FROM})
        count = min(SAMPLES_PER_PASS, spp)
        passes = [
            np.array(mi.render(self._scene, sensor=sensor, integrator=paths, spp=count, seed=seed), np.float32)
            for seed in range(-(-spp // SAMPLES_PER_PASS))
        ]
        # Albedo and shading normals, apart from the paths: in one integrator with them they double the cost.
        aovs = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
        image = mi.render(self._scene, sensor=sensor, integrator=aovs, spp=GUIDE_SAMPLES)
        traced = np.nan_to_num(np.array(image, np.float32)[..., -6:])
        noisy = np.nan_to_num(np.mean(passes, axis=0), nan=0.0, posinf=BRIGHTEST).clip(0, BRIGHTEST)
        albedo, normal = (np.ascontiguousarray(traced[..., i : i + 3]) for i in (0, 3))
        guides = (albedo.clip(0, 1), normal.clip(-1, 1))
        return np.asarray(pyoidn.denoise(np.ascontiguousarray(noisy), *guides, hdr=True, quality=quality))


def _family(finish: Finish) -> Finish | None:
    """The plain family of a finish, or None for one with a texture or values of its own."""
    if finish.texture.shape[:2] != (1, 1):
        return None
    look = (finish.scattering, finish.ior, finish.roughness)
    return next((one for one in FAMILIES if (one.scattering, one.ior, one.roughness) == look), None)


def _family_mesh(family: Finish, parts: Sequence[ScenePart]) -> Any:
    """All parts of a family as one mesh whose texture is the palette of their colours."""
    # Never empty: one rectangle lies hidden under the floor.
    meshes = [rectangle((0.01, 0.01)).at(transform(translation_m=(0, 0, HIDDEN_Z_M)))]
    meshes += [part.triangles for part in parts]
    colours = np.full((1, PALETTE * (len(parts) // PALETTE + 1), 3), 0.5, np.float32)
    for i, part in enumerate(parts):
        colours[0, i + 1] = part.finish.mean_rgb
    at = [np.array([(i + 0.5) / colours.shape[1], 0.5], np.float32) for i in range(len(meshes))]
    painted = [replace(mesh, uv=np.broadcast_to(uv, mesh.uv.shape)) for mesh, uv in zip(meshes, at, strict=True)]
    return _mesh(join_triangles(painted), _bsdf(family, _bitmap(colours, smooth=False)))


def _mesh(triangles: Triangles, bsdf: dict[str, Any], emitter: dict[str, Any] | None = None) -> Any:
    mi = mitsuba()
    properties = mi.Properties()
    properties["mesh_bsdf"] = mi.load_dict(bsdf)
    if emitter is not None:
        properties["mesh_emitter"] = mi.load_dict(emitter)
    count = len(triangles.corners_m)
    mesh = mi.Mesh("mesh", 3 * count, count, properties, has_vertex_normals=True, has_vertex_texcoords=True)
    params = mi.traverse(mesh)
    params["vertex_positions"] = triangles.corners_m.ravel()
    params["vertex_normals"] = triangles.normals.ravel()
    params["vertex_texcoords"] = triangles.uv.ravel()
    params["faces"] = np.arange(3 * count, dtype=np.uint32)
    params.update()
    return mesh


def _bsdf(finish: Finish, colour: dict[str, Any]) -> dict[str, Any]:
    """The Mitsuba description of a finish whose colour comes from a texture."""
    if finish.scattering is Scattering.GLASS:
        return {"type": "dielectric", "int_ior": finish.ior, "ext_ior": 1.0, "specular_transmittance": colour}
    if finish.scattering is Scattering.FROSTED:
        sheet = {"type": "principledthin", "base_color": colour, "roughness": finish.roughness, "eta": finish.ior}
        return sheet | {"spec_trans": 0.7, "diff_trans": 1.0}
    rough = {"alpha": finish.roughness, "distribution": "ggx"}
    opaque: dict[Scattering, dict[str, Any]] = {
        Scattering.MIRROR: {"type": "conductor", "material": "none", "specular_reflectance": colour},
        Scattering.BRUSHED: {"type": "roughconductor", "material": "none", "specular_reflectance": colour} | rough,
        Scattering.GLAZE: {"type": "plastic", "int_ior": finish.ior, "nonlinear": True, "diffuse_reflectance": colour},
        Scattering.MATTE: {"type": "diffuse", "reflectance": colour},
    }
    return {"type": "twosided", "bsdf": opaque[finish.scattering]}


def _bitmap(texture: NDArray[np.float32], smooth: bool) -> dict[str, Any]:
    bitmap = mitsuba().Bitmap(np.ascontiguousarray(texture))
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "filter_type": "bilinear" if smooth else "nearest"}


def _sensor(intrinsics: Intrinsics, T_world_camera: Matrix) -> dict[str, Any]:
    """A pinhole camera. Mitsuba's pixel i spans i..i+1 where OpenCV's is centred on i; its x points left."""
    mi = mitsuba()
    width, height = intrinsics.width, intrinsics.height
    float_rgb = {"pixel_format": "rgb", "component_format": "float32"}
    return {
        "type": "perspective",
        "to_world": mi.ScalarTransform4f(T_world_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])),
        "fov_axis": "x",
        "fov": float(np.degrees(2 * np.arctan(width / 2 / intrinsics.fx))),
        "principal_point_offset_x": 0.5 - (intrinsics.cx + 0.5) / width,
        "principal_point_offset_y": 0.5 - (intrinsics.cy + 0.5) / height,
        "near_clip": 0.01,
        "far_clip": 100.0,
        "film": {"type": "hdrfilm", "width": width, "height": height, "rfilter": {"type": "box"}} | float_rgb,
        "sampler": {"type": "independent"},
    }
