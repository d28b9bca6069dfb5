"""The live camera's code, driven by a recording that librealsense plays in real time as a device of a context.

No camera is needed: to librealsense such a device is attached, streams, falls silent at its end, and
can be unplugged and plugged in again.
"""

import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyrealsense2 as rs
import pytest

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras import attached, realsense
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.realsense import RealSenseCamera, RealSenseConfig
from hardware.cameras.recorder import Recorder
from tests.support.fake_d435 import SERIAL as FAKE_SERIAL
from tests.support.fake_d435 import FakeD435, in_step

SERIAL = "d435-under-test"
K = Intrinsics(848, 480, 610.0, 611.0, 421.0, 238.0)
COUNT = 50


def make_frame(number: int) -> RgbdFrame:
    """Colour, depth and infrared all tell the frame's number."""
    size = (K.height, K.width)
    return RgbdFrame(
        color=np.full((*size, 3), number, np.uint8),
        depth_m=np.full(size, 0.5 + number / 1000, np.float32),
        intrinsics=K,
        serial=SERIAL,
        number=number,
        stamp_s=100.0 + number / 30,
        source="test",
        infrared=(np.full(size, number, np.uint8), np.full(size, number + 100, np.uint8)),
    )


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half: it plays at the rate at which it was written."""
    file = tmp_path_factory.mktemp("live") / "d435.db3"
    with Recorder(file) as recorder:
        for number in range(COUNT):
            due_s = time.monotonic() + 1 / 30
            recorder.write(make_frame(number))
            time.sleep(max(due_s - time.monotonic(), 0.0))
    return file


class Socket:
    """Where the camera is plugged in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.context = rs.context()
        self._devices: list[Any] = []
        self.plug()

    def plug(self) -> None:
        self._devices.append(self.context.load_device(str(self._file)))

    def unplug(self) -> None:
        self.context.unload_device(str(self._file))


@pytest.fixture
def socket(recording: Path) -> Socket:
    return Socket(recording)


@pytest.fixture
def camera(socket: Socket) -> Iterator[RealSenseCamera]:
    with RealSenseCamera(RealSenseConfig(SERIAL, infrared=True), context=socket.context) as camera:
        yield camera


def read_until_silent(camera: RealSenseCamera) -> list[RgbdFrame]:
    frames = []
    with pytest.raises(CameraError, match="gave no frame"):
        while True:
            frames.append(camera.read(timeout_s=0.5))
    return frames


def test_frames_are_whole_fresh_and_of_one_exposure(camera: RealSenseCamera) -> None:
    before_s = time.monotonic()
    frames = read_until_silent(camera)
    assert len(frames) > 2
    for frame in frames:
        assert (frame.serial, frame.source, frame.intrinsics) == (SERIAL, "d435", K)
        shown = int(frame.color[0, 0, 0])
        assert (frame.color == shown).all()
        np.testing.assert_allclose(frame.depth_m, 0.5 + shown / 1000, atol=1e-4)
        left, right = frame.infrared
        assert (left == shown).all()
        assert (right == shown + 100).all()
    assert all(b.number > a.number and b.stamp_s > a.stamp_s for a, b in pairwise(frames))
    assert before_s < frames[0].stamp_s < frames[-1].stamp_s < time.monotonic()


def test_a_frame_that_waited_since_before_the_call_is_not_given(camera: RealSenseCamera) -> None:
    camera.read()
    time.sleep(2.0)  # the last frame of the recording now waits in librealsense
    with pytest.raises(CameraError, match=r"gave no frame in 0\.2 s") as caught:
        camera.read(timeout_s=0.2)
    assert "doctor" in caught.value.remedy


@pytest.mark.parametrize(("offset_s", "is_given"), [(3600.0, True), (-3600.0, False)], ids=["after", "before"])
def test_stamps_of_the_host_clock_tell_what_was_exposed_before_the_call(
    tmp_path: Path, offset_s: float, is_given: bool
) -> None:
    fake = FakeD435(
        color_size=(848, 480),
        epoch_ms=1000.0 * (time.time() + offset_s),
        domain=rs.timestamp_domain.global_time,
    )
    fake.record(tmp_path / "d435.db3", in_step(30), pause_s=1 / 60)
    socket = Socket(tmp_path / "d435.db3")
    with RealSenseCamera(RealSenseConfig(FAKE_SERIAL), context=socket.context) as camera:
        if is_given:
            assert camera.read(timeout_s=0.6).depth_m.shape == (480, 848)
        else:
            with pytest.raises(CameraError, match="gave no frame"):
                camera.read(timeout_s=0.3)


def test_a_silent_camera_is_started_again_at_the_next_read(camera: RealSenseCamera) -> None:
    last = read_until_silent(camera)[-1]
    again = camera.read()
    assert again.number > last.number
    assert again.stamp_s > last.stamp_s


def test_an_unplugged_camera_is_started_again_when_it_is_back(socket: Socket, camera: RealSenseCamera) -> None:
    last = camera.read()
    socket.unplug()
    time.sleep(2.0)  # librealsense plays an unplugged recording on to its end
    replug = threading.Timer(0.9, socket.plug)
    replug.start()
    again = camera.read(timeout_s=0.6)
    replug.join()
    assert again.number > last.number, "numbers grow across the loss"
    assert again.stamp_s > last.stamp_s
    assert camera.read().number > again.number


def test_a_camera_that_stays_away_fails_once_and_for_all(
    socket: Socket, camera: RealSenseCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realsense, "_RECONNECT_S", 0.3)
    camera.read()
    socket.unplug()
    time.sleep(2.0)
    with pytest.raises(CameraError, match="unplugged and did not come back"):
        camera.read(timeout_s=0.1)
    with pytest.raises(CameraError, match="closed"):
        camera.read(timeout_s=0.1)


def test_a_missing_camera_is_told_with_those_attached(socket: Socket) -> None:
    with pytest.raises(CameraError, match=SERIAL):
        RealSenseCamera(RealSenseConfig("another"), context=socket.context)
    socket.unplug()
    with pytest.raises(CameraError, match="No RealSense camera is attached"):
        RealSenseCamera(RealSenseConfig(SERIAL), context=socket.context)


def test_a_size_the_camera_does_not_give_now_is_told(socket: Socket) -> None:
    """As on USB 2, where librealsense cannot resolve what a D435 otherwise gives."""
    with pytest.raises(CameraError, match="does not start") as caught:
        RealSenseCamera(RealSenseConfig(SERIAL, 1280, 720), context=socket.context)
    assert "USB 3" in caught.value.remedy


@pytest.mark.parametrize("wrong", [{"width": 640}, {"height": 720}, {"fps": 31}, {"fps": 0}])
def test_a_configuration_no_d435_has_is_refused_when_built(wrong: dict[str, int]) -> None:
    with pytest.raises(CameraError):
        RealSenseConfig(**wrong)


def test_a_driver_that_hangs_in_stop_does_not_hang_the_program(
    camera: RealSenseCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, pipeline = threading.Event(), camera._pipeline
    monkeypatch.setattr(realsense, "_STOP_S", 0.1)
    monkeypatch.setattr(realsense, "_stop", lambda _: hung.wait(30))
    camera.close()
    hung.set()
    pipeline.stop()


def test_descriptions_name_what_is_attached(socket: Socket) -> None:
    (info,) = attached.describe(socket.context)
    assert info.serial == SERIAL
    assert SERIAL in str(info)
    assert "USB unknown" in str(info)


def test_without_librealsense_no_camera_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    assert attached.find_cameras() == ()
    with pytest.raises(CameraError, match="set-up script"):
        attached.describe_cameras()
