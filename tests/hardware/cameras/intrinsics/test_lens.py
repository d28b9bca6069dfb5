"""Distortion is taken out as the model has it, whoever's it is; a folder's colour and depth alike."""

import json
from dataclasses import asdict

import cv2
import numpy as np
import pyrealsense2 as rs
import pytest

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.intrinsics.lens import Lens
from hardware.cameras.recorded import open_recording

K = Intrinsics(160, 120, 115.0, 114.0, 78.5, 60.0)
BENT = (0.1, -0.05, 0.002, -0.003, 0.02)


@pytest.mark.parametrize("model", ["brown_conrady", "modified_brown_conrady", "inverse_brown_conrady"])
def test_realsense_models_are_librealsenses_own(model: str) -> None:
    k = rs.intrinsics()
    k.width, k.height, k.fx, k.fy, k.ppx, k.ppy = K.width, K.height, K.fx, K.fy, K.cx, K.cy
    k.model, k.coeffs = getattr(rs.distortion, model), list(BENT)
    x, y = Lens(model, BENT).undistortion(K)
    for row, column in ((5, 8), (60, 80), (110, 150), (20, 130)):
        ray = [(column - K.cx) / K.fx, (row - K.cy) / K.fy, 1.0]
        np.testing.assert_allclose(rs.rs2_project_point_to_pixel(k, ray), [x[row, column], y[row, column]], atol=0.02)


@pytest.mark.parametrize("coefficients", [BENT[:4], BENT, (*BENT, 0.01, 0.0, 0.001)])
def test_opencvs_counts_are_opencvs_own(coefficients: tuple[float, ...]) -> None:
    x, y = Lens("", coefficients).undistortion(K)
    ray = np.array([[(150 - K.cx) / K.fx, (110 - K.cy) / K.fy, 1.0]])
    pixel = cv2.projectPoints(ray, np.zeros(3), np.zeros(3), K.matrix, np.array(coefficients))[0].ravel()
    np.testing.assert_allclose([x[110, 150], y[110, 150]], pixel, atol=0.01)


def test_a_pinhole_is_left_alone_and_what_nobody_knows_is_refused() -> None:
    assert Lens("none", BENT).undistortion(K) is None and Lens("plumb_bob", (0.0,) * 5).undistortion(K) is None
    for model, coefficients in (("ftheta", BENT), ("plumb_bob", BENT[:3]), ("", (float("nan"),) * 5)):
        with pytest.raises(CameraError, match="not known"):
            Lens(model, coefficients).undistortion(K)


FILES = {
    "intrinsics.json": {**asdict(K), "serial": "7"},
    "camera.json": {"width": 160, "height": 120, "fx": 115.0, "fy": 114.0, "ppx": 78.5, "ppy": 60.0},
    "camera_info.json": {"width": 160, "height": 120, "K": [115.0, 0, 78.5, 0, 114.0, 60.0, 0, 0, 1], "D": [0.0] * 5},
    "camera_info.yaml": {"image_width": 160, "image_height": 120, "camera_matrix": {"data": K.matrix.ravel().tolist()}},
    "camera_intrinsic.json": {"width": 160, "height": 120, "intrinsic_matrix": K.matrix.T.ravel().tolist()},
}
STEMS = {"000000": "000000.depth", "frame_7": "frame_7.depth", "Rgb_3": "Rgb_3_depth"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("stem", STEMS)
def test_a_folder_is_read_whatever_its_files_are_called(tmp_path, name: str, stem: str) -> None:
    rng = np.random.default_rng(0)
    color, millimetres = rng.integers(0, 255, (120, 160, 3), np.uint8), rng.integers(300, 2000, (120, 160), np.uint16)
    (tmp_path / name).write_text(json.dumps(FILES[name]))
    (tmp_path / f"{stem}.PNG").write_bytes(cv2.imencode(".png", color[..., ::-1])[1].tobytes())
    cv2.imwrite(str(tmp_path / f"{STEMS[stem]}.png"), millimetres)
    (tmp_path / "old_depth.tif").write_bytes(b"")
    camera = open_recording(tmp_path)
    frame = camera.read()
    assert frame.intrinsics == K and np.array_equal(frame.color, color)
    np.testing.assert_allclose(frame.depth_m, millimetres / 1000, rtol=1e-6)
    assert "old_depth.tif ignored" in camera.notes[0] and "millimetres" in camera.notes[1]


def test_a_folders_unit_and_lens_are_heeded(tmp_path) -> None:
    (tmp_path / "intrinsics.json").write_text(
        json.dumps({**asdict(K), "depth_scale": 0.00025, "model": "plumb_bob", "coeffs": BENT})
    )
    cv2.imwrite(str(tmp_path / "000000.png"), np.full((120, 160, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "000000.depth.png"), np.full((120, 160), 3200, np.uint16))
    camera = open_recording(tmp_path)
    assert "undistorted" in camera.notes[0]
    assert np.nanmedian(camera.read().depth_m) == pytest.approx(0.8)
