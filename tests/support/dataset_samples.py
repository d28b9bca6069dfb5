"""Tiny data sets in the published layouts: a tilted table and a thing of glass on it, 128x96 pixels."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics

CAMERA = Intrinsics(128, 96, 120.0, 120.0, 63.5, 47.5)
#: The table in the camera: normal @ point = offset; the camera looks down on it by 45 degrees.
NORMAL, OFFSET_M = np.array([0.0, -np.sqrt(0.5), -np.sqrt(0.5)]), -0.5
GLASS_ID, OPAQUE_ID = 1, 2


@dataclass(frozen=True)
class Sample:
    """truth_m, sensor_m (H, W) [m], the sensor with a hole and a lie on the glass; ids (H, W); normals (H, W, 3)."""

    color: NDArray[np.uint8]
    truth_m: NDArray[np.float32]
    sensor_m: NDArray[np.float32]
    ids: NDArray[np.uint8]
    normals: NDArray[np.float32]


def sample(number: int) -> Sample:
    """Frame `number` of a film in which the things move by a pixel a frame."""
    rays = CAMERA.rays()
    plane_m = (OFFSET_M / (rays @ NORMAL)).astype(np.float32)
    ids = np.zeros(plane_m.shape, np.uint8)
    ids[40:70, 30 + number : 56 + number] = GLASS_ID
    ids[45:65, 80 - number : 100 - number] = OPAQUE_ID
    truth_m = np.where(ids > 0, plane_m - 0.06, plane_m).astype(np.float32)
    sensor_m = np.where(ids == GLASS_ID, plane_m + 0.02, truth_m).astype(np.float32)
    sensor_m[40:50, 30 + number : 56 + number] = np.nan
    normals = np.broadcast_to(NORMAL, (*ids.shape, 3)).astype(np.float32)
    # In blocks, which JPEG keeps.
    blocks = np.random.default_rng(number).integers(60, 200, (6, 8, 3), np.uint8)
    color = np.kron(blocks, np.ones((16, 16, 1), np.uint8))
    color[ids == GLASS_ID] = (200, 220, 230)
    return Sample(color, truth_m, sensor_m, ids, normals)


def write_transphy3d(root: Path, clips: int = 2, frames: int = 3, with_sensor: bool = True) -> Path:
    """Contract of `python main.py synth`; the world's table is z = 0."""
    (root / "clips").mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"format": "vitro-transphy3d", "version": 1}))
    T_world_camera = _world_of_camera()
    objects = [
        {"id": GLASS_ID, "family": "tumbler", "material": "glass", "optics": "transparent"},
        {"id": OPAQUE_ID, "family": "can", "material": "paper", "optics": "ordinary"},
    ]
    for number in range(clips):
        folder = root / "clips" / f"{number:06d}"
        folder.mkdir()
        for i in range(frames):
            one = sample(i + 2 * number)
            _png(folder / f"{i:06d}.png", one.color)
            _png(folder / f"{i:06d}.truth.png", np.rint(one.truth_m * 1e4).astype(np.uint16))
            _png(folder / f"{i:06d}.normals.png", np.rint((one.normals + 1) / 2 * 65535).astype(np.uint16))
            _png(folder / f"{i:06d}.ids.png", one.ids)
            if with_sensor:
                np.save(folder / f"{i:06d}.depth.npy", one.sensor_m)
        (folder / "intrinsics.json").write_text(json.dumps(CAMERA.__dict__))
        table = {"normal": [0.0, 0.0, 1.0], "offset_m": 0.0}
        told = {"objects": objects, "T_world_camera": [T_world_camera.tolist()] * frames, "table": table}
        (folder / "clip.json").write_text(json.dumps({"number": number, **told}))
    return root


def write_cleargrasp_real(folder: Path, stems: tuple[str, ...] = ("000000001",)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, stem in enumerate(stems):
        one = sample(number)
        for kind, depth_m in (("transparent", one.sensor_m), ("opaque", one.truth_m)):
            cv2.imwrite(str(folder / f"{stem}-{kind}-rgb-img.jpg"), one.color[..., ::-1])
            write_exr(folder / f"{stem}-{kind}-depth-img.exr", np.nan_to_num(depth_m))
        _png(folder / f"{stem}-mask.png", np.where(one.ids == GLASS_ID, 255, 0).astype(np.uint8))
        write_exr(folder / f"{stem}-normals.exr", one.normals * np.array([1, -1, -1], np.float32))
    # Twice the size of the images.
    (folder / "camera_intrinsics.yaml").write_text("xres: 256\nyres: 192\nfx: 240\nfy: 240\ncx: 127.5\ncy: 95.5\n")
    return folder


def write_cleargrasp_synthetic(folder: Path, stem: str = "000000003") -> Path:
    one = sample(0)
    names = ("rgb-imgs", "depth-imgs-rectified", "segmentation-masks", "camera-normals", "variant-masks", "json-files")
    for name in names:
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / f"rgb-imgs/{stem}-rgb.jpg"), one.color[..., ::-1])
    write_exr(folder / f"depth-imgs-rectified/{stem}-depth-rectified.exr", one.truth_m)
    _png(folder / f"segmentation-masks/{stem}-segmentation-mask.png", np.where(one.ids == 1, 255, 0).astype(np.uint8))
    write_exr(folder / f"camera-normals/{stem}-cameraNormals.exr", one.normals * np.array([1, -1, -1], np.float32))
    write_exr(folder / f"variant-masks/{stem}-variantMasks.exr", np.where(one.ids == 1, 100, 0).astype(np.float32))
    angles = {"x_axis_rads": 2 * np.arctan(64 / 120), "y_axis_rads": 2 * np.arctan(48 / 120)}
    variants = {"100": {"variant_uri": "User:1/bottle/variants/square-bottle"}}
    told = {"camera": {"field_of_view": angles}, "variants": {"masks_and_poses_by_pixel_value": variants}}
    (folder / f"json-files/{stem}-masks.json").write_text(json.dumps(told))
    return folder


def write_dreds(folder: Path, real: bool, frames: int = 2) -> Path:
    folder.mkdir(parents=True)
    truth, seen = ("gt_depth", "depth_415") if real else ("depth_120", "simDepthImage")
    for i in range(frames):
        one, stem = sample(i), folder / f"{i:04d}"
        _png(Path(f"{stem}_color.png"), one.color)
        write_exr(Path(f"{stem}_{truth}.exr"), one.truth_m)
        write_exr(Path(f"{stem}_{seen}.exr"), np.nan_to_num(one.sensor_m))
        # Glass is instance 0 here, the other thing 1.
        mask = np.where(one.ids == 0, 255, one.ids - 1).astype(np.uint8)
        if real:
            _png(Path(f"{stem}_mask.png"), mask)
        else:
            write_exr(Path(f"{stem}_mask.exr"), mask.astype(np.float32) / 255)
        lines = "0 1 02876657 abc 0.1 2 1 0 0 0 0 0 1\n1 4 3\n"
        Path(f"{stem}_meta.txt").write_text(lines)
    return folder


def write_hiss(folder: Path, frames: int = 2, with_sensor: bool = True) -> Path:
    folder.mkdir(parents=True)
    for i in range(frames):
        one = sample(i)
        _png(folder / f"{i:04d}_color.png", one.color)
        write_exr(folder / f"{i:04d}_depth.exr", one.truth_m)
        if with_sensor:
            write_exr(folder / f"{i:04d}_simDepthImage.exr", np.nan_to_num(one.sensor_m))
    return folder


def write_clearpose(folder: Path, frames: int = 2) -> Path:
    from scipy.io import savemat

    folder.mkdir(parents=True)
    metadata = {}
    for i in range(frames):
        one, stem = sample(i), f"{i:06d}"
        _png(folder / f"{stem}-color.png", one.color)
        _png(folder / f"{stem}-depth.png", np.rint(np.nan_to_num(one.sensor_m) * 1000).astype(np.uint16))
        _png(folder / f"{stem}-depth_true.png", np.rint(one.truth_m * 1000).astype(np.uint16))
        # A wine cup is glass; 70 is one of the opaque objects.
        _png(folder / f"{stem}-label.png", np.choose(one.ids, [0, 55, 70]).astype(np.uint8))
        _png(folder / f"{stem}-normal_true.png", ((one.normals + 1) * 127.5).astype(np.uint8))
        metadata[stem] = {
            "cls_indexes": np.array([[55], [70]], np.uint8),
            "factor_depth": np.array([[1000]], np.uint16),
            "intrinsic_matrix": CAMERA.matrix,
            "rotation_translation_matrix": _world_of_camera()[:3],
        }
    savemat(folder / "metadata.mat", metadata)
    return folder


def _world_of_camera() -> NDArray[np.float64]:
    """z up, the table at z = 0."""
    x = np.array([1.0, 0.0, 0.0])
    R_world_camera = np.stack([x, np.cross(NORMAL, x), NORMAL])
    T = np.eye(4)
    T[:3, :3] = R_world_camera
    T[2, 3] = -OFFSET_M
    return T


def _png(path: Path, image: NDArray) -> None:
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_exr(path: Path, image: NDArray[np.float32]) -> None:
    """Of (H, W), repeated in all channels, or (H, W, 3)."""
    import OpenEXR

    planes = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    channels = {name: np.ascontiguousarray(planes[..., i], np.float32) for i, name in enumerate("RGB")}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, channels).write(str(path))
