"""Distortion is taken out as the model has it, whoever's it is; a folder's colour and depth alike."""

import json
from dataclasses import asdict

import cv2
import numpy as np
import pyrealsense2 as rs
import pytest

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.intrinsics.files import camera_of
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


@pytest.mark.parametrize("key", ["coeffs", "D", "distortion_coefficients", "distortion", "dist_coeffs", "distCoeffs"])
def test_coefficients_are_heeded_whatever_they_are_called(key: str) -> None:
    assert camera_of({**asdict(K), key: BENT, "distortion_model": "plumb_bob"}).lens == Lens("plumb_bob", BENT)


def test_coefficients_that_cannot_be_put_in_order_are_refused() -> None:
    with pytest.raises(ValueError, match="one by one"):
        camera_of({**asdict(K), "k1": 0.1, "k2": -0.05})
    assert camera_of({**asdict(K), "k1": 0.0, "distortion": "none"}).lens == Lens("none", ())


PAIRS = [
    ("color_7.png", "depth_7.png"),
    ("7_color.jpg", "7_depth.png"),
    ("rgb.webp", "depth.npy"),
    ("img_07.tif", "07.aligned_depth.png"),
]


@pytest.mark.parametrize(("color_name", "depth_name"), PAIRS)
def test_depth_is_found_by_the_words_that_tell_it_from_colour(tmp_path, color_name: str, depth_name: str) -> None:
    (tmp_path / "intrinsics.yaml").write_text(json.dumps(asdict(K)))
    cv2.imwrite(str(tmp_path / color_name), np.full((120, 160, 3), 90, np.uint8))
    millimetres = np.full((120, 160), 800, np.uint16)
    if depth_name.endswith("npy"):
        np.save(tmp_path / depth_name, (millimetres / 1000).astype(np.float32))
    else:
        cv2.imwrite(str(tmp_path / depth_name), millimetres)
    assert np.nanmedian(open_recording(tmp_path).read().depth_m) == pytest.approx(0.8)


def test_depth_that_may_be_of_either_picture_is_of_neither(tmp_path) -> None:
    (tmp_path / "intrinsics.json").write_text(json.dumps(asdict(K)))
    for name in ("rgb_1.png", "color_1.png"):
        cv2.imwrite(str(tmp_path / name), np.full((120, 160, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "depth_1.png"), np.full((120, 160), 800, np.uint16))
    camera = open_recording(tmp_path)
    assert np.isnan(camera.read().depth_m).all() and "depth_1.png ignored" in camera.notes[0]


def test_an_empty_folder_is_called_so(tmp_path) -> None:
    with pytest.raises(CameraError, match="is empty"):
        open_recording(tmp_path)
