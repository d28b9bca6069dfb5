"""Renders clip k of a data set: decided by the settings and k alone, whoever renders it, when and beside what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from core.cell import Cell
from hardware.simulation.rendering.backend import mitsuba
from hardware.simulation.rendering.renderer import Renderer, Rendering
from hardware.simulation.scene.scene import SceneObject
from hardware.simulation.sim_camera import noisy_color
from hardware.simulation.stereo import sense_depth
from perception.learning.synthesis.clips.clip_files import CLIP, INTRINSICS, as_json, encode_frame
from perception.learning.synthesis.clips.settings import SynthSettings
from perception.learning.synthesis.clips.shots import Shot, draw_shot

#: What a clip's seed is continued with for its sensors' noise, before the frame's number; the scene takes it as it is.
_NOISE = 3
#: Colour's noise is drawn apart from depth's, so that a clip with a sensor's depth has the same colour.
_COLOR = 1


def render_clip(
    settings: SynthSettings, number: int, user_objects: Sequence[SceneObject] = (), cell: Cell | None = None
) -> Iterator[Mapping[str, bytes]]:
    """The files of clip `number`: first what it is of (clip.json, intrinsics.json), then frame by frame.

    user_objects: those that the settings' digest of meshes tells of; cell: the one that the settings name.

    Raises:
        ConfigurationError: the cell has no room for objects.
    """
    shot = draw_shot(settings, number, user_objects, cell)
    yield {
        CLIP: as_json(_facts(settings, number, shot)),
        INTRINSICS: as_json(asdict(shot.intrinsics) | {"serial": "transphy3d"}),
    }
    renderer = Renderer(shot.scene)
    seen: Rendering | None = None
    for frame, T_world_camera in enumerate(shot.T_world_cameras):
        # A camera that stands still is rendered once; its frames differ by their sensors' noise.
        if seen is None or (T_world_camera != shot.T_world_cameras[frame - 1]).any():
            seen = renderer.render(shot.intrinsics, T_world_camera, settings.spp, settings.sensor)
        noise_seed = [settings.seed, number, _NOISE, frame]
        color, truth, sensor_m = seen.color, seen.truth, None
        if settings.views == "still":
            color = noisy_color(color, np.random.default_rng([*noise_seed, _COLOR]))
        if seen.infrared is not None:
            sensor_m = sense_depth(*seen.infrared.expose(np.random.default_rng(noise_seed)), shot.intrinsics)
        yield encode_frame(frame, color, truth.depth_m, truth.normals, truth.instance_ids, sensor_m)


def _facts(settings: SynthSettings, number: int, shot: Shot) -> dict[str, Any]:
    """What clip.json says, but for the files' hashes."""
    scene = shot.scene
    return {
        "number": number,
        "seed": settings.seed,
        "settings": settings.digest,
        "views": settings.views,
        "surface": scene.surface,
        "container": scene.container,
        # What an object holds has an id of its own, and `of` says whose it is.
        "objects": [
            {"id": id_, "family": piece.family, "material": piece.material.name, "optics": piece.material.optics}
            | ({} if piece is placed.item else {"of": placed.instance_id})
            for placed in scene.objects
            for id_, piece in placed.pieces().items()
        ],
        "table": {"normal": [0.0, 0.0, 1.0], "offset_m": 0.0},
        "tags": [tag.model_dump(mode="json") for tag in scene.tags],
        "T_world_camera": shot.T_world_cameras.tolist(),
        "renderer": f"mitsuba {version('mitsuba')} {mitsuba().variant()}, {settings.spp} samples a pixel, "
        f"denoised by Open Image Denoise {version('pyoidn')}",
    }
