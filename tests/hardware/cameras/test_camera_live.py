"""The live camera's driver is a process of its own: killed and frozen for real, with librealsense in it."""

import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyrealsense2 as rs
import pytest

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.exposure import DRIFT, ExposureWatch
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.live import LiveCamera
from hardware.cameras.realsense import RealSenseCamera, RealSenseConfig
from hardware.cameras.recorder import Recorder
from tests.support.fake_d435 import SERIAL, FakeD435, in_step

K = Intrinsics(848, 480, 610.0, 611.0, 421.0, 238.0)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds: it plays at the rate at which it was written."""
    file = tmp_path_factory.mktemp("live") / "d435.db3"
    color, depth_m = np.full((480, 848, 3), 100, np.uint8), np.full((480, 848), 0.6, np.float32)
    with Recorder(file) as recorder:
        for number in range(90):
            due_s = time.monotonic() + 1 / 30
            recorder.write(RgbdFrame(color, depth_m, K, SERIAL, number, 100.0 + number / 30, "test"))
            time.sleep(max(due_s - time.monotonic(), 0.0))
    return file


@pytest.mark.slow
def test_a_driver_that_was_killed_or_hangs_is_started_again_by_serial_and_frames_go_on(recording: Path) -> None:
    with LiveCamera(RealSenseConfig(), plays=recording) as camera:
        frames = [camera.read()]
        for blow in (signal.SIGKILL, signal.SIGSTOP):
            driver = camera._driver.process
            driver.send_signal(blow)
            frames.append(camera.read())
            assert driver.returncode == -signal.SIGKILL, "whatever hung is gone"
            assert glance_while_reading(camera, frames).color.shape == (480, 848, 3)
    assert camera.name == f"d435 {SERIAL}" and frames[0].intrinsics == K
    assert [frame.number for frame in frames] == sorted({frame.number for frame in frames}), "numbers grow"
    assert [frame.stamp_s for frame in frames] == sorted({frame.stamp_s for frame in frames})
    with pytest.raises(CameraError, match="closed"):
        camera.read()
    assert camera.glance() is None


def glance_while_reading(camera: LiveCamera, frames: list[RgbdFrame]) -> RgbdFrame:
    """What somebody sees who looks on from another thread while frames are read; a look that would wait sees none."""
    with ThreadPoolExecutor(1) as others:
        looks = others.submit(lambda: [camera.glance() for _ in range(20)])
        while not looks.done():
            frames.append(camera.read())
    return next(frame for frame in (*looks.result(), camera.glance()) if frame is not None)


@pytest.mark.slow
def test_looking_at_a_camera_that_hangs_is_seen_as_nothing_and_the_next_read_starts_it_again(recording: Path) -> None:
    with LiveCamera(RealSenseConfig(), plays=recording) as camera:
        first = camera.read()
        camera._driver.process.send_signal(signal.SIGSTOP)
        assert camera.glance(timeout_s=0.1) is None
        assert camera.read().number > first.number


def test_a_silence_that_only_a_look_met_is_mended_by_the_next_read(recording: Path) -> None:
    with LiveCamera(RealSenseConfig(), plays=recording) as camera:
        first, driver = camera.read(), camera._driver.process
        while camera.glance(timeout_s=0.2) is not None:
            pass  # until the recording has been played
        assert driver.poll() is not None
        assert camera.read().number > first.number


def test_a_camera_that_does_not_come_back_fails_with_what_to_do(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "gone.db3"
    file.write_bytes(recording.read_bytes())
    with LiveCamera(RealSenseConfig(), plays=file) as camera:
        camera.read()
        file.unlink()
        camera._driver.process.kill()
        with pytest.raises(CameraError, match="also when it is started again") as caught:
            camera.read()
        assert "doctor" in caught.value.remedy
        with pytest.raises(CameraError, match="closed"):
            camera.read()


def test_usb_2_is_named_with_what_to_do(tmp_path: Path) -> None:
    FakeD435(usb="2.1", color_size=(424, 240), depth_size=(424, 240)).record(tmp_path / "usb2.db3", in_step(3))
    context = rs.context()
    _device = context.load_device(str(tmp_path / "usb2.db3"))  # attached while it is referred to
    with pytest.raises(CameraError, match=r"on USB 2\.1, which is too slow for 848x480 at 30 frames/s") as caught:
        RealSenseCamera(RealSenseConfig(), context=context)
    assert "USB 3 port" in caught.value.remedy


def grey(level: float) -> np.ndarray:
    return np.full((48, 64, 3), round(level), np.uint8)


@pytest.mark.parametrize(("level", "word"), [(0, "black"), (255, "burnt out")])
def test_a_picture_without_anything_in_it_is_refused(level: int, word: str) -> None:
    with pytest.raises(CameraError, match=word):
        ExposureWatch().check(grey(level), "d435 1")


@pytest.mark.parametrize("change", [DRIFT * 1.1, 1 / (DRIFT * 1.1)])
def test_a_drift_is_told_once_and_a_glance_is_not(change: float, caplog: pytest.LogCaptureFixture) -> None:
    watch = ExposureWatch()
    for level in [100] * 10 + [100 * change] + [100] * 10:
        watch.check(grey(level), "d435 1")
    assert not caplog.records, "one frame is no drift"
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            watch.check(grey(100 * change), "d435 1")
    assert [record.getMessage() for record in caplog.records] == [
        f"d435 1: brightness drifted from 100 to {100 * change:.0f} of 255; has the light changed?"
    ]
