"""Frames that tell themselves apart, recorded and read back: what the tests of recordings share."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.image import Intrinsics
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorder import Recorder
from tests.support.fake_d435 import SQUARE_M, WALL_M, FakeD435
from tests.support.paths import DATA

K = Intrinsics(96, 64, 81.25, 80.5, 47.5, 32.25)
LEGACY = DATA / "legacy.bag"
SMALL = FakeD435(color_size=(320, 180), depth_size=(212, 120))


def make_frame(number: int) -> RgbdFrame:
    rng = np.random.default_rng(number)
    depth_m = rng.uniform(0.3, 2.0, (K.height, K.width)).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.2] = np.nan
    color = rng.integers(0, 256, (K.height, K.width, 3), np.uint8)
    left, right = rng.integers(0, 256, (2, 40, 70), np.uint8)
    return RgbdFrame(color, depth_m, K, "serial-7", number, 100.0 + number / 30, "test", (left, right))


def record(file: Path, frames: list[RgbdFrame]) -> Path:
    with Recorder(file) as recorder:
        for frame in frames:
            recorder.write(frame)
    return file


def read_all(camera: Camera) -> list[RgbdFrame]:
    frames = []
    with camera, pytest.raises(EndOfRecording) as end:
        while True:
            frames.append(camera.read())
    assert f"{camera.name} has {len(frames)} frame" in end.value.cause
    return frames


def assert_equal(read: RgbdFrame, written: RgbdFrame) -> None:
    np.testing.assert_array_equal(read.color, written.color)
    np.testing.assert_allclose(read.depth_m, written.depth_m, rtol=0, atol=0.51e-4)
    assert (read.number, read.serial) == (written.number, written.serial)
    assert read.stamp_s == pytest.approx(written.stamp_s, abs=1e-8)
    assert (read.infrared is None) == (written.infrared is None)
    for a, b in zip(read.infrared or (), written.infrared or (), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_shows_the_scene(frame: RgbdFrame, fake: FakeD435) -> None:
    """Red is the square and at its distance, green the wall at its own, but for 4 px at the edge."""
    red = fake.is_red().astype(np.uint8)
    inside, outside = cv2.erode(red, np.ones((9, 9))) > 0, cv2.dilate(red, np.ones((9, 9))) == 0
    is_seen = cv2.erode((frame.color.max(-1) > 150).astype(np.uint8), np.ones((5, 5))) > 0
    assert (frame.color[inside][:, 0] > 150).all()
    assert (frame.color[outside & is_seen][:, 1] > 110).all()
    for region, distance_m in ((inside, SQUARE_M), (outside, WALL_M)):
        seen_m = frame.depth_m[region]
        assert np.isfinite(seen_m).mean() > 0.9
        np.testing.assert_allclose(seen_m[np.isfinite(seen_m)], distance_m, atol=2e-3)
