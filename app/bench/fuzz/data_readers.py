"""Readers of data sets, users' meshes and training settings, each with a sound file to damage."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from app.bench.fuzz.reader import COLOR, DEPTH_M, INTRINSICS, Reader


def _write_clip(folder: Path) -> None:
    from perception.learning.synthesis.clips.clip_files import ClipWriter, as_json, encode_frame
    from perception.learning.synthesis.clips.settings import SynthSettings

    (folder / "dataset.json").write_bytes(as_json(SynthSettings(frames=1).as_facts() | {"clips": 1}))
    facts = {
        "number": 0,
        "views": "orbit",
        "T_world_camera": [np.diag([1.0, -1.0, -1.0, 1.0]).tolist()],
        "table": {"normal": [0.0, 0.0, 1.0], "offset_m": 0.0},
        "objects": [{"id": 1, "family": "cup", "optics": "transparent"}],
        "tags": [{"id": 1, "size_m": 0.04, "position_m": [0.1, 0.2], "yaw_rad": 0.0}],
    }
    with ClipWriter(folder / "clips", 0) as writer:
        normals = np.broadcast_to(np.array([0, 0, -1], np.float32), COLOR.shape)
        writer.add(encode_frame(0, COLOR, DEPTH_M, normals, np.ones((24, 32), np.int32), DEPTH_M))
        writer.add({"intrinsics.json": as_json(asdict(INTRINSICS)), "clip.json": as_json(facts)})
        writer.finish()


def _read_clip(folder: Path) -> object:
    from perception.learning.datasets.transphy3d import rendered_clips
    from perception.learning.synthesis.clips.clip_set import verify

    list(verify(folder))
    (clip,) = rendered_clips(folder)
    clip.demand_files()
    return clip.frame(0)


def _write_dreds(folder: Path) -> None:
    line = "0 1 folder cup 1.0 2 1 0 0 0 0 0 1\n"
    (folder / "0000_meta.txt").write_text(line * 3)


def _read_dreds(folder: Path) -> object:
    from perception.learning.datasets.dreds import _instances

    return _instances(folder / "0000_meta.txt")


def _write_cleargrasp(folder: Path) -> None:
    (folder / "camera_intrinsics.yaml").write_text("xres: 32\nyres: 24\nfx: 30.0\nfy: 30.0\ncx: 15.5\ncy: 11.5\n")


def _read_cleargrasp(folder: Path) -> object:
    from perception.learning.datasets.cleargrasp import _camera

    return _camera(folder / "camera_intrinsics.yaml")


def _write_clearpose(folder: Path) -> None:
    from scipy.io import savemat

    frame = {"factor_depth": 1000, "intrinsic_matrix": np.eye(3), "rotation_translation_matrix": np.eye(3, 4)}
    savemat(folder / "metadata.mat", {"f000000": frame, "f000001": frame})


def _read_clearpose(folder: Path) -> object:
    from perception.learning.datasets.clearpose import _camera, _read_metadata

    return [_camera(record, (24, 32), folder) for record in _read_metadata(folder / "metadata.mat").values()]


def _write_mesh(name: str, folder: Path) -> None:
    import trimesh

    trimesh.creation.cylinder(0.03, 0.1, sections=8).export(folder / name)


def _write_hints(folder: Path) -> None:
    _write_mesh("cup.glass.obj", folder)
    (folder / "materials.yaml").write_text(
        "cup.glass.obj: {material: tinted, color: [0.2, 0.6, 0.3], units: m, up: z}\n"
    )


def _read_meshes(folder: Path) -> object:
    from perception.learning.synthesis.scenes.user_meshes import read_user_meshes

    return read_user_meshes(folder)


def _read_training(folder: Path) -> object:
    from perception.learning.training.settings import read_settings

    return read_settings(folder / "a.yaml", {})


def _write_training(folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "data: [transphy3d=/data]\nbase: tiny\nsteps: 60\nlearning_rate: 1.0e-3\nsize: [208, 112]\n"
    )


DATA_READERS = {
    "dataset.json": Reader("dataset.json", _write_clip, _read_clip),
    "clip.json": Reader("clips/000000/clip.json", _write_clip, _read_clip),
    "dreds meta": Reader("0000_meta.txt", _write_dreds, _read_dreds),
    "cleargrasp camera": Reader("camera_intrinsics.yaml", _write_cleargrasp, _read_cleargrasp),
    "clearpose": Reader("metadata.mat", _write_clearpose, _read_clearpose),
    "obj": Reader("cup.glass.obj", partial(_write_mesh, "cup.glass.obj"), _read_meshes),
    "glb": Reader("cup.glass.glb", partial(_write_mesh, "cup.glass.glb"), _read_meshes),
    "materials.yaml": Reader("materials.yaml", _write_hints, _read_meshes),
    "training.yaml": Reader("a.yaml", _write_training, _read_training),
}
