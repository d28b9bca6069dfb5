"""Clips and data sets written without a renderer, of noise."""

from pathlib import Path

import numpy as np

from perception.learning.synthesis.clips.clip_files import ClipWriter, as_json, clip_name, encode_frame
from perception.learning.synthesis.clips.clip_set import ClipSet
from perception.learning.synthesis.clips.settings import SynthSettings

SHAPE = (12, 16)
SETTINGS = SynthSettings(width=16, height=16, frames=2)


def drawn_frame(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(*SHAPE, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[0, 0] = np.nan
    depth_m = rng.uniform(0.3, 3.0, SHAPE)
    depth_m[0, :3] = np.nan, 7.0, 0.0
    return {
        "color": rng.integers(0, 256, (*SHAPE, 3), np.uint8),
        "depth_m": depth_m.astype(np.float32),
        "normals": normals.astype(np.float32),
        "instance_ids": rng.integers(0, 9, SHAPE, np.uint8),
    }


def write_clip(clips: Path, number: int, frames: int = 2, of: SynthSettings = SETTINGS) -> Path:
    with ClipWriter(clips, number) as writer:
        facts = {"number": number, "settings": of.digest}
        writer.add({"clip.json": as_json(facts), "intrinsics.json": b"{}\n"})
        for frame in range(frames):
            writer.add(encode_frame(frame, **drawn_frame(frame)))
        writer.finish()
    return clips / clip_name(number)


def write_set(root: Path, count: int) -> ClipSet:
    made = ClipSet(root, SETTINGS, count)
    with made.hold():
        for number in made.missing():
            write_clip(made.clips, number)
    return made
