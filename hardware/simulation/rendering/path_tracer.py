"""Mitsuba's view of a scene: a fixed set of meshes whose contents change, so that kernels compile once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix, transform
from hardware.simulation.rendering.backend import mitsuba
from hardware.simulation.scene.light import Lamp
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
from hardware.simulation.scene.scene import ScenePart
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
        scene: dict[str, Any] = {"type": "scene", "room": _room(room)}
        for i, family in enumerate(FAMILIES):
            scene[f"family{i}"] = _family_mesh(family, [p for p in parts if _family(p.finish) is family])
        for i, part in enumerate(p for p in parts if _family(p.finish) is None):
            texture = _bitmap(part.finish.texture, smooth=part.name != "tags")
            scene[f"part{i}"] = _mesh(part.triangles, _bsdf(part.finish, texture))
        for i, lamp in enumerate(lamps):
            scene[f"lamp{i}"] = _lamp(lamp)
        # Without its guard, loading merges meshes and with them what the kernels see.
        self._scene = mi.load_dict(scene, optimize=False)

    def radiance(
        self, intrinsics: Intrinsics, T_world_camera: Matrix, spp: int, quality: str = "high"
    ) -> NDArray[np.float32]:
        """Denoised linear RGB radiance (H, W, 3); quality is the denoiser's: `high` or, in half the time, `fast`."""
        import pyoidn

        sensor = mitsuba().load_dict(_sensor(intrinsics, T_world_camera))
        passes = [self._trace(sensor, seed, min(SAMPLES_PER_PASS, spp)) for seed in range(-(-spp // SAMPLES_PER_PASS))]
        traced = self._guides(sensor)
        noisy = np.nan_to_num(np.mean(passes, axis=0), nan=0.0, posinf=BRIGHTEST).clip(0, BRIGHTEST)
        albedo, normal = (np.ascontiguousarray(traced[..., i : i + 3]) for i in (0, 3))
        guides = (albedo.clip(0, 1), normal.clip(-1, 1))
        return np.asarray(pyoidn.denoise(np.ascontiguousarray(noisy), *guides, hdr=True, quality=quality))

    def _trace(self, sensor: Any, seed: int, spp: int) -> NDArray[np.float32]:
        mi = mitsuba()
        paths = mi.load_dict({"type": "path", "max_depth": MAX_BOUNCES, "rr_depth": ROULETTE_FROM})
        return np.array(mi.render(self._scene, sensor=sensor, integrator=paths, spp=spp, seed=seed), np.float32)

    def _guides(self, sensor: Any) -> NDArray[np.float32]:
        """Albedo and shading normals (H, W, 6); in one integrator with the paths they double the cost."""
        mi = mitsuba()
        guides = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
        image = mi.render(self._scene, sensor=sensor, integrator=guides, spp=GUIDE_SAMPLES)
        return np.nan_to_num(np.array(image, np.float32)[..., -6:])


def _family(finish: Finish) -> Finish | None:
    """The plain family of a finish, or None for one with a texture or values of its own."""
    if finish.texture.shape[:2] != (1, 1):
        return None
    for family in FAMILIES:
        if (finish.scattering, finish.ior, finish.roughness) == (family.scattering, family.ior, family.roughness):
            return family
    return None


def _family_mesh(family: Finish, parts: Sequence[ScenePart]) -> Any:
    """All parts of a family as one mesh whose texture is the palette of their colours."""
    # Never empty: one rectangle lies hidden under the floor.
    meshes = [rectangle((0.01, 0.01)).at(transform(translation_m=(0, 0, HIDDEN_Z_M)))]
    meshes += [part.triangles for part in parts]
    colours = np.full((1, PALETTE * (len(parts) // PALETTE + 1), 3), 0.5, np.float32)
    for i, part in enumerate(parts):
        colours[0, i + 1] = part.finish.mean_rgb
    painted = []
    for i, mesh in enumerate(meshes):
        uv = np.broadcast_to(np.array([(i + 0.5) / colours.shape[1], 0.5], np.float32), mesh.uv.shape)
        painted.append(Triangles(mesh.corners_m, mesh.normals, uv))
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
    match finish.scattering:
        case Scattering.GLASS:
            return {"type": "dielectric", "int_ior": finish.ior, "ext_ior": 1.0, "specular_transmittance": colour}
        case Scattering.MIRROR:
            return _twosided({"type": "conductor", "material": "none", "specular_reflectance": colour})
        case Scattering.BRUSHED:
            rough = {"type": "roughconductor", "material": "none", "alpha": finish.roughness, "distribution": "ggx"}
            return _twosided(rough | {"specular_reflectance": colour})
        case Scattering.GLAZE:
            glaze = {"type": "plastic", "int_ior": finish.ior, "nonlinear": True, "diffuse_reflectance": colour}
            return _twosided(glaze)
        case Scattering.MATTE:
            return _twosided({"type": "diffuse", "reflectance": colour})
        case Scattering.FROSTED:
            sheet = {"type": "principledthin", "base_color": colour, "roughness": finish.roughness, "eta": finish.ior}
            return sheet | {"spec_trans": 0.7, "diff_trans": 1.0}


def _twosided(bsdf: dict[str, Any]) -> dict[str, Any]:
    return {"type": "twosided", "bsdf": bsdf}


def _bitmap(texture: NDArray[np.float32], smooth: bool) -> dict[str, Any]:
    bitmap = mitsuba().Bitmap(np.ascontiguousarray(texture))
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "filter_type": "bilinear" if smooth else "nearest"}


def _lamp(lamp: Lamp) -> Any:
    """A lamp as a mesh: the rectangle plugin would compile its place into the kernels."""
    emitter = {"type": "area", "radiance": {"type": "rgb", "value": [float(c) for c in lamp.radiance]}}
    triangles = rectangle((lamp.side_m, lamp.side_m)).at(lamp.T_world_lamp)
    return _mesh(triangles, {"type": "diffuse"}, emitter)


def _room(radiance: NDArray[np.float32]) -> dict[str, Any]:
    mi = mitsuba()
    y_up_to_z_up = transform(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    return {"type": "envmap", "bitmap": mi.Bitmap(radiance), "to_world": mi.ScalarTransform4f(y_up_to_z_up)}


def _sensor(intrinsics: Intrinsics, T_world_camera: Matrix) -> dict[str, Any]:
    """A pinhole camera. Mitsuba's pixel i spans i..i+1 where OpenCV's is centred on i; its x points left."""
    mi = mitsuba()
    width, height = intrinsics.width, intrinsics.height
    return {
        "type": "perspective",
        "to_world": mi.ScalarTransform4f(T_world_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])),
        "fov_axis": "x",
        "fov": float(np.degrees(2 * np.arctan(width / 2 / intrinsics.fx))),
        "principal_point_offset_x": 0.5 - (intrinsics.cx + 0.5) / width,
        "principal_point_offset_y": 0.5 - (intrinsics.cy + 0.5) / height,
        "near_clip": 0.01,
        "far_clip": 100.0,
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgb",
            "component_format": "float32",
        },
        "sampler": {"type": "independent"},
    }
