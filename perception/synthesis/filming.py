"""Renders clip k of a data set: decided by the settings and k alone, whoever renders it, when and beside what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.frame import Intrinsics
from hardware.simulation.renderer_backend import mitsuba
from hardware.simulation.staging import Part
from hardware.simulation.stereo import sense_depth
from hardware.transforms import transform
from perception.synthesis.clip_files import CLIP, INTRINSICS, as_json
from perception.synthesis.drawing import draw_scene
from perception.synthesis.frame_files import encoded_frame
from perception.synthesis.orbit import Stage, drawn_intrinsics, jumps, orbit
from perception.synthesis.scene import SynthScene, Thing
from perception.synthesis.settings import ANY_SURFACE, SynthSettings
from perception.synthesis.view import SceneView

#: What a clip's seed is continued with for its camera, its lens and its sensor's noise; the scene takes it as it is.
_CAMERA, _LENS, _NOISE = 1, 2, 3
#: Nearer than this to the lens [m] a robot's link would fill the picture.
_LENS_CLEARANCE_M = 0.12
_OUT_OF_SIGHT = transform(translation_m=(0.0, 0.0, -9.0))


def film(settings: SynthSettings, number: int, user_things: Sequence[Thing] = ()) -> Iterator[Mapping[str, bytes]]:
    """The files of clip `number`: first what it is of (clip.json, intrinsics.json), then frame by frame."""
    seed = [settings.seed, number]
    scene = draw_scene(seed, None if settings.surface == ANY_SURFACE else settings.surface, user_things)
    path = orbit if settings.views == "orbit" else jumps
    poses = path([*seed, _CAMERA], _stage(scene), settings.frames)
    scene = cleared(scene, poses[:, :3, 3])
    intrinsics = drawn_intrinsics([*seed, _LENS], settings.width, settings.height)
    yield {
        CLIP: as_json(_facts(settings, number, scene, poses)),
        INTRINSICS: as_json(asdict(intrinsics) | {"serial": "transphy3d"}),
    }
    yield from _frames(scene, intrinsics, poses, settings, [*seed, _NOISE])


def _frames(
    scene: SynthScene,
    intrinsics: Intrinsics,
    poses: NDArray[np.float64],
    settings: SynthSettings,
    noise_seed: Sequence[int],
) -> Iterator[Mapping[str, bytes]]:
    view = SceneView(scene)
    for frame, T_world_camera in enumerate(poses):
        seen = view.see(intrinsics, T_world_camera, settings.spp, settings.sensor)
        sensor_m = None
        if seen.infrared is not None:
            eyes = seen.infrared.exposed(np.random.default_rng([*noise_seed, frame]))
            sensor_m = sense_depth(*eyes, intrinsics)
        yield encoded_frame(frame, seen.color, seen.depth_m, seen.normals, seen.instance_ids, sensor_m)


def cleared(scene: SynthScene, eyes_m: NDArray[np.float64]) -> SynthScene:
    """The scene without a wall that hides it from one of the cameras (F, 3), and without an arm in a lens's way."""
    parts = []
    for part in scene.backdrop:
        if part.name == "wall" and _stands_between(part, eyes_m, scene.center_m):
            # Out of sight but there: a scene with fewer meshes would be compiled anew.
            parts.append(replace(part, triangles=part.triangles.placed(_OUT_OF_SIGHT)))
        elif part.name != "arm" or _clearance_m(part, eyes_m) > _LENS_CLEARANCE_M:
            parts.append(part)
    return replace(scene, backdrop=tuple(parts))


def _stands_between(wall: Part, eyes_m: NDArray[np.float64], centre_m: NDArray[np.float64]) -> bool:
    """Whether a flat wall has a camera behind it, or within reach of the lens."""
    at, normal = wall.triangles.corners_m[0, 0].astype(float), wall.triangles.normals[0, 0].astype(float)
    side = np.sign((centre_m - at) @ normal)
    return bool((side * ((eyes_m - at) @ normal) < _LENS_CLEARANCE_M).any())


def _clearance_m(part: Part, eyes_m: NDArray[np.float64]) -> float:
    corners = part.triangles.corners_m.reshape(-1, 3)
    return float(min(np.linalg.norm(corners - eye, axis=1).min() for eye in eyes_m))


def _stage(scene: SynthScene) -> Stage:
    centre = scene.center_m
    reach_m = 0.0
    for placed in scene.things:
        radius_m = np.linalg.norm(placed.thing.mesh.vertices_m, axis=1).max()
        reach_m = max(reach_m, float(np.linalg.norm(placed.T_world_thing[:3, 3] - centre) + radius_m))
    x, y, z = (float(c) for c in centre)
    return Stage((x, y, z), reach_m, scene.container is not None)


def _facts(settings: SynthSettings, number: int, scene: SynthScene, poses: NDArray[np.float64]) -> dict[str, Any]:
    """What clip.json says, but for the files' hashes."""
    things = [(placed.instance_id, placed.thing) for placed in scene.things]
    return {
        "number": number,
        "seed": settings.seed,
        "views": settings.views,
        "surface": scene.surface,
        "container": scene.container,
        "objects": [
            {"id": id_, "family": thing.family, "material": thing.material, "optics": thing.optics}
            for id_, thing in things
        ],
        "table": {"normal": [0.0, 0.0, 1.0], "offset_m": 0.0},
        "T_world_camera": poses.tolist(),
        "renderer": renderer_line(settings.spp),
    }


def renderer_line(spp: int) -> str:
    """What draws the pictures: the renderer, its variant (CPU or CUDA), the denoiser and their versions."""
    return (
        f"mitsuba {version('mitsuba')} {mitsuba().variant()}, {spp} samples a pixel, "
        f"denoised by Open Image Denoise {version('pyoidn')}"
    )
